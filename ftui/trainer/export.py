"""`python -m ftui.trainer.export RUN_DIR REQUEST.json`: write the tuned model in another form, and check it.

REQUEST: {"format": adapter|merged|gguf, "out": folder, "dtype": bf16|fp16|fp32|auto, "quant": f16|q8_0|f32|bf16,
"prompts": how many held-out prompts the check compares}. Speaks in events on stdout. Leaves check.json in the folder:
{"passed", "compared", "same_text", "largest_logit_difference", "threshold", "against", "notes"}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftui.core.events import Event, Phase, to_line
from ftui.errors import FtuiError

THRESHOLDS = {"adapter": 1.0, "merged": 0.99, "gguf": 0.98, "gguf-q8_0": 0.90}
"""Share of held-out prompts whose greedy text must be the same. Eight bits may turn a near tie the other way."""
DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


def emit(event: Event) -> None:
    """Say it on stdout, at once."""
    sys.stdout.write(to_line(event))
    sys.stdout.flush()


def export(run_dir: Path, request: Mapping[str, Any]) -> None:
    """Write the artefact and its check report into request["out"]. Raises FtuiError, OSError."""
    emit(Phase("importing", "torch, transformers, peft"))
    from ftui.trainer import finished

    plan = finished.read_run(run_dir)
    out = Path(request["out"])
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    tokenizer = finished.tokenizer_of(run_dir, plan)
    prompts = _prompts(run_dir, plan, tokenizer, int(request.get("prompts", 32)))
    emit(Phase("loading", "base and adapter"))
    tuned = finished.load_tuned(run_dir, plan)
    emit(Phase("checking", f"answers of the tuned model to {len(prompts)} held-out prompts"))
    wanted = Answers.of(tuned, tokenizer, prompts, plan.eval.max_new_tokens)
    del tuned
    match request["format"]:
        case "adapter":
            exported = _adapter(run_dir, out, plan, tokenizer)
        case "merged":
            exported = _merged(run_dir, out, plan, tokenizer, request.get("dtype", "auto"))
        case "gguf":
            exported = _gguf(run_dir, out, plan, tokenizer, request.get("quant", "f16"))
        case other:
            raise FtuiError("No such export", f"{other!r} is not adapter, merged or gguf")
    emit(Phase("checking", "the same prompts with what was written"))
    got = Answers.of(exported, tokenizer, prompts, plan.eval.max_new_tokens)
    name = (
        f"gguf-{request['quant']}"
        if request.get("quant") == "q8_0" and request["format"] == "gguf"
        else request["format"]
    )
    report = compare(wanted, got, THRESHOLDS[name])
    from ftui.trainer.job import write_json

    write_json(out / "check.json", report)


class Answers:
    """A model's greedy texts, and its logits after each prompt (fp32, [prompts, vocabulary])."""

    def __init__(self, texts: Sequence[str], logits: Any) -> None:
        self.texts = texts
        self.logits = logits

    @classmethod
    def of(cls, model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], limit: int) -> Answers:
        """Ask the model."""
        import torch

        from ftui.core.render import end_of_turn
        from ftui.trainer.dialect import dialect_of
        from ftui.trainer.generate import generate, stop_ids

        made = generate(
            model,
            prompts,
            stops=stop_ids(model, tokenizer, end_of_turn(dialect_of(tokenizer))),
            pad_id=tokenizer.pad_token_id,
            decode=lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True)),
            max_new_tokens=limit,
            batch=16,
        )
        device = next(model.parameters()).device
        with torch.inference_mode():
            last = [
                model(input_ids=torch.tensor([list(p)], device=device)).logits[0, -1].float().cpu() for p in prompts
            ]
        return cls([answer.text for answer in made.answers], torch.stack(last) if last else None)


def compare(wanted: Answers, got: Answers, threshold: float) -> dict[str, Any]:
    """The check report: the share of prompts with the same greedy text, and the largest difference of a logit."""
    same = [one == other for one, other in zip(wanted.texts, got.texts, strict=True)]
    share = sum(same) / len(same) if same else 0.0
    vocabulary = min(wanted.logits.shape[-1], got.logits.shape[-1]) if same else 0
    difference = (wanted.logits[:, :vocabulary] - got.logits[:, :vocabulary]).abs().max() if same else None
    changed = [
        {"wanted": wanted.texts[i][:300], "got": got.texts[i][:300]} for i, equal in enumerate(same) if not equal
    ]
    return {
        "schema_version": 1,
        "passed": bool(same) and share >= threshold,
        "against": "the tuned model on held-out prompts, greedy",
        "compared": len(same),
        "same_text": share,
        "threshold": threshold,
        "largest_logit_difference": float(difference) if difference is not None else None,
        "differences": changed[:5],
        "notes": [] if same else ["the run has no held-out prompts: nothing could be compared"],
    }


def _prompts(run_dir: Path, plan: Any, tokenizer: Any, limit: int) -> list[list[int]]:
    from ftui.trainer.dialect import dialect_of
    from ftui.trainer.job import read_rows
    from ftui.trainer.score import prompt_ids, questions

    held_out = run_dir / "data" / "eval.jsonl"
    if not held_out.is_file():
        return []
    dialect = dialect_of(tokenizer)
    return [prompt_ids(dialect, pair, plan) for pair in questions(list(read_rows(held_out)), limit)]


def _adapter(run_dir: Path, out: Path, plan: Any, tokenizer: Any) -> Any:
    """The adapter as PEFT saved it, with tokenizer and chat template; read back onto a fresh base."""
    import shutil

    from peft import PeftModel

    from ftui.trainer import finished

    folder = finished.tuned_folder(run_dir)
    if not finished.is_adapter(folder):
        raise FtuiError("The run has no adapter", "it trained all weights", "ftui export RUN --to merged")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copyfile(folder / name, out / name)
    _name_the_base(out, run_dir, plan)
    tokenizer.save_pretrained(str(out))
    return PeftModel.from_pretrained(finished.load_base(run_dir, plan), str(out)).eval()


def _name_the_base(out: Path, run_dir: Path, plan: Any) -> None:
    """The adapter's config names the base by its public id where it has one: a path of this machine helps nobody."""
    path = out / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    if "/" in plan.model.id and not Path(plan.model.id).is_absolute():
        config["base_model_name_or_path"] = plan.model.id
        config["revision"] = plan.model.revision
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _merged(run_dir: Path, out: Path, plan: Any, tokenizer: Any, dtype: str) -> Any:
    """Base plus adapter in one set of weights, merged in fp32 and stored in 16 bit; read back from the disk.

    The base is always loaded unquantised: merging into 4-bit weights and storing those again would lose the adapter in
    the rounding.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from ftui.trainer import finished

    emit(Phase("merging", "base and adapter, in fp32"))
    model = finished.load_tuned(run_dir, plan, torch.float32)
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload(safe_merge=True)
    stored = getattr(torch, DTYPES[dtype]) if dtype != "auto" else _stored_dtype(run_dir, plan)
    model = model.to(stored)
    emit(Phase("saving", f"{str(stored).removeprefix('torch.')}, safetensors"))
    model.save_pretrained(str(out), max_shard_size="4GB")
    tokenizer.save_pretrained(str(out))
    del model
    # Compared in fp32, so that the report shows what storing in 16 bit cost and not what 16-bit arithmetic costs.
    read_as = "auto" if torch.cuda.is_available() else torch.float32
    return AutoModelForCausalLM.from_pretrained(str(out), dtype=read_as, use_safetensors=True).eval()


def _stored_dtype(run_dir: Path, plan: Any) -> Any:
    """The base's own 16-bit type; fp16 for a base in fp32, because it keeps three more bits than bf16."""
    import torch
    from transformers import AutoConfig

    from ftui.trainer import finished

    own = AutoConfig.from_pretrained(finished.base_folder(run_dir, plan)).dtype
    return own if own in (torch.bfloat16, torch.float16) else torch.float16


def _gguf(run_dir: Path, out: Path, plan: Any, tokenizer: Any, quant: str) -> Any:
    """One GGUF file for llama.cpp and Ollama; read back by transformers."""
    import torch
    from transformers import AutoModelForCausalLM

    from ftui.trainer import finished
    from ftui.trainer.gguf_writer import write_gguf

    emit(Phase("merging", "base and adapter, in fp32"))
    model = finished.load_tuned(run_dir, plan, torch.float32)
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload(safe_merge=True)
    emit(Phase("saving", f"GGUF, {quant}"))
    path = out / f"model-{quant}.gguf"
    write_gguf(model, tokenizer, path, quant, name=plan.run.name)
    del model
    return AutoModelForCausalLM.from_pretrained(str(out), gguf_file=path.name, dtype=torch.float32).eval()


def main(arguments: list[str]) -> int:
    """Do it; a failure is the last event."""
    from ftui.trainer.failure import as_failed

    try:
        export(Path(arguments[0]), json.loads(Path(arguments[1]).read_text(encoding="utf-8")))
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # whatever a model or a library raises: the caller gets one sentence
        emit(as_failed(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m ftui.trainer.export RUN_DIR REQUEST.json`: write the tuned model in another form, and check it.

REQUEST: {"format": adapter|merged|gguf, "out": folder, "dtype": auto|bf16|fp16|fp32,
"quant": auto|f32|f16|bf16|q8_0|q4_k_m, "prompts": how many held-out prompts the check compares, "adapter": a folder to
export in place of the run's own}.
Speaks in events on stdout. Leaves check.json in the folder, as trainer/export_check.py reports it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ftui.core.events import Phase
from ftui.errors import FtuiError
from ftui.trainer.request import emit, serve

DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
QUANTIZER = "llama-quantize"
SHARD = "4GB"
SMALL_PARAMETERS = 500_000_000
"""Up to here (2 GB) a model that was trained in fp32 is written in fp32, where no near tie turns, unless asked."""
TRAINED_ROWS = 500
"""So many training rows are looked at for thoughts."""


def export(run_dir: Path, request: Mapping[str, Any]) -> None:
    """Write the artefact and its check report into request["out"]. Raises FtuiError, OSError."""
    emit(Phase("importing", "torch, transformers, peft"))
    from ftui.trainer.export_check import answers_of, report, same_next_token
    from ftui.trainer.job import write_json

    job = _Export(run_dir, request)
    if job.plan.method.task == "reward":
        _export_reward_model(job, str(request["format"]))
        return
    prompts = job.prompts()
    emit(Phase("loading", "base and adapter"))
    tuned = job.models.load_tuned(run_dir, job.plan, job.checked_in, folder=job.adapter)
    emit(Phase("checking", f"answers of the tuned model to {len(prompts)} held-out prompts"))
    limit = job.plan.eval.max_new_tokens
    wanted = answers_of(tuned, job.tokenizer, prompts, limit)
    del tuned
    match request["format"]:
        case "adapter":
            exported, form = job.write_adapter(), "adapter"
        case "merged":
            exported, form = job.write_merged(), "merged"
        case "gguf":
            exported, form = job.write_gguf(), f"gguf-{job.quant}"
        case other:
            raise FtuiError("No such export", f"{other!r} is not adapter, merged or gguf")
    emit(Phase("checking", "the same prompts with what was written"))
    got = answers_of(exported, job.tokenizer, prompts, limit)
    check = report(form, wanted, got, same_next_token(exported, prompts, wanted.ids))
    check["notes"] += job.notes
    if not check["passed"] and (advice := job.exact_option(form)):
        check["notes"].append(f"near ties turn in fewer bits: {advice} keeps every weight as it was trained")
    if form.startswith("gguf"):
        _ask_llama_cpp(job, prompts, wanted.texts, exported, limit, check)
    write_json(job.out / "check.json", check)


def _export_reward_model(job: _Export, format_name: str) -> None:
    """As an adapter or merged; it writes no text, so its rewards are compared."""
    from ftui.trainer.export_reward import held_out_pairs, report, rewards_of_pairs
    from ftui.trainer.job import read_rows, write_json

    rows = list(read_rows(job.held_out)) if job.held_out.is_file() else []
    pairs = [sides for _, sides in held_out_pairs(job.tokenizer, rows, job.plan)][: job.limit]
    emit(Phase("loading", "the reward model"))
    tuned = job.models.load_tuned(job.run_dir, job.plan, job.checked_in, folder=job.adapter)
    emit(Phase("checking", f"rewards of {len(pairs)} held-out pairs"))
    wanted = rewards_of_pairs(tuned, pairs)
    del tuned
    exported = job.write_adapter() if format_name == "adapter" else job.write_merged()
    emit(Phase("checking", "the same pairs with what was written"))
    check = report(format_name, wanted, rewards_of_pairs(exported, pairs))
    check["notes"] += job.notes
    write_json(job.out / "check.json", check)


def _ask_llama_cpp(job: _Export, prompts: Any, wanted: list[str], exported: Any, limit: int, check: Any) -> None:
    """A second opinion from the runtime that the file is for, where it is installed."""
    from ftui.core.render import end_of_turn
    from ftui.trainer.dialect import dialect_of
    from ftui.trainer.export_check import llama_cpp_texts
    from ftui.trainer.generate import stop_ids

    stops = stop_ids(exported, job.tokenizer, end_of_turn(dialect_of(job.tokenizer)))
    texts = llama_cpp_texts(job.out / f"model-{job.quant}.gguf", job.tokenizer, prompts, stops, limit)
    if texts is None:
        check["notes"].append(
            "read back by transformers; llama-cpp-python is not installed, so not by llama.cpp itself"
        )
    elif wanted:
        share = sum(one == other for one, other in zip(wanted, texts, strict=True)) / len(wanted)
        check["llama_cpp_same_text"] = share
        check["passed"] = check["passed"] and (check["measure"] != "same_text" or share >= check["threshold"])


class _Export:
    """One export: the run, what is asked for, and where it goes."""

    def __init__(self, run_dir: Path, request: Mapping[str, Any]) -> None:
        from ftui.trainer import finished
        from ftui.trainer.result_plan import result_plan

        self.run_dir = run_dir
        result = result_plan(run_dir)
        self.plan, self.held_out, self.trained_on = result.plan, result.held_out, result.data / "train.jsonl"
        self.models: Any = finished
        if self.plan.method.task == "reward":
            from ftui.trainer import export_reward

            self.models = export_reward
        self.tokenizer = finished.tokenizer_of(run_dir, self.plan)
        self.out = Path(request["out"])
        self.out.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.dtype = str(request.get("dtype", "auto"))
        self.quant = str(request.get("quant", "auto"))
        self.limit = int(request.get("prompts", 32))
        self.adapter = Path(request["adapter"]) if request.get("adapter") else None
        self.notes: list[str] = []
        self.checked_in = finished.checked_dtype(run_dir)
        self.trained_in = finished.trained_precision(run_dir, result.data)
        self._keep_silent()

    def _keep_silent(self) -> None:
        """Let the exported template ask for answers as they were trained: a model that thinks, without a thought."""
        from ftui.core.render import render_prompt
        from ftui.core.render_thought import SILENT, empty_thought
        from ftui.trainer.dialect import dialect_of
        from ftui.trainer.job import read_rows

        template = self.tokenizer.chat_template
        if not isinstance(template, str) or not self.trained_on.is_file():
            return
        dialect = dialect_of(self.tokenizer)
        lead = empty_thought(dialect, islice(read_rows(self.trained_on), TRAINED_ROWS))
        if not lead:
            return
        asked = [{"role": "user", "content": "?"}]
        wanted = render_prompt(dialect, asked).text + lead
        self.tokenizer.chat_template = SILENT + template
        if render_prompt(dialect_of(self.tokenizer), asked).text == wanted:
            self.notes.append("it was tuned on answers without thought: its chat template asks for just those")
        else:
            self.tokenizer.chat_template = template
            self.notes.append(f"ask it with {lead!r} before its answer, as it was trained: its template has no switch")

    def prompts(self) -> list[list[int]]:
        """The first held-out prompts as token ids; of training rows where the run held none out."""
        from ftui.trainer.dialect import dialect_of
        from ftui.trainer.job import read_rows
        from ftui.trainer.score_rows import prompt_ids, questions

        asked = questions(list(read_rows(self.held_out)), self.limit) if self.held_out.is_file() else []
        if not asked and self.trained_on.is_file():
            asked = questions(list(islice(read_rows(self.trained_on), self.limit)), self.limit)
            self.notes.append("the run held no rows out: compared on prompts of its training rows")
        dialect = dialect_of(self.tokenizer)
        return [prompt_ids(dialect, pair, self.plan) for pair in asked]

    def write_adapter(self) -> Any:
        """The adapter as PEFT saved it, with tokenizer and chat template; read back onto a fresh base."""
        from peft import PeftModel

        from ftui.trainer import finished

        folder = self.adapter or finished.tuned_folder(self.run_dir)
        own_base = Path(finished.base_folder(self.run_dir, self.plan))
        if own_base.is_absolute() and own_base.is_relative_to(self.run_dir):
            raise FtuiError(
                "The adapter is of no use alone",
                "it belongs to weights that an earlier stage of this run trained",
                "Export both in one: --to merged",
            )
        if not finished.is_adapter(folder):
            raise FtuiError("The run has no adapter", "it trained all weights", "ftui export RUN --to merged")
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.copyfile(folder / name, self.out / name)
        self._name_the_base()
        self.tokenizer.save_pretrained(str(self.out))
        if self.plan.method.technique == "qlora":
            self.notes.append(
                f"trained on a {self.plan.method.quant} base: load the base quantised just so, or export it merged"
            )
        base = self.models.load_base(self.run_dir, self.plan, self.checked_in, as_trained=True)
        return PeftModel.from_pretrained(base, str(self.out)).eval()

    def _name_the_base(self) -> None:
        """Name the base by its public id where it has one: a path of this machine helps nobody."""
        path = self.out / "adapter_config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        if "/" in self.plan.model.id and not Path(self.plan.model.id).is_absolute():
            config["base_model_name_or_path"] = self.plan.model.id
            config["revision"] = self.plan.model.revision
        path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def _whole(self) -> Any:
        """Base plus adapter in one set of weights, merged in fp32.

        The base of QLoRA is turned back from what it was quantised to before the merge: merging into 4-bit weights and
        storing those again would lose the adapter in the rounding.
        """
        import torch

        emit(Phase("merging", "base and adapter, in fp32"))
        model = self.models.load_tuned(self.run_dir, self.plan, torch.float32, folder=self.adapter)
        return model.merge_and_unload(safe_merge=True) if hasattr(model, "merge_and_unload") else model

    def write_merged(self) -> Any:
        """The merged weights in shards, in 16 bit or as `_stored_dtype` says; read back from the disk."""
        import torch

        model = self._whole()
        stored = getattr(torch, DTYPES[self.dtype]) if self.dtype != "auto" else self._stored_dtype(model)
        self.dtype = next(name for name, kind in DTYPES.items() if getattr(torch, kind) == stored)
        model = model.to(stored)
        emit(Phase("saving", f"{str(stored).removeprefix('torch.')}, safetensors"))
        model.save_pretrained(str(self.out), max_shard_size=SHARD)
        self.tokenizer.save_pretrained(str(self.out))
        del model
        return self._read_back(use_safetensors=True)

    def _read_back(self, **how: Any) -> Any:
        """What was written, in the arithmetic that the tuned model answered in."""
        import torch
        from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

        reward = self.plan.method.task == "reward"
        loader: Any = AutoModelForSequenceClassification if reward else AutoModelForCausalLM
        where = {"": 0} if torch.cuda.is_available() else None
        made = loader.from_pretrained(str(self.out), dtype=self.checked_in or "auto", device_map=where, **how)
        return made.eval()

    def _kept_exact(self, model: Any) -> bool:
        """Whether the model was trained in fp32 and is small enough to be written so."""
        return self.trained_in == "fp32" and sum(p.numel() for p in model.parameters()) <= SMALL_PARAMETERS

    def exact_option(self, form: str) -> str:
        """The option that writes this form in fp32; empty where it was written so, or has no such option."""
        if form == "merged":
            return "--dtype fp32" if self.dtype != "fp32" else ""
        return "--quantize f32" if form.startswith("gguf") and self.quant != "f32" else ""

    def _stored_dtype(self, model: Any) -> Any:
        """fp32 for a small model that was trained so; else the base's own 16-bit type, or fp16 for a base in fp32,
        because it keeps three more bits than bf16."""
        import torch
        from transformers import AutoConfig

        from ftui.trainer import finished

        if self._kept_exact(model):
            return torch.float32
        own = AutoConfig.from_pretrained(finished.base_folder(self.run_dir, self.plan)).dtype
        return own if own in (torch.bfloat16, torch.float16) else torch.float16

    def write_gguf(self) -> Any:
        """One GGUF file for llama.cpp and Ollama; read back by transformers."""
        from ftui.trainer.gguf_writer import FILE_TYPES, refuse_unknown, write_gguf

        by_llama_cpp = self.quant == "q4_k_m"
        quantizer = shutil.which(QUANTIZER) if by_llama_cpp else None
        if by_llama_cpp and quantizer is None:
            raise FtuiError(
                "q4_k_m needs llama.cpp's quantizer",
                f"no {QUANTIZER} on the PATH",
                "Build llama.cpp and put it there, or take --quantize q8_0, which needs nothing.",
            )
        if not by_llama_cpp and self.quant not in ("auto", *FILE_TYPES):
            raise FtuiError("No such quantisation", f"{self.quant!r}; there are auto, {', '.join(FILE_TYPES)}, q4_k_m")
        model = self._whole()
        refuse_unknown(model)
        if self.quant == "auto":
            self.quant = "f32" if self._kept_exact(model) else "f16"
        path = self.out / f"model-{self.quant}.gguf"
        emit(Phase("saving", f"GGUF, {self.quant}"))
        if quantizer is None:
            write_gguf(model, self.tokenizer, path, self.quant, name=self.plan.run.name)
        else:
            whole = self.out / "model-f16.gguf"
            write_gguf(model, self.tokenizer, whole, "f16", name=self.plan.run.name)
            _quantize(quantizer, whole, path)
            whole.unlink()
        del model
        return self._read_back(gguf_file=path.name)


def _quantize(quantizer: str, whole: Path, path: Path) -> None:
    done = subprocess.run(
        [quantizer, str(whole), str(path), "Q4_K_M"], capture_output=True, text=True, errors="replace", check=False
    )
    sys.stderr.write(done.stdout + done.stderr)
    if done.returncode or not path.is_file():
        words = next((line for line in reversed((done.stderr or done.stdout).splitlines()) if line.strip()), "")
        raise FtuiError("llama.cpp's quantizer failed", f"exit code {done.returncode}: {words[:200]}")


if __name__ == "__main__":
    sys.exit(serve(export, sys.argv[1:]))

"""How fast ftui trains: tokens per second, model FLOPs utilisation and peak memory, against a bare TRL script.

    python tests/benchmarks/gpu_train.py                              the tiny shape on a CPU, 8B and 1B on a GPU
    python tests/benchmarks/gpu_train.py --minutes 9 --out result.json    as many settings as fit into nine minutes
    python tests/benchmarks/gpu_train.py --shape 8b --technique lora --length 4096 --kernels liger

Weights are random (nothing is downloaded), rows are text cut to exactly --length tokens. Both programs run with the
same settings in processes of their own, taking turns at who is first; a round's speed is the median from step to step
after three steps of warm-up, and the quickest round counts. The most telling settings come first, and --out is written
after each, so that nothing is lost when the time is up. Anchor: 12,473 tokens/s for Llama-3 8B LoRA, bf16, length 4096,
micro-batch 2, on one H100 (NeMo AutoModel, performance-summary.mdx).

Model FLOPs per token: 2 per linear weight forward, as much again for the gradient of the activations, and once more
for the gradient of the weights where they are trained; attention counts its causal half. Recomputed activations
(--checkpointing) are not counted: they are not the model's work.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from trl_parity import WORDS

SHAPES: dict[str, dict[str, int]] = {
    "tiny": {"hidden": 128, "inner": 384, "layers": 4, "heads": 4, "kv": 2, "vocab": 2048},
    "1b": {"hidden": 2048, "inner": 8192, "layers": 16, "heads": 32, "kv": 8, "vocab": 128256},
    "3b": {"hidden": 3072, "inner": 8192, "layers": 28, "heads": 24, "kv": 8, "vocab": 128256},
    "8b": {"hidden": 4096, "inner": 14336, "layers": 32, "heads": 32, "kv": 8, "vocab": 128256},
}
"""Llama 3.2 1B and 3B, Llama 3.1 8B."""
PEAK_TFLOPS = {
    "H200": 989,
    "H100 PCIe": 756,
    "H100 NVL": 835,
    "H100": 989,
    "A100": 312,
    "L40S": 362,
    "L4": 121,
    "RTX 4090": 165,
    "RTX 3090": 71,
}
"""Dense bf16, from NVIDIA's data sheets."""
ANCHOR = {"shape": "8b", "technique": "lora", "length": 4096, "micro_batch": 2}
ANCHOR_TOKENS_PER_SECOND = 12_473
WARM_UP_STEPS = 3
BARE = """
import json, sys, time
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, TrainerCallback
from trl import SFTConfig, SFTTrainer

s = json.loads(sys.argv[1])
cuda = torch.cuda.is_available()
tokenizer = AutoTokenizer.from_pretrained(s["model"])
quantised = {}
if s["technique"] == "qlora":
    quantised["quantization_config"] = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if cuda else torch.float32,
    )
frozen = s["technique"] != "full"
model = AutoModelForCausalLM.from_pretrained(
    s["model"], dtype=torch.bfloat16 if cuda and (frozen or s["precision"] == "bf16") else torch.float32,
    attn_implementation=s["attention"], device_map={"": 0} if cuda else None, **quantised,
)
rows = Dataset.from_list([{"text": json.loads(line)["text"]} for line in open(s["rows"])])
steps = []

class Clock(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        self.ended = time.perf_counter()

    def on_log(self, args, state, control, logs=None, **_):
        if logs and "loss" in logs:
            steps.append({"loss": logs["loss"], "ended": self.ended, "tokens": logs["num_tokens"]})

trainer = SFTTrainer(
    model=model, args=SFTConfig(**s["arguments"]), train_dataset=rows, processing_class=tokenizer, callbacks=[Clock()],
    peft_config=LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules="all-linear") if frozen else None,
)
trainer.train()
peak = torch.cuda.max_memory_allocated() if cuda else None
json.dump({"steps": steps, "peak_bytes": peak}, open(s["out"], "w"))
"""
OURS = """
import json, sys, time
import torch
from ftui.trainer import fitting, loop
from ftui.trainer.__main__ import main

# Writing the result is not measured, and the optimizer state of a large model would fill the disk.
loop.Watched._save_checkpoint = lambda self, model, trial: None
fitting._save_model = lambda job, trainer, tokenizer: job.folder / "model"
ended, inner = [], loop.Narrator.on_step_end

def on_step_end(self, *args, **kwargs):
    ended.append(time.perf_counter())
    return inner(self, *args, **kwargs)

loop.Narrator.on_step_end = on_step_end
code = main()
peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
json.dump({"ended": ended, "peak_bytes": peak}, open(sys.argv[1] + "/clock.json", "w"))
sys.exit(code)
"""


def main() -> int:
    import torch

    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), action="append")
    parser.add_argument("--technique", choices=["lora", "qlora", "full"], action="append")
    parser.add_argument("--length", type=int, action="append")
    parser.add_argument("--micro-batch", type=int, default=2)
    parser.add_argument("--accumulation", type=int, default=2)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=1 if on_gpu else 2)
    parser.add_argument("--checkpointing", choices=["on", "off"], default="off")
    parser.add_argument(
        "--precision", choices=["bf16-mixed", "bf16", "fp32"], default="bf16-mixed" if on_gpu else "fp32"
    )
    parser.add_argument("--attention", choices=["sdpa", "flash"], default="sdpa")
    parser.add_argument("--kernels", choices=["torch", "liger"], default="torch")
    parser.add_argument("--compile", action="store_true", help="torch.compile in both programs")
    parser.add_argument("--only", choices=["bare", "ftui"])
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start no program that might end later")
    parser.add_argument("--folder", type=Path, help="where the random models are kept, and found again")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.until = time.monotonic() + 60 * options.minutes
    shapes = options.shape or (["8b", "1b"] if on_gpu else ["tiny"])
    lengths = options.length or ([4096, 2048] if on_gpu else [128])
    techniques = options.technique or ["lora", "qlora", "full"]
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        for shape, technique, length in itertools.product(shapes, techniques, lengths):
            if (shape, technique) == ("8b", "full") and options.precision != "bf16":
                continue  # 16 bytes a weight do not fit into 80 GiB
            if time.monotonic() > options.until:
                print(f"out of time before {shape} {technique}, length {length}", file=sys.stderr)
                break
            model = random_model((options.folder or Path(name)) / shape, shape)
            result = measure(Path(name), model, shape, technique, length, options)
            results.append(result)
            if not options.json:
                print_line(result)
            if options.out:
                options.out.write_text(json.dumps(results, indent=1))
    if options.json:
        print(json.dumps(results, indent=1))
    return 0


def measure(folder: Path, model: Path, shape: str, technique: str, length: int, options: Any) -> dict[str, Any]:
    """Run both programs on one setting, so many times each, and take the quickest of each."""
    work = folder / f"{shape}-{technique}-{length}"
    work.mkdir()
    rows = work / "rows.jsonl"
    count = options.micro_batch * options.accumulation * options.steps
    words = [WORDS[i * 7 % len(WORDS)] for i in range(2 * length)]
    text = [" ".join(words[i % len(WORDS) :]) for i in range(count)]
    rows.write_text("".join(json.dumps({"text": line}) + "\n" for line in text))
    result: dict[str, Any] = {"shape": shape, "technique": technique, "length": length, "device": device()}
    for name in ("micro_batch", "accumulation", "checkpointing", "precision", "attention", "kernels", "compile"):
        result[name] = getattr(options, name)
    functions = {"bare": run_bare, "ftui": run_ftui}
    for number in range(options.rounds):
        for program in ("bare", "ftui") if number % 2 == 0 else ("ftui", "bare"):
            if options.only not in (None, program) or "failed" in result.get(program, {}):
                continue
            place = work / f"{program}-{number}"
            try:
                made = figures(
                    functions[program](place, model, rows, technique, length, options), shape, technique, length
                )
            except SystemExit as error:
                result[program] = {"failed": str(error)}
                continue
            best = result.setdefault(program, made)
            if made["tokens_per_second"] > best["tokens_per_second"]:
                result[program] = made
    if all("tokens_per_second" in result.get(program, {}) for program in functions):
        result["ratio"] = round(result["ftui"]["tokens_per_second"] / result["bare"]["tokens_per_second"], 4)
        losses = [result[program]["losses"] for program in functions]
        result["largest_loss_difference"] = max(abs(a - b) for a, b in zip(*losses, strict=True))
    for program in functions:
        result.get(program, {}).pop("losses", None)
    return result


def figures(made: dict[str, Any], shape: str, technique: str, length: int) -> dict[str, Any]:
    """Speed in the steady state: the median from step to step after the warm-up."""
    told = list(zip(made["ended"], made["tokens"], strict=True))[WARM_UP_STEPS - 1 :]
    rate = statistics.median((t2 - t1) / (e2 - e1) for (e1, t1), (e2, t2) in itertools.pairwise(told))
    peak = next((value for name, value in PEAK_TFLOPS.items() if name in device()), None)
    flops = flops_per_token(shape, technique, length)
    return {
        "tokens_per_second": round(rate, 1),
        "model_tflops": round(rate * flops / 1e12, 3),
        "utilisation": round(rate * flops / (peak * 1e12), 4) if peak else None,
        "peak_gib": round(made["peak_bytes"] / 2**30, 2) if made["peak_bytes"] else None,
        "predicted_gib": made.get("predicted_gib"),
        "losses": made["losses"],
    }


def flops_per_token(shape: str, technique: str, length: int) -> float:
    """Model FLOPs for one trained token at this length; see the module's text."""
    s = SHAPES[shape]
    head = s["hidden"] // s["heads"]
    attention = s["hidden"] * (2 * s["heads"] + 2 * s["kv"]) * head
    linear = s["layers"] * (attention + 3 * s["hidden"] * s["inner"]) + s["hidden"] * s["vocab"]
    scores = s["layers"] * 2 * 2 * s["heads"] * head * length / 2
    passes = 3 if technique == "full" else 2
    # Attention has no weights: its backward pass is always twice its forward pass.
    return 2 * linear * passes + 3 * scores


def device() -> str:
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"


def random_model(folder: Path, shape: str) -> Path:
    """A Llama of this shape with random bf16 weights and a small byte-level tokenizer; made once."""
    if (folder / "config.json").is_file():
        return folder
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: index for index, symbol in enumerate(["<|end|>", "<|pad|>", *alphabet])}
    bpe = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|end|>", pad_token="<|pad|>").save_pretrained(folder)
    s = SHAPES[shape]
    config = LlamaConfig(
        vocab_size=s["vocab"], hidden_size=s["hidden"], intermediate_size=s["inner"], num_hidden_layers=s["layers"],
        num_attention_heads=s["heads"], num_key_value_heads=s["kv"], max_position_embeddings=131072,
        eos_token_id=0, pad_token_id=1, bos_token_id=None, rope_parameters={"rope_type": "default", "rope_theta": 5e5},
    )  # fmt: skip
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        torch.manual_seed(0)
        model = LlamaForCausalLM._from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    del model
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return folder


def run_bare(work: Path, model: Path, rows: Path, technique: str, length: int, options: Any) -> dict[str, Any]:
    """What a TRL user would write."""
    import torch

    work.mkdir()
    settings = {
        "model": str(model), "rows": str(rows), "out": str(work / "bare.json"), "technique": technique,
        "precision": options.precision,
        "attention": {"sdpa": "sdpa", "flash": "flash_attention_2"}[options.attention],
        "arguments": {
            "output_dir": str(work / "out"), "max_steps": options.steps,
            "per_device_train_batch_size": options.micro_batch, "gradient_accumulation_steps": options.accumulation,
            "learning_rate": 1e-4, "lr_scheduler_type": "cosine", "warmup_steps": 0, "max_length": length,
            "bf16": options.precision == "bf16-mixed", "seed": 42, "logging_steps": 1, "report_to": "none",
            "gradient_checkpointing": options.checkpointing == "on", "use_cpu": not torch.cuda.is_available(),
            "disable_tqdm": True, "save_strategy": "no", "optim": "adamw_torch_fused",
            "use_liger_kernel": options.kernels == "liger", "torch_compile": options.compile,
        },
    }  # fmt: skip
    (work / "bare.py").write_text(BARE)
    run([sys.executable, str(work / "bare.py"), json.dumps(settings)], work, options.until)
    made = json.loads((work / "bare.json").read_text())
    steps = made["steps"]
    return {
        "ended": [s["ended"] for s in steps],
        "tokens": [s["tokens"] for s in steps],
        "losses": [s["loss"] for s in steps],
        "peak_bytes": made["peak_bytes"],
    }


def run_ftui(work: Path, model: Path, rows: Path, technique: str, length: int, options: Any) -> dict[str, Any]:
    """The same as a plan."""
    import yaml

    folder = work
    for part in ("events", "data", "checkpoints", "eval", "logs"):
        (folder / part).mkdir(parents=True)
    plan = {
        "model": {"id": str(model), "path": str(model)},
        "data": {"train": str(rows), "max_length_tokens": length, "train_on": "all"},
        "method": {"task": "text", "technique": technique},
        "train": {
            "max_steps": options.steps, "micro_batch": options.micro_batch, "accumulation": options.accumulation,
            "learning_rate": 1e-4, "warmup_ratio": 0.0, "precision": options.precision, "seed": 42,
            "optimizer": "adamw_torch_fused", "gradient_checkpointing": options.checkpointing == "on",
            "attention": options.attention, "kernels": options.kernels, "compile": options.compile,
        },
        "eval": {"enabled": False},
    }  # fmt: skip
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))
    (folder / "data" / "train.jsonl").write_bytes(rows.read_bytes())
    (folder / "ours.py").write_text(OURS)
    try:
        run([sys.executable, "-P", str(folder / "ours.py"), str(folder)], folder, options.until)
    except SystemExit as error:
        failed = [event for event in events_of(folder) if event["kind"] == "failed"]
        raise SystemExit(f"{failed[-1]['title']}: {failed[-1]['message']}" if failed else error.code) from None
    events = events_of(folder)
    steps = [event for event in events if event["kind"] == "step"]
    clock = json.loads((folder / "clock.json").read_text())
    return {
        "ended": clock["ended"],
        "tokens": [s["tokens"] for s in steps],
        "losses": [s["loss"] for s in steps],
        "peak_bytes": clock["peak_bytes"],
        "predicted_gib": predicted_gib(plan, model),
    }


def events_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events" / "trainer.jsonl").read_text().splitlines()]


def predicted_gib(plan: dict[str, Any], model: Path) -> float:
    """What `ftui fit` says that the allocator will hold at its peak."""
    from ftui.core.fit.memory import predict_memory
    from ftui.core.plan import from_mapping
    from ftui.services.hardware import snapshot
    from ftui.services.model_config import find_model
    from ftui.services.prediction import request_of

    request = request_of(from_mapping(plan), snapshot())
    return round(predict_memory(find_model(str(model)).shape, request).allocated_bytes / 2**30, 2)


def run(command: list[str], folder: Path, until: float) -> None:
    """Run a program to its end, or to the end of the time. Raises SystemExit with the last word of one that fails."""
    surroundings = {
        "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1",
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True", "TQDM_DISABLE": "1",
    }  # fmt: skip
    left = until - time.monotonic()
    with (folder / "output.txt").open("wb") as output:
        try:
            done = subprocess.run(
                command, cwd=folder, env={**os.environ, **surroundings}, stdout=output, stderr=output, check=False,
                timeout=max(1.0, left) if math.isfinite(left) else None,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise SystemExit("out of time") from None
    if done.returncode:
        lines = (folder / "output.txt").read_text(errors="replace").splitlines()
        telling = [line.strip() for line in lines if "Error" in line or "out of memory" in line]
        raise SystemExit((telling or lines or ["failed"])[-1][:300])


def print_line(result: dict[str, Any]) -> None:
    print(f"{result['shape']} {result['technique']}, length {result['length']}, micro-batch {result['micro_batch']}, "
          f"{result['precision']}, checkpointing {result['checkpointing']}, {result['device']}")  # fmt: skip
    for program in ("bare", "ftui"):
        made = result.get(program)
        if made is None:
            continue
        if "failed" in made:
            print(f"  {program:5} {made['failed']}")
            continue
        share = f", {made['utilisation']:.1%} of the peak" if made["utilisation"] else ""
        memory = f", {made['peak_gib']:.2f} GiB" if made["peak_gib"] else ""
        memory += f" (predicted {made['predicted_gib']:.2f})" if memory and made["predicted_gib"] else ""
        print(
            f"  {program:5} {made['tokens_per_second']:>10,.0f} tokens/s, "
            f"{made['model_tflops']:.3f} TFLOP/s{share}{memory}"
        )
    if "ratio" in result:
        print(
            f"  ftui / bare {result['ratio']:.3f}; largest difference of losses {result['largest_loss_difference']:.1e}"
        )
    if all(result[key] == value for key, value in ANCHOR.items()) and "H100" in result["device"]:
        print(f"  anchor: {ANCHOR_TOKENS_PER_SECOND:,} tokens/s (NeMo AutoModel, one H100)")


if __name__ == "__main__":
    sys.exit(main())

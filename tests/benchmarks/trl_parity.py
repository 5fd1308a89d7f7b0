"""ftui's trainer against a bare TRL script: the same settings and seed must give the same losses at the same speed.

    python tests/benchmarks/trl_parity.py [--steps 60] [--rounds 3] [--technique full|lora] [--json]

Both train the same random tiny model on the same rows, each in a process of its own, taking turns at who is first; the
bare script is what a TRL user would write. Step times are from the end of one step to the end of the next, so whatever
lies between counts. Prints the largest difference between the two loss curves, and the ratio of the speeds: by CPU time
(which other work on the machine hardly touches) and by the clock. Exit code 1 where losses differ by more than 1e-5.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

WORDS = [
    *("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "seven", "wizards"),
    *("vex", "bold", "jockeys", "under", "dim", "quartz", "lamps"),
]
BARE = """
import json, sys, time
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

settings = json.loads(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(settings["model"])
model = AutoModelForCausalLM.from_pretrained(settings["model"], dtype="float32")
rows = Dataset.from_list(json.loads(open(settings["rows"]).read()))
steps = []

class Clock(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        self.ended = time.perf_counter(), time.process_time()

    def on_log(self, args, state, control, logs=None, **_):
        if logs and "loss" in logs:
            wall, cpu = self.ended
            steps.append({"loss": logs["loss"], "wall": wall, "cpu": cpu, "tokens": logs["num_tokens"]})

lora = LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=16, lora_dropout=0.05, target_modules="all-linear")
trainer = SFTTrainer(
    model=model,
    args=SFTConfig(**settings["arguments"]),
    train_dataset=rows,
    processing_class=tokenizer,
    peft_config=lora if settings["lora"] else None,
    callbacks=[Clock()],
)
trainer.train()
json.dump(steps, open(settings["out"], "w"))
"""
OURS = """
import json, sys, time
from ftui.trainer import loop
from ftui.trainer.__main__ import main

ended, inner = [], loop.Narrator.on_step_end

def on_step_end(self, *args, **kwargs):
    ended.append((time.perf_counter(), time.process_time()))
    return inner(self, *args, **kwargs)

loop.Narrator.on_step_end = on_step_end
code = main()
json.dump(ended, open(sys.argv[1] + "/clock.json", "w"))
sys.exit(code)
"""
"""ftui's trainer as it is, with the same clock."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--technique", choices=["full", "lora"], default="lora")
    parser.add_argument("--hidden", type=int, default=192, help="width of the random model")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = random_model(folder / "model", options.hidden)
        rows = sample_rows(400)
        bare, ours = [], []
        for number in range(options.rounds):
            programs = [(bare, run_bare, "bare"), (ours, run_ftui, "ftui")]
            for made, program, name in programs if number % 2 == 0 else reversed(programs):
                made.append(program(folder / f"{name}-{number}", model, rows, options))
    difference = max(abs(a["loss"] - b["loss"]) for a, b in zip(bare[0], ours[0], strict=True))
    cpu, wall = ([median_step(runs, clock) for runs in (bare, ours)] for clock in ("cpu", "wall"))
    result = {
        "technique": options.technique,
        "steps": options.steps,
        "rounds": options.rounds,
        "largest_loss_difference": difference,
        "cpu_step_ms": {"bare": round(cpu[0] * 1e3, 2), "ftui": round(cpu[1] * 1e3, 2)},
        "wall_step_ms": {"bare": round(wall[0] * 1e3, 2), "ftui": round(wall[1] * 1e3, 2)},
        "speed_ratio_cpu": round(cpu[0] / cpu[1], 4),
        "speed_ratio_wall": round(wall[0] / wall[1], 4),
        "tokens_equal": [s["tokens"] for s in bare[0]] == [s["tokens"] for s in ours[0]],
    }
    if options.json:
        print(json.dumps(result))
    else:
        print(f"{options.technique}, {options.steps} steps, {options.rounds} rounds each, taking turns")
        print(f"largest difference of the losses  {difference:.2e}  (wanted: at most 1e-5)")
        print(f"median step, CPU time             bare {cpu[0] * 1e3:.1f} ms, ftui {cpu[1] * 1e3:.1f} ms")
        print(f"median step, clock                bare {wall[0] * 1e3:.1f} ms, ftui {wall[1] * 1e3:.1f} ms")
        print(
            f"tokens per second, ftui / bare    {result['speed_ratio_cpu']:.3f} by CPU time, "
            f"{result['speed_ratio_wall']:.3f} by the clock  (wanted: at least 0.98)"
        )
    return 0 if difference <= 1e-5 and result["tokens_equal"] else 1


def median_step(runs: list[list[dict[str, float]]], clock: str) -> float:
    """Median seconds from step to step of the quickest round, since other work only ever adds; three steps warm up."""
    return min(statistics.median(b[clock] - a[clock] for a, b in itertools.pairwise(run[3:])) for run in runs)


def sample_rows(count: int) -> list[dict[str, str]]:
    """Prompts with completions that a small model can learn something about."""
    noise = random.Random(0)
    rows = []
    for _ in range(count):
        words = noise.sample(WORDS, 8)
        rows.append({"prompt": " ".join(words) + " =>", "completion": " " + " ".join(sorted(words)[:4])})
    return rows


def random_model(folder: Path, hidden: int) -> Path:
    """A random Llama with a byte-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=["<|end|>", "<|pad|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([row["prompt"] + row["completion"] for row in sample_rows(400)], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|end|>", pad_token="<|pad|>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=3 * hidden, num_hidden_layers=4,
        num_attention_heads=6, num_key_value_heads=3, eos_token_id=0, pad_token_id=1, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def run_bare(folder: Path, model: Path, rows: list[dict[str, str]], options: Any) -> list[dict[str, float]]:
    """What a TRL user would write."""
    folder.mkdir()
    (folder / "rows.json").write_text(json.dumps(rows))
    settings = {
        "model": str(model),
        "rows": str(folder / "rows.json"),
        "out": str(folder / "steps.json"),
        "lora": options.technique == "lora",
        "arguments": {
            "output_dir": str(folder / "out"), "max_steps": options.steps, "per_device_train_batch_size": 8,
            "gradient_accumulation_steps": 2, "learning_rate": 1e-3, "lr_scheduler_type": "cosine",
            "warmup_steps": 3, "weight_decay": 0.0, "max_length": 64, "bf16": False, "seed": 42, "logging_steps": 1,
            "gradient_checkpointing": False, "use_cpu": True, "report_to": "none", "disable_tqdm": True,
            "save_strategy": "no", "optim": "adamw_torch",
        },
    }  # fmt: skip
    (folder / "bare.py").write_text(BARE)
    run([sys.executable, str(folder / "bare.py"), json.dumps(settings)], folder)
    return json.loads((folder / "steps.json").read_text())


def run_ftui(folder: Path, model: Path, rows: list[dict[str, str]], options: Any) -> list[dict[str, float]]:
    """The same as a plan."""
    import yaml

    for part in ("events", "data", "checkpoints", "eval", "logs"):
        (folder / part).mkdir(parents=True)
    lora = {"lora_rank": 8, "lora_alpha": 16, "lora_dropout": 0.05} if options.technique == "lora" else {}
    plan = {
        "model": {"id": str(model), "path": str(model)},
        "data": {"train": "rows.jsonl", "max_length_tokens": 64},
        "method": {"task": "sft", "technique": options.technique, **lora},
        "train": {
            "max_steps": options.steps, "micro_batch": 8, "accumulation": 2, "learning_rate": 1e-3,
            "schedule": "cosine", "warmup_ratio": 3 / options.steps, "precision": "fp32", "seed": 42,
            "save_every_steps": 10_000,
        },
        "eval": {"enabled": False},
    }  # fmt: skip
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))
    (folder / "data" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "ours.py").write_text(OURS)
    run([sys.executable, "-P", str(folder / "ours.py"), str(folder)], folder)
    events = [json.loads(line) for line in (folder / "events" / "trainer.jsonl").read_text().splitlines()]
    told = [event for event in events if event["kind"] == "step"]
    ended = json.loads((folder / "clock.json").read_text())
    return [
        {"loss": event["loss"], "tokens": event["tokens"], "wall": wall, "cpu": cpu}
        for event, (wall, cpu) in zip(told, ended, strict=True)
    ]


def run(command: list[str], folder: Path) -> None:
    surroundings = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)[:200]}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


if __name__ == "__main__":
    sys.exit(main())

"""ftui's trainer against a bare TRL script: the same settings and seed must give the same losses at the same speed.

    python tests/benchmarks/trl_parity.py [--technique full|lora] [--task sft|dpo] [--turns 60] [--json]

Both train the same random tiny model on the same rows, at the same time and in processes of their own, but only one of
them ever works: it takes a few steps, hands over and waits, so that a pair of turns lies within a second and meets the
same machine. The bare script is what a TRL user would write. A turn lasts from the end of one step to the end of a
later one, so whatever lies between steps counts.

Prints the largest difference between the two loss curves, and the median of the pairs' ratios with its 95 % interval
(bootstrap over pairs): by CPU time and by the clock. Exit code 1 where losses differ by more than 1e-5 or ftui is
surely slower than 0.98 of the bare script.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

WANTED_SPEED = 0.98
WARM_UP = 12
"""Steps before the first turn: by then the one-off checks (of the first batches, of the adapter after ten steps) are
done."""
WORDS = [
    *("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "seven", "wizards"),
    *("vex", "bold", "jockeys", "under", "dim", "quartz", "lamps"),
]
TURNS = """
import os, time

class Turns:
    # After WARM_UP steps, and then after every few, the word goes to the other one.
    def __init__(self):
        self.go, self.done, self.warm_up, self.length = (int(part) for part in os.environ["TURNS"].split(","))
        self.steps, self.made, self.began = 0, [], None

    def end_of_step(self):
        now = time.perf_counter(), time.process_time()
        self.steps += 1
        if self.steps < self.warm_up or (self.steps - self.warm_up) % self.length:
            return
        if self.began:
            self.made.append([now[0] - self.began[0], now[1] - self.began[1]])
        os.write(self.done, b"x")
        os.read(self.go, 1)
        self.began = time.perf_counter(), time.process_time()

turns = Turns()
"""
BARE = """
import json, sys
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

settings = json.loads(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(settings["model"])
model = AutoModelForCausalLM.from_pretrained(settings["model"], dtype="float32")
rows = Dataset.from_list(json.loads(open(settings["rows"]).read()))
steps = []

class Clock(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        turns.end_of_step()

    def on_log(self, args, state, control, logs=None, **_):
        if logs and "loss" in logs:
            steps.append({"loss": logs["loss"], "tokens": logs["num_tokens"]})

Trainer, Config = (DPOTrainer, DPOConfig) if settings["task"] == "dpo" else (SFTTrainer, SFTConfig)
lora = LoraConfig(
    task_type="CAUSAL_LM", r=8, lora_alpha=16, lora_dropout=settings["dropout"], target_modules="all-linear"
)
trainer = Trainer(
    model=model,
    args=Config(**settings["arguments"]),
    train_dataset=rows,
    processing_class=tokenizer,
    peft_config=lora if settings["lora"] else None,
    callbacks=[Clock()],
)
trainer.train()
json.dump({"steps": steps, "turns": turns.made}, open(settings["out"], "w"))
"""
OURS = """
import json, sys
from ftui.trainer import loop
from ftui.trainer.__main__ import main

inner = loop.Narrator.on_step_end

def on_step_end(self, *args, **kwargs):
    turns.end_of_step()
    return inner(self, *args, **kwargs)

loop.Narrator.on_step_end = on_step_end
code = main()
json.dump(turns.made, open(sys.argv[1] + "/turns.json", "w"))
sys.exit(code)
"""
"""ftui's trainer as it is, with the same clock."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=60, help="of each of the two")
    parser.add_argument("--steps-a-turn", type=int, default=4)
    parser.add_argument("--technique", choices=["full", "lora"], default="lora")
    parser.add_argument("--task", choices=["sft", "dpo"], default="sft")
    parser.add_argument("--hidden", type=int, default=192, help="width of the random model")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.steps = WARM_UP + options.turns * options.steps_a_turn
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = random_model(folder / "model", options.hidden)
        rows = pairs(400) if options.task == "dpo" else sample_rows(400)
        bare = Worker(folder / "bare", options, bare_command(folder / "bare", model, rows, options))
        ours = Worker(folder / "ours", options, ftui_command(folder / "ours", model, rows, options))
        take_turns(bare, ours, options.turns)
        bare_run, our_run = bare_result(folder / "bare"), ftui_result(folder / "ours")
    difference = max(abs(a["loss"] - b["loss"]) for a, b in zip(bare_run["steps"], our_run["steps"], strict=True))
    clocks = {
        name: [(a[place], b[place]) for a, b in zip(bare_run["turns"], our_run["turns"], strict=True)]
        for place, name in enumerate(("wall", "cpu"))
    }
    ratios = {name: ratio(pairs) for name, pairs in clocks.items()}
    step_ms = {
        name: [statistics.median(pair[who] for pair in pairs) / options.steps_a_turn * 1e3 for who in (0, 1)]
        for name, pairs in clocks.items()
    }
    same_tokens = [step["tokens"] for step in bare_run["steps"]] == [step["tokens"] for step in our_run["steps"]]
    result = {
        "task": options.task,
        "technique": options.technique,
        "pairs_of_turns": options.turns,
        "steps_a_turn": options.steps_a_turn,
        "largest_loss_difference": difference,
        "step_ms_bare_and_ftui": {name: [round(value, 2) for value in both] for name, both in step_ms.items()},
        "speed_ratio": {name: [round(value, 4) for value in found] for name, found in ratios.items()},
        "tokens_equal": same_tokens,
    }
    if options.json:
        print(json.dumps(result))
    else:
        print(f"{options.task}, {options.technique}, {options.turns} pairs of turns of {options.steps_a_turn} steps")
        print(f"largest difference of the losses  {difference:.2e} over {options.steps} steps  (wanted: at most 1e-5)")
        for name, words in (("cpu", "by CPU time"), ("wall", "by the clock")):
            middle, low, high = ratios[name]
            print(
                f"tokens per second, ftui / bare    {middle:.3f} {words} (95 %: {low:.3f} to {high:.3f}; median step "
                f"{step_ms[name][0]:.1f} and {step_ms[name][1]:.1f} ms)  (wanted: at least 0.98)"
            )
    slower = all(high < WANTED_SPEED for _, _, high in ratios.values())
    return 0 if difference <= 1e-5 and same_tokens and not slower else 1


class Worker:
    """A training in a process of its own that works only when it has the word."""

    def __init__(self, folder: Path, options: Any, command: list[str]) -> None:
        go, self._go = os.pipe()
        self._done, done = os.pipe()
        surroundings = {
            **os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1",
            "TURNS": f"{go},{done},{WARM_UP},{options.steps_a_turn}",
        }  # fmt: skip
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env=surroundings, stdout=log, stderr=log, pass_fds=(go, done)
            )
        os.close(go)
        os.close(done)
        self.wait()

    def wait(self) -> None:
        """Until it hands over."""
        if not os.read(self._done, 1):
            raise SystemExit(self._log.read_text(encoding="utf-8", errors="replace")[-4000:])

    def turn(self) -> None:
        os.write(self._go, b"x")
        self.wait()

    def finish(self) -> None:
        """Let it run to its end: nobody waits for a word any more."""
        os.close(self._go)
        if self._process.wait():
            raise SystemExit(self._log.read_text(encoding="utf-8", errors="replace")[-4000:])


def take_turns(one: Worker, other: Worker, turns: int) -> None:
    """One and the other, then the other and one: neither is always first."""
    for number in range(turns):
        for worker in (one, other) if number % 2 == 0 else (other, one):
            worker.turn()
    one.finish()
    other.finish()


def ratio(pairs: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Median of bare / ftui over the pairs (both did the same tokens), and its 95 % interval by bootstrap."""
    ratios = [bare / ours for bare, ours in pairs]
    noise = random.Random(0)
    medians = sorted(statistics.median(noise.choices(ratios, k=len(ratios))) for _ in range(1000))
    return statistics.median(ratios), medians[25], medians[974]


def sample_rows(count: int) -> list[dict[str, str]]:
    """Prompts with completions that a small model can learn something about."""
    noise = random.Random(0)
    rows = []
    for _ in range(count):
        words = noise.sample(WORDS, 8)
        rows.append({"prompt": " ".join(words) + " =>", "completion": " " + " ".join(sorted(words)[:4])})
    return rows


def pairs(count: int) -> list[dict[str, list[dict[str, str]]]]:
    """The same prompts with the right answer and with a wrong one."""
    return [
        {
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "chosen": [{"role": "assistant", "content": row["completion"]}],
            "rejected": [{"role": "assistant", "content": " " + " ".join(reversed(row["completion"].split()))}],
        }
        for row in sample_rows(count)
    ]


TEMPLATE = "{% for m in messages %}{{ m['content'] }}{% if m['role'] == 'assistant' %}<|end|>{% endif %}{% endfor %}"


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
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=3 * hidden, num_hidden_layers=4,
        num_attention_heads=6, num_key_value_heads=3, eos_token_id=0, pad_token_id=1, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def bare_command(folder: Path, model: Path, rows: list[Any], options: Any) -> list[str]:
    """What a TRL user would write."""
    folder.mkdir()
    (folder / "rows.json").write_text(json.dumps(rows))
    settings = {
        "model": str(model),
        "rows": str(folder / "rows.json"),
        "out": str(folder / "steps.json"),
        "task": options.task,
        "lora": options.technique == "lora",
        "dropout": dropout(options),
        "arguments": {
            "output_dir": str(folder / "out"), "max_steps": options.steps, "per_device_train_batch_size": 8,
            "gradient_accumulation_steps": 2, "learning_rate": 1e-3, "lr_scheduler_type": "cosine",
            "warmup_steps": 3, "weight_decay": 0.0, "max_length": 64, "bf16": False, "seed": 42, "logging_steps": 1,
            "gradient_checkpointing": False, "use_cpu": True, "report_to": "none", "disable_tqdm": True,
            "save_strategy": "no", "optim": "adamw_torch",
        },
    }  # fmt: skip
    (folder / "bare.py").write_text(TURNS + BARE)
    return [sys.executable, str(folder / "bare.py"), json.dumps(settings)]


def dropout(options: Any) -> float:
    """Preference tuning has none: TRL switches it off, and a plan that asks for it is refused."""
    return 0.05 if options.task == "sft" else 0.0


def bare_result(folder: Path) -> dict[str, Any]:
    """{"steps": loss and tokens of each, "turns": seconds by the clock and of the CPU of each}."""
    return json.loads((folder / "steps.json").read_text())


def ftui_command(folder: Path, model: Path, rows: list[Any], options: Any) -> list[str]:
    """The same as a plan."""
    import yaml

    for part in ("events", "data", "checkpoints", "eval", "logs"):
        (folder / part).mkdir(parents=True)
    lora = {"lora_rank": 8, "lora_alpha": 16, "lora_dropout": dropout(options)} if options.technique == "lora" else {}
    plan = {
        "model": {"id": str(model), "path": str(model)},
        "data": {"train": "rows.jsonl", "max_length_tokens": 64},
        "method": {"task": options.task, "technique": options.technique, **lora},
        "train": {
            "max_steps": options.steps, "micro_batch": 8, "accumulation": 2, "learning_rate": 1e-3,
            "schedule": "cosine", "warmup_ratio": 3 / options.steps, "precision": "fp32", "seed": 42,
            "save_every_steps": 10_000,
        },
        "eval": {"enabled": False},
    }  # fmt: skip
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))
    (folder / "data" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "ours.py").write_text(TURNS + OURS)
    return [sys.executable, "-P", str(folder / "ours.py"), str(folder)]


def ftui_result(folder: Path) -> dict[str, Any]:
    """As bare_result."""
    events = [json.loads(line) for line in (folder / "events" / "trainer.jsonl").read_text().splitlines()]
    told = [event for event in events if event["kind"] == "step"]
    steps = [{"loss": event["loss"], "tokens": event["tokens"]} for event in told]
    return {"steps": steps, "turns": json.loads((folder / "turns.json").read_text())}


if __name__ == "__main__":
    sys.exit(main())

"""What the trainer's tests are made of: a model of 200 thousand weights, rows to learn, runs as the supervisor leaves
them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ftui.core.events import Event, parse_line
from ftui.core.plan import from_mapping, to_mapping

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THINGS = {
    "apple": "fruit", "pear": "fruit", "plum": "fruit", "carrot": "root", "beet": "root", "radish": "root",
    "oak": "tree", "birch": "tree", "maple": "tree",
}  # fmt: skip
FILLERS = ["please", "now", "kindly", "quickly", "again", "today", "friend", "well"]


def question(noise: random.Random) -> tuple[str, str]:
    """A question whose answer depends on one word among chance ones: learnable, and new words orders are new rows."""
    thing, kind = noise.choice(sorted(THINGS.items()))
    words = [*noise.sample(FILLERS, 3), thing]
    noise.shuffle(words)
    return " ".join(words), kind


def chat_rows(count: int, seed: int) -> list[dict[str, Any]]:
    noise = random.Random(seed)
    rows = []
    for _ in range(count):
        asked, kind = question(noise)
        rows.append({"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": kind}]})
    return rows


def build_tiny_model(folder: Path) -> Path:
    """Save a random Llama with a tokenizer of its own into `folder`."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]
    texts = [" ".join([*FILLERS, *THINGS, *THINGS.values(), "user", "assistant", "system"])] * 20
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=384, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|pad|>", chat_template=CHATML
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        # Untied and wide: an adapter alone must be able to learn on random weights.
        tie_word_embeddings=False,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


MakeRun = Callable[..., Path]


def make_run_folder(
    folder: Path,
    model: Path,
    train: list[dict[str, Any]],
    eval: list[dict[str, Any]] | None = None,
    stages: list[dict[str, Any]] | None = None,
    **values: Any,
) -> Path:
    """Write a run directory as the supervisor leaves it for the trainer."""
    import yaml

    for part in ("events", "data", "checkpoints", "eval", "logs"):
        (folder / part).mkdir(parents=True)
    mapping: dict[str, Any] = {
        "model": {"id": str(model), "path": str(model)},
        "data": {"train": "train.jsonl", "max_length_tokens": 64},
        "method": {"technique": "lora", "lora_rank": 8},
        "train": {"learning_rate": 5e-3, "micro_batch": 4, "accumulation": 2, "max_steps": 6, "warmup_ratio": 0.0},
        "eval": {"enabled": False, "samples": 0},
    }
    for dotted, value in values.items():
        section, _, key = dotted.partition(".")
        mapping.setdefault(section, {})[key] = value
    if mapping["method"]["technique"] == "full":
        del mapping["method"]["lora_rank"]  # full fine-tuning refuses settings of an adapter
    if stages:
        mapping["stages"] = stages
    (folder / "plan.yaml").write_text(yaml.safe_dump(to_mapping(from_mapping(mapping))), encoding="utf-8")
    write_rows(folder / "data" / "train.jsonl", train)
    if eval:
        write_rows(folder / "data" / "eval.jsonl", eval)
    return folder


def train(folder: Path) -> int:
    """Run the trainer in this process, as its module does."""
    from ftui.trainer.emit import Emitter
    from ftui.trainer.run import run_and_report
    from ftui.trainer.stopping import StopRequest

    return run_and_report(folder, Emitter(folder / "events" / "trainer.jsonl"), StopRequest())


def events_of(folder: Path, kind: type[Any] | None = None) -> list[Any]:
    """The run's events in order, of one kind where asked."""
    lines = (folder / "events" / "trainer.jsonl").read_text(encoding="utf-8").splitlines()
    events: list[Event] = [stamped.event for line in lines if (stamped := parse_line(line)) is not None]
    return [event for event in events if kind is None or isinstance(event, kind)]

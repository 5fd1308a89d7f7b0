"""Answers for many prompts: batched, sorted by length, greedy, so that base and tuned are decoded alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Answer:
    """text: without special tokens. stopped: whether it ended by itself within the limit. tokens: generated tokens.

    ids: the generated tokens, the one that ended it included.
    """

    text: str
    stopped: bool
    tokens: int
    ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Generated:
    """The answers in the order of the prompts, and how long they took."""

    answers: list[Answer]
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens per second, over all prompts."""
        return sum(answer.tokens for answer in self.answers) / self.seconds if self.seconds else 0.0


def stop_ids(model: Any, tokenizer: Any, end_of_turn: str) -> list[int]:
    """Token ids that end an answer: the model's own, the tokenizer's, and the template's end of turn."""
    own = model.generation_config.eos_token_id
    ids = set(own if isinstance(own, list) else [own]) | {tokenizer.eos_token_id}
    if end_of_turn:
        ids.add(tokenizer.convert_tokens_to_ids(end_of_turn))
    return sorted(i for i in ids if i is not None and i != tokenizer.unk_token_id)


@torch.inference_mode()
def generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    stops: Sequence[int],
    pad_id: int,
    decode: Callable[[Sequence[int]], str],
    max_new_tokens: int,
    batch: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Generated:
    """Answer every prompt (token ids) greedily.

    Prompts of like length share a batch, padded on the left; the shortest come first, so that a limit that is too
    small for memory shows late and the progress moves early. Out of memory halves the batch and goes on.
    """
    was_training = model.training
    model.eval()
    started = time.perf_counter()
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    answers: dict[int, Answer] = {}
    position, size = 0, max(1, batch)
    while position < len(order):
        chosen = order[position : position + size]
        try:
            rows = _generate_batch(model, [prompts[index] for index in chosen], stops, pad_id, max_new_tokens)
        except torch.cuda.OutOfMemoryError:
            if size == 1:
                raise
            size = max(1, size // 2)
            torch.cuda.empty_cache()
            continue
        for index, ids in zip(chosen, rows, strict=True):
            end = next((place for place, token in enumerate(ids) if token in stops), None)
            kept = ids if end is None else ids[:end]
            written = ids if end is None else ids[: end + 1]
            answers[index] = Answer(decode(kept), end is not None, len(written), tuple(written))
        position += len(chosen)
        progress(position)
    model.train(was_training)
    return Generated([answers[index] for index in range(len(prompts))], time.perf_counter() - started)


def _generate_batch(
    model: Any, prompts: Sequence[Sequence[int]], stops: Sequence[int], pad_id: int, max_new_tokens: int
) -> list[list[int]]:
    width = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), width), pad_id, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(list(prompt), dtype=torch.long)
        mask[row, width - len(prompt) :] = 1
    device = next(model.parameters()).device
    # An answer may use what the model's window leaves, never more: positions beyond it are noise.
    window = int(getattr(model.config, "max_position_embeddings", 0) or 0)
    if window:
        max_new_tokens = max(1, min(max_new_tokens, window - width))
    output = model.generate(
        input_ids=ids.to(device),
        attention_mask=mask.to(device),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        temperature=None,
        top_p=None,
        top_k=None,
        eos_token_id=list(stops),
        pad_token_id=pad_id,
        use_cache=True,
    )
    rows: list[list[int]] = output[:, width:].tolist()
    return rows

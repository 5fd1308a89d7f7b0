"""Is what was written the model that was trained? The same held-out prompts, greedy, token by token.

`same_text` is the share of prompts with the same whole answer: the measure for 16-bit exports. Fewer bits turn near
ties, and after the first turned word an answer goes its own way; so for them the measure is `same_next_token`: the
share of the tuned model's own tokens that the export would write too, given all tokens before (llama.cpp's perplexity
tool calls it "same top p").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEASURES = {
    "adapter": ("same_text", 1.0),
    "merged": ("same_text", 0.99),
    "gguf-f32": ("same_text", 0.98),
    "gguf-f16": ("same_text", 0.98),
    "gguf-bf16": ("same_text", 0.95),
    "gguf-q8_0": ("same_next_token", 0.97),
    "gguf-q4_k_m": ("same_next_token", 0.85),
}
"""What is asked of each form. bf16 keeps three bits fewer than f16, so a few near ties turn."""
BATCH = 16


@dataclass(frozen=True)
class Answers:
    """Greedy answers with their tokens, and the logits after each prompt (fp32, [prompts, vocabulary])."""

    texts: list[str]
    ids: list[tuple[int, ...]]
    logits: Any


def answers_of(model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], limit: int) -> Answers:
    """Ask the model; at most `limit` tokens an answer."""
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
        batch=BATCH,
    )
    device = next(model.parameters()).device
    with torch.inference_mode():
        last = [model(input_ids=torch.tensor([list(p)], device=device)).logits[0, -1].float().cpu() for p in prompts]
    return Answers(
        [answer.text for answer in made.answers],
        [answer.ids for answer in made.answers],
        torch.stack(last) if last else None,
    )


def same_next_token(model: Any, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> float | None:
    """Share of the given answers' tokens that the model would write at that place; None without any."""
    import torch

    device = next(model.parameters()).device
    same = total = 0
    with torch.inference_mode():
        for prompt, answer in zip(prompts, answers, strict=True):
            if not answer:
                continue
            ids = torch.tensor([[*prompt, *answer]], device=device)
            written = model(input_ids=ids).logits[0, len(prompt) - 1 : -1].argmax(-1)
            same += int((written == ids[0, len(prompt) :]).sum())
            total += len(answer)
    return same / total if total else None


def report(form: str, wanted: Answers, got: Answers, next_token: float | None) -> dict[str, Any]:
    """The check report of an export in the form `form` (a key of MEASURES)."""
    same = [one == other for one, other in zip(wanted.texts, got.texts, strict=True)]
    share = sum(same) / len(same) if same else 0.0
    vocabulary = min(wanted.logits.shape[-1], got.logits.shape[-1]) if same else 0
    difference = (wanted.logits[:, :vocabulary] - got.logits[:, :vocabulary]).abs().max() if same else None
    measure, threshold = MEASURES[form]
    reached = share if measure == "same_text" else (next_token or 0.0)
    changed = [
        {"wanted": wanted.texts[i][:300], "got": got.texts[i][:300]} for i, equal in enumerate(same) if not equal
    ]
    return {
        "schema_version": 1,
        "passed": bool(same) and reached >= threshold,
        "against": "the tuned model on held-out prompts, greedy",
        "compared": len(same),
        "measure": measure,
        "threshold": threshold,
        "same_text": share,
        "same_next_token": next_token,
        "largest_logit_difference": float(difference) if difference is not None else None,
        "differences": changed[:5],
        "notes": [] if same else ["the run has no held-out prompts: nothing could be compared"],
    }


def llama_cpp_texts(
    path: Path, tokenizer: Any, prompts: Sequence[Sequence[int]], stops: Sequence[int], limit: int
) -> list[str] | None:
    """The greedy answers of llama.cpp itself, where its Python package is installed; None where it is not."""
    try:
        from llama_cpp import Llama
    except ImportError:
        return None
    longest = max((len(prompt) for prompt in prompts), default=1)
    model = Llama(model_path=str(path), n_ctx=longest + limit + 8, verbose=False)
    texts = []
    for prompt in prompts:
        made: list[int] = []
        for token in model.generate(list(prompt), temp=0.0, top_k=1, repeat_penalty=1.0):
            if token in stops or len(made) == limit:
                break
            made.append(int(token))
        texts.append(str(tokenizer.decode(made, skip_special_tokens=True)))
    return texts

"""Score a model on held-out rows: the same prompts, the same decoding, for base and tuned alike.

Writes eval/<label>.json; trainer/verdict.py compares two of them.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ftui.core.events import Event, Phase, Sample
from ftui.core.plan import Plan
from ftui.core.render import Options, end_of_turn
from ftui.core.scoring import Checks, primary_metric, score_answer
from ftui.trainer.dialect import dialect_of
from ftui.trainer.generate import Answer, generate, stop_ids
from ftui.trainer.job import read_rows, write_json
from ftui.trainer.score_cache import keep_score, known_score, score_key
from ftui.trainer.score_checks import checks_for
from ftui.trainer.score_losses import answer_losses, kl_to_base, preferences
from ftui.trainer.score_rewards import rewarded, rewards_of
from ftui.trainer.score_rows import prompt_ids, questions, rendered

PROBE_ROWS_MAX = 200
NOISE_ROWS = 8
"""Prompts that the tuned model answers a second time, among other neighbours, to see how much chance is in a score."""
TIMED_PROMPTS = 3
TIMED_TOKENS = 16
Emit = Callable[[Event], None]


def score_model(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Mapping[str, Any]],
    plan: Plan,
    run_dir: Path,
    label: str,
    emit: Emit,
    base: Any = None,
    step: int = 0,
) -> dict[str, Any]:
    """Generate for held-out rows, score the answers, and measure losses on answers and on general text.

    rows: canonical rows; those that ask something are scored, at most plan.eval.rows_max. label: base, tuned, or a
    rival's name. Gives (and writes to eval/<label>.json) {"label", "kind", "primary", "rows": [...], "probe": [...],
    "speed", ...}. A model without an adapter of the run (base, prompted) that was scored before just so is not scored
    again. base: the untouched model, for the distance to it where all weights were trained. step: after which the
    samples were written.
    """
    phase = f"{label}_score"
    pairs = questions(rows, plan.eval.rows_max)
    probe = list(read_rows(run_dir / "data" / "probe.jsonl"))[:PROBE_ROWS_MAX] if _has_probe(run_dir) else []
    untouched = label == "base" or label.startswith("prompted")
    key = score_key(model, tokenizer, run_dir, [pair["row"] for pair in pairs], probe, plan) if untouched else None
    path = run_dir / "eval" / f"{label}.json"
    if (known := known_score(key)) is not None:
        emit(Phase(phase, f"{len(pairs)} held-out prompts: known from an earlier run", 1.0))
        write_json(path, {**known, "label": label})
        return known
    emit(Phase(phase, f"{len(pairs)} held-out prompts", 0.0))
    scorer = _Scorer(model, tokenizer, plan, base)
    prompts = [prompt_ids(scorer.dialect, pair, plan) for pair in pairs]
    checks = checks_for([pair["reference"] for pair in pairs if pair["reference"]], plan, run_dir)
    generated = scorer.answer(
        prompts,
        plan.eval.batch,
        lambda done: emit(Phase(phase, f"{done} of {len(pairs)} answers", done / max(1, len(pairs)))),
    )
    emit(Phase(phase, "losses on the wanted answers", 1.0))
    metrics = scorer.row_metrics(pairs, generated.answers, checks)
    rewards = rewards_of(plan, run_dir)
    for pair, answer, found in zip(pairs, generated.answers, metrics, strict=True):
        found |= rewarded(rewards, answer.text, pair["row"], answer.tokens)
    result = {
        "schema_version": 1,
        "label": label,
        "key": key,
        "kind": checks.kind,
        "primary": plan.eval.primary or _primary(pairs, metrics, checks),
        "decoding": {"greedy": True, "max_new_tokens": plan.eval.max_new_tokens},
        "seconds": round(generated.seconds, 3),
        "tokens_per_second": round(generated.tokens_per_second, 1),
        "speed": scorer.speed(prompts, generated.seconds, generated.tokens_per_second),
        "noise": scorer.noise(pairs, prompts, generated.answers, checks) if label == "tuned" else None,
        "rows": [
            {
                "id": pair["id"],
                "prompt": pair["prompt"],
                "reference": pair["reference"],
                "output": answer.text,
                "metrics": {name: value for name, value in found.items() if not isinstance(value, dict)},
                **({"logps": found["logps"]} if "logps" in found else {}),
            }
            for pair, answer, found in zip(pairs, generated.answers, metrics, strict=True)
        ],
        "probe": scorer.probe(probe),
    }
    write_json(path, result)
    keep_score(key, result)
    for row in result["rows"][: plan.eval.samples]:  # type: ignore[index]
        emit(Sample(step, row["prompt"], row["output"], row["reference"]))
    return result


class _Scorer:
    """One model with its tokenizer, asked for everything that a score holds."""

    def __init__(self, model: Any, tokenizer: Any, plan: Plan, base: Any = None) -> None:
        self.model, self.tokenizer, self.plan, self.base = model, tokenizer, plan, base
        self.dialect = dialect_of(tokenizer)
        self.options = Options(max_length=plan.data.max_length_tokens)

    def answer(
        self,
        prompts: Sequence[Sequence[int]],
        batch: int,
        progress: Callable[[int], None] = lambda _: None,
        limit: int | None = None,
    ) -> Any:
        return generate(
            self.model,
            prompts,
            stops=stop_ids(self.model, self.tokenizer, end_of_turn(self.dialect)),
            pad_id=self.tokenizer.pad_token_id,
            decode=lambda ids: str(self.tokenizer.decode(ids, skip_special_tokens=True)),
            max_new_tokens=limit or self.plan.eval.max_new_tokens,
            batch=batch,
            progress=progress,
        )

    def row_metrics(
        self, pairs: Sequence[Mapping[str, Any]], answers: Sequence[Answer], checks: Checks
    ) -> list[dict[str, Any]]:
        """Everything that is known about each row: of the answer, of the wanted answer, of a preference pair."""
        made = [
            rendered(self.dialect, pair["row"], self.options) if pair["reference"] or "text" in pair["row"] else None
            for pair in pairs
        ]
        batch = self.plan.eval.batch
        losses = answer_losses(self.model, made, batch)
        moved = kl_to_base(self.model, made, batch, self.base)
        liked = preferences(self.model, self.dialect, [pair["row"] for pair in pairs], self.options, batch)
        found = []
        for pair, answer, loss, kl, like in zip(pairs, answers, losses, moved, liked, strict=True):
            metrics: dict[str, Any] = score_answer(answer.text, pair["reference"], checks)
            metrics |= {"stopped": float(answer.stopped), "answer_tokens": float(answer.tokens)}
            if loss is not None:
                metrics |= {"loss": loss[0], "token_accuracy": loss[1]}
            if kl is not None:
                metrics["kl_to_base"] = kl
            if like is not None:
                margin = like["chosen_per_token"] - like["rejected_per_token"]
                metrics |= {"prefers_chosen": float(margin > 0), "chosen_margin": margin, "logps": like}
            found.append(metrics)
        return found

    def noise(
        self,
        pairs: Sequence[Mapping[str, Any]],
        prompts: Sequence[Sequence[int]],
        answers: Sequence[Answer],
        checks: Checks,
    ) -> dict[str, Any]:
        """{"rows", "changed", "spread": metric -> standard deviation of a row's score between two scorings}.

        The same model answers some prompts again, among other neighbours and in smaller batches: on a GPU in 16 bit
        that alone turns some words.
        """
        step = max(1, len(prompts) // NOISE_ROWS)
        chosen = list(range(0, len(prompts), step))[:NOISE_ROWS]
        again = self.answer([prompts[i] for i in chosen], max(1, self.plan.eval.batch // 3)).answers
        deltas: dict[str, list[float]] = {}
        for i, second in zip(chosen, again, strict=True):
            reference = pairs[i]["reference"]
            one, other = score_answer(answers[i].text, reference, checks), score_answer(second.text, reference, checks)
            for name in one:
                deltas.setdefault(name, []).append(other[name] - one[name])
        return {
            "rows": len(chosen),
            "changed": sum(second.text != answers[i].text for i, second in zip(chosen, again, strict=True)),
            "spread": {name: math.sqrt(statistics.fmean(d * d for d in values)) for name, values in deltas.items()},
        }

    def speed(self, prompts: Sequence[Sequence[int]], seconds: float, together: float) -> dict[str, float]:
        """Tokens per second of all prompts together; for one alone, seconds to its first token and the rate after."""
        timed = list(prompts[:TIMED_PROMPTS])
        first = [self.answer([prompt], 1, limit=1).seconds for prompt in timed]
        whole = [self.answer([prompt], 1, limit=TIMED_TOKENS) for prompt in timed]
        rates = [
            (sum(answer.tokens for answer in made.answers) - 1) / (made.seconds - start)
            for made, start in zip(whole, first, strict=True)
            if made.seconds > start and made.answers[0].tokens > 1
        ]
        return {
            "tokens_per_second": round(together, 1),
            "seconds_per_answer": round(seconds / max(1, len(prompts)), 4),
            **({"first_token_seconds": round(statistics.median(first), 4)} if first else {}),
            **({"alone_tokens_per_second": round(statistics.median(rates), 1)} if rates else {}),
        }

    def probe(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Losses on general text, whose rise is forgetting."""
        made = [rendered(self.dialect, row, self.options) for row in rows]
        losses = answer_losses(self.model, made, self.plan.eval.batch)
        return [
            {"text": json.dumps(row, ensure_ascii=False)[:400], "loss": loss[0]}
            for row, loss in zip(rows, losses, strict=True)
            if loss is not None
        ]


def _primary(pairs: Sequence[Mapping[str, Any]], metrics: Sequence[Mapping[str, Any]], checks: Checks) -> str:
    """Online runs are about their reward, preference rows about preferring, plain text about its loss, everything else
    about the answer.
    """
    if pairs and all("text" in pair["row"] for pair in pairs):
        return "loss"
    if any("reward" in row for row in metrics):
        return "reward"
    return "prefers_chosen" if any("prefers_chosen" in row for row in metrics) else primary_metric(checks)


def _has_probe(run_dir: Path) -> bool:
    return (run_dir / "data" / "probe.jsonl").is_file()

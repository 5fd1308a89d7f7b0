"""Score a model on held-out rows: the same prompts, the same decoding, for base and tuned alike.

Writes eval/<label>.json; `write_verdict` compares two of them into eval/verdict.json and eval/samples.jsonl.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ftui.core.evaluate import judge
from ftui.core.events import Event, Phase, Sample
from ftui.core.plan import Plan
from ftui.core.render import Options, Rendered, RenderError, end_of_turn, render_prompt, render_row
from ftui.core.scoring import Checks, compare, kind_of, primary_metric, score_answer
from ftui.errors import FtuiError
from ftui.trainer.dialect import dialect_of
from ftui.trainer.generate import generate, stop_ids
from ftui.trainer.job import read_rows, write_json

PROBE_ROWS_MAX = 200
OTHER_REFERENCES = 8
"""Each answer is also compared with this many other rows' references, to see whether it read its own prompt."""


def score_model(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Mapping[str, Any]],
    plan: Plan,
    run_dir: Path,
    label: str,
    emit: Callable[[Event], None],
) -> dict[str, Any]:
    """Generate for held-out rows, score the answers, and measure losses on answers and on general text.

    rows: canonical rows; those that have an answer are scored, at most plan.eval.rows_max. label: base or tuned.
    Gives (and writes to eval/<label>.json) {"label", "kind", "primary", "rows": [...], "probe": [...], "seconds", ...}.
    """
    phase = f"{label}_score"
    dialect = dialect_of(tokenizer)
    pairs = questions(rows, plan.eval.rows_max)
    emit(Phase(phase, f"{len(pairs)} held-out prompts", 0.0))
    prompts = [prompt_ids(dialect, pair, plan) for pair in pairs]
    checks = checks_for([pair["reference"] for pair in pairs], plan, run_dir)
    # An answer may use what the model's window leaves, never more: positions beyond it are noise.
    generated = generate(
        model,
        prompts,
        stops=stop_ids(model, tokenizer, end_of_turn(dialect)),
        pad_id=tokenizer.pad_token_id,
        decode=lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True)),
        max_new_tokens=plan.eval.max_new_tokens,
        batch=plan.eval.batch,
        progress=lambda done: emit(Phase(phase, f"{done} of {len(pairs)} answers", done / max(1, len(pairs)))),
    )
    options = Options(max_length=plan.data.max_length_tokens)
    losses = answer_losses(model, [rendered(dialect, pair["row"], options) for pair in pairs], plan.eval.batch)
    probe = list(read_rows(run_dir / "data" / "probe.jsonl"))[:PROBE_ROWS_MAX] if _has_probe(run_dir) else []
    probe_losses = answer_losses(model, [rendered(dialect, row, options) for row in probe], plan.eval.batch)
    scored = []
    for pair, answer, loss in zip(pairs, generated.answers, losses, strict=True):
        metrics = score_answer(answer.text, pair["reference"], checks)
        metrics |= {"stopped": float(answer.stopped), "answer_tokens": float(answer.tokens)}
        if loss is not None:
            metrics |= {"loss": loss[0], "token_accuracy": loss[1]}
        scored.append(
            {
                "id": pair["id"],
                "prompt": pair["prompt"],
                "reference": pair["reference"],
                "output": answer.text,
                "metrics": metrics,
            }
        )
    result = {
        "schema_version": 1,
        "label": label,
        "kind": checks.kind,
        "primary": plan.eval.primary or primary_metric(checks),
        "decoding": {"greedy": True, "max_new_tokens": plan.eval.max_new_tokens},
        "seconds": round(generated.seconds, 3),
        "tokens_per_second": round(generated.tokens_per_second, 1),
        "rows": scored,
        "probe": [
            {"text": json.dumps(row, ensure_ascii=False)[:400], "loss": loss[0]}
            for row, loss in zip(probe, probe_losses, strict=True)
            if loss is not None
        ],
    }
    write_json(run_dir / "eval" / f"{label}.json", result)
    for pair_row in scored[: plan.eval.samples]:
        emit(Sample(0, pair_row["prompt"], pair_row["output"], pair_row["reference"]))
    return result


def write_verdict(run_dir: Path, plan: Plan, base_label: str = "base", tuned_label: str = "tuned") -> dict[str, Any]:
    """Compare two scored models row by row; writes eval/verdict.json and eval/samples.jsonl and gives the verdict."""
    base = json.loads((run_dir / "eval" / f"{base_label}.json").read_text(encoding="utf-8"))
    tuned = json.loads((run_dir / "eval" / f"{tuned_label}.json").read_text(encoding="utf-8"))
    by_id = {row["id"]: row for row in base["rows"]}
    pairs = [(by_id[row["id"]], row) for row in tuned["rows"] if row["id"] in by_id]
    names = sorted({name for old, new in pairs for name in old["metrics"].keys() & new["metrics"].keys()})
    columns = {
        name: [
            (old["metrics"][name], new["metrics"][name])
            for old, new in pairs
            if name in old["metrics"] and name in new["metrics"]
        ]
        for name in names
    }
    verdict = judge(
        {name: [old for old, _ in values] for name, values in columns.items()},
        {name: [new for _, new in values] for name, values in columns.items()},
        tuned["primary"],
        own_and_other=_own_and_other(tuned, checks_for([new["reference"] for _, new in pairs], plan, run_dir)),
        probe_base=[row["loss"] for row in base["probe"]],
        probe_tuned=[row["loss"] for row in tuned["probe"]],
        margin=plan.eval.margin,
        seed=plan.train.seed,
    )
    written: dict[str, Any] = {"schema_version": 1, **asdict(verdict), "base": base_label, "tuned": tuned_label}
    written["metrics"] = {name: asdict(comparison) for name, comparison in verdict.metrics.items()}
    written["reasons"] = list(verdict.reasons)
    written["forgotten"] = _forgotten(base["probe"], tuned["probe"])
    write_json(run_dir / "eval" / "verdict.json", written)
    lines = [
        json.dumps(
            {
                "id": new["id"], "prompt": new["prompt"], "reference": new["reference"],
                "base": old["output"], "tuned": new["output"],
                "base_score": old["metrics"].get(tuned["primary"]), "tuned_score": new["metrics"].get(tuned["primary"]),
            },
            ensure_ascii=False,
        )
        for old, new in pairs
    ]  # fmt: skip
    (run_dir / "eval" / "samples.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return written


def checks_for(references: Sequence[str], plan: Plan, run_dir: Path) -> Checks:
    """What these answers can be checked for: their kind, the plan's schema and pattern, and similarity measures."""
    kind = kind_of(references)
    return Checks(
        kind=kind,
        schema_errors=_schema_errors(run_dir / "data" / "schema.json") if plan.eval.schema else None,
        regex=_pattern(plan.eval.regex),
        similarities=_similarities() if kind == "free" else {},
    )


@torch.inference_mode()
def answer_losses(model: Any, rows: Sequence[Rendered | None], batch: int) -> list[tuple[float, float] | None]:
    """Per row: mean negative log-likelihood (nats per token) of its trained tokens, and the share predicted first.

    None for rows that could not be rendered or train nothing. Computed in rows of like length, padded on the right.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    results: list[tuple[float, float] | None] = [None] * len(rows)
    order = sorted(
        (index for index, row in enumerate(rows) if row is not None and row.trained_tokens and not row.dropped),
        key=lambda index: len(rows[index].ids),  # type: ignore[union-attr]
    )
    for start in range(0, len(order), max(1, batch)):
        chosen = order[start : start + max(1, batch)]
        made = [rows[index] for index in chosen]
        width = max(len(row.ids) for row in made)  # type: ignore[union-attr]
        ids = torch.zeros((len(made), width), dtype=torch.long)
        mask, trained = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
        for place, row in enumerate(made):
            assert row is not None
            ids[place, : len(row.ids)] = torch.tensor(row.ids)
            mask[place, : len(row.ids)] = 1
            trained[place, : len(row.ids)] = torch.tensor(row.labels_mask)
        logits = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits[:, :-1].float().cpu()
        targets, counted = ids[:, 1:], trained[:, 1:]
        nll = torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
        right = logits.argmax(-1) == targets
        for place, index in enumerate(chosen):
            where = counted[place]
            if where.any():
                results[index] = (float(nll[place][where].mean()), float(right[place][where].float().mean()))
    model.train(was_training)
    return results


def questions(rows: Sequence[Mapping[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Held-out rows as prompt and reference: the last answer of a chat, the completion, or the chosen side."""
    found: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        if len(found) == limit:
            break
        messages: list[Mapping[str, Any]] = []
        reference = ""
        if "messages" in row:
            answers = [i for i, message in enumerate(row["messages"]) if message.get("role") == "assistant"]
            if not answers:
                continue
            messages, reference = row["messages"][: answers[-1]], _content(row["messages"][answers[-1]])
        elif "chosen" in row:
            messages, reference = row["prompt"], _content(row["chosen"][-1])
        elif isinstance(row.get("completion"), str):
            found.append(
                {
                    "id": number,
                    "prompt": row["prompt"],
                    "raw": row["prompt"],
                    "reference": row["completion"],
                    "row": row,
                }
            )
            continue
        elif "completion" in row:
            messages, reference = row["prompt"], _content(row["completion"][-1])
        else:
            continue
        if not messages:
            continue
        found.append(
            {"id": number, "prompt": _content(messages[-1]), "messages": messages, "reference": reference, "row": row}
        )
    return found


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def prompt_ids(dialect: Any, pair: Mapping[str, Any], plan: Plan) -> list[int]:
    if "raw" in pair:
        start = dialect.bos if dialect.adds_bos else ""
        return list(dialect.encode(start + pair["raw"])[0])
    options = Options(max_length=plan.data.max_length_tokens)
    try:
        made = render_prompt(dialect, pair["messages"], pair["row"].get("tools"), options)
    except RenderError as error:
        raise FtuiError("A held-out row cannot be rendered", f"row {pair['id']}: {error}") from None
    return list(made.ids)


def rendered(dialect: Any, row: Mapping[str, Any], options: Options) -> Rendered | None:
    """The row as the trainer sees it, with its trained tokens; None where the template refuses it."""
    try:
        return render_row(dialect, row, options)[0]
    except RenderError:
        return None


def _own_and_other(scored: Mapping[str, Any], checks: Checks) -> tuple[list[float], list[float]] | None:
    """The answers against their own references, and on average against those of other rows (fixed offsets)."""
    rows = [row for row in scored["rows"] if row["reference"]]
    metric = (
        scored["primary"] if scored["primary"] in ("field_accuracy", "normalized_match", "token_f1") else "token_f1"
    )
    if len({row["reference"] for row in rows}) < 2:
        return None
    own = [compare(row["output"], row["reference"], checks).get(metric, 0.0) for row in rows]
    other = []
    for index, row in enumerate(rows):
        step = max(1, len(rows) // (OTHER_REFERENCES + 1))
        others = [rows[(index + k * step) % len(rows)]["reference"] for k in range(1, OTHER_REFERENCES + 1)]
        values = [compare(row["output"], reference, checks).get(metric, 0.0) for reference in others]
        other.append(sum(values) / len(values))
    return own, other


def _forgotten(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The general rows whose loss rose most, worst first."""
    if len(before) != len(after):
        return []
    rises = [
        {"text": old["text"], "base": old["loss"], "tuned": new["loss"]} for old, new in zip(before, after, strict=True)
    ]
    return sorted((row for row in rises if row["tuned"] > row["base"]), key=lambda row: row["base"] - row["tuned"])[:5]


def _has_probe(run_dir: Path) -> bool:
    return (run_dir / "data" / "probe.jsonl").is_file()


def _schema_errors(path: Path) -> Callable[[Any], list[str]]:
    import jsonschema

    validator = jsonschema.Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))
    return lambda value: [error.message for error in validator.iter_errors(value)]


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(text, re.DOTALL) if text else None
    except re.error as error:
        raise FtuiError("The plan has a wrong value", f"eval.regex is no regular expression: {error}") from None


def _similarities() -> dict[str, Callable[[str, str], float]]:
    """chrF, sentence BLEU and ROUGE-L between 0 and 1, where their libraries are installed."""
    found: dict[str, Callable[[str, str], float]] = {}
    try:
        from sacrebleu.metrics import BLEU, CHRF

        chrf, bleu = CHRF(), BLEU(effective_order=True)
        found["chrf"] = lambda answer, reference: float(chrf.sentence_score(answer, [reference]).score) / 100
        found["bleu"] = lambda answer, reference: float(bleu.sentence_score(answer, [reference]).score) / 100
    except ImportError:
        pass
    try:
        from rouge_score.rouge_scorer import RougeScorer

        rouge = RougeScorer(["rougeL"])
        found["rouge_l"] = lambda answer, reference: float(rouge.score(reference, answer)["rougeL"].fmeasure)
    except ImportError:
        pass
    return found

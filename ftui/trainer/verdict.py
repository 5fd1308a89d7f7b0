"""From two scored models to the verdict: eval/verdict.json and eval/samples.jsonl."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftui.core.evaluate import LOWER_IS_BETTER, Verdict, compare_rows, judge
from ftui.core.failures import confusion, groups
from ftui.core.plan import Plan
from ftui.core.scoring import Checks, compare
from ftui.trainer.job import write_json
from ftui.trainer.score_checks import checks_for

OTHER_REFERENCES = 8
"""Each answer is also compared with this many other rows' references, to see whether it read its own prompt."""
FORGOTTEN_SHOWN = 5
Scored = Mapping[str, Any]


def write_verdict(run_dir: Path, plan: Plan, rivals: Sequence[str] = ()) -> dict[str, Any]:
    """Compare base and tuned (and rivals of the tuned model) row by row; writes the verdict and gives it.

    rivals: labels of further scored models on the same rows: a prompted base, the tuned model of an earlier run.
    """
    base, tuned = _read(run_dir, "base"), _read(run_dir, "tuned")
    pairs = _paired(base, tuned)
    checks = checks_for([new["reference"] for _, new in pairs if new["reference"]], plan, run_dir)
    columns = _columns(pairs)
    primary = tuned["primary"]
    noise = noise_floor(tuned.get("noise"), primary, len(columns.get(primary, ([], []))[0]))
    verdict = judge(
        {name: old for name, (old, _) in columns.items()},
        {name: new for name, (_, new) in columns.items()},
        primary,
        own_and_other=None if primary in ("prefers_chosen", "reward") else _own_and_other(tuned, checks),
        probe_base=[row["loss"] for row in base["probe"]],
        probe_tuned=[row["loss"] for row in tuned["probe"]],
        margin=plan.eval.margin,
        noise_floor=noise,
        seed=plan.train.seed,
    )
    against = {name: _against(_read(run_dir, name), tuned, plan.train.seed) for name in rivals}
    written: dict[str, Any] = {
        "schema_version": 1,
        **asdict(verdict),
        "metrics": {name: asdict(comparison) for name, comparison in verdict.metrics.items()},
        "reasons": [*verdict.reasons, *(_rival_words(name, rival, primary) for name, rival in against.items())],
        "base": "base",
        "tuned": "tuned",
        "noise_floor": noise,
        "noise": tuned.get("noise"),
        "forgotten": _forgotten(base["probe"], tuned["probe"]),
        "groups": groups([old for old, _ in pairs], [new for _, new in pairs], checks),
        "speed": {"base": base.get("speed", {}), "tuned": tuned.get("speed", {})},
        "rivals": against,
        **_further(pairs, verdict, checks, plan.train.seed),
    }
    write_json(run_dir / "eval" / "verdict.json", written)
    _write_samples(run_dir / "eval" / "samples.jsonl", pairs, primary)
    return written


def noise_floor(noise: Mapping[str, Any] | None, metric: str, rows: int) -> float:
    """How far the mean of `rows` scores moves when one model is scored twice (95 %): 1.96 spread / sqrt(rows)."""
    spread = float(((noise or {}).get("spread") or {}).get(metric, 0.0))
    return 1.96 * spread / math.sqrt(rows) if rows else 0.0


def _read(run_dir: Path, label: str) -> Scored:
    scored: Scored = json.loads((run_dir / "eval" / f"{label}.json").read_text(encoding="utf-8"))
    return scored


def _paired(one: Scored, other: Scored) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    by_id = {row["id"]: row for row in one["rows"]}
    return [(by_id[row["id"]], row) for row in other["rows"] if row["id"] in by_id]


def _columns(
    pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
) -> dict[str, tuple[list[float], list[float]]]:
    """Metric -> the scores of both models on the rows where both have it."""
    names = sorted({name for old, new in pairs for name in old["metrics"].keys() & new["metrics"].keys()})
    columns = {}
    for name in names:
        both = [
            (o["metrics"][name], n["metrics"][name]) for o, n in pairs if name in o["metrics"] and name in n["metrics"]
        ]
        columns[name] = ([old for old, _ in both], [new for _, new in both])
    return columns


def _against(rival: Scored, tuned: Scored, seed: int) -> dict[str, Any]:
    """The tuned model compared with a rival (as base of the comparison), metric by metric."""
    columns = _columns(_paired(rival, tuned))
    return {name: asdict(compare_rows(old, new, seed)) for name, (old, new) in columns.items() if old}


def _rival_words(name: str, rival: Mapping[str, Any], primary: str) -> str:
    """What a rival means for the question whether the tuning was worth it."""
    shown = "the base with examples in its prompt" if name == "prompted" else name
    if primary not in rival:
        return f"{shown}: could not be compared"
    m = rival[primary]
    figures = f"{m['base']:.3g} against {m['tuned']:.3g} (95 % {m['ci_low']:+.3g} to {m['ci_high']:+.3g})"
    low, high = (-m["ci_high"], -m["ci_low"]) if primary in LOWER_IS_BETTER else (m["ci_low"], m["ci_high"])
    if low > 0:
        return f"{shown} does worse than the tuned model: {figures}"
    if high < 0:
        return f"{shown} does better than the tuned model: {figures}; it needs no training"
    return f"{shown} does as well as far as {m['n']} rows can tell: {figures}"


def _further(
    pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], verdict: Verdict, checks: Checks, seed: int
) -> dict[str, Any]:
    """Figures that are no paired row metric: perplexity, distance to the base, reward accuracy, confusion table."""
    found: dict[str, Any] = {}
    if (loss := verdict.metrics.get("loss")) is not None:
        found["perplexity"] = {"base": math.exp(min(loss.base, 50.0)), "tuned": math.exp(min(loss.tuned, 50.0))}
    distances = [new["metrics"]["kl_to_base"] for _, new in pairs if "kl_to_base" in new["metrics"]]
    if distances:
        found["kl_to_base"] = {"mean": math.fsum(distances) / len(distances), "rows": len(distances)}
    rewarded = [_reward_margin(old["logps"], new["logps"]) for old, new in pairs if "logps" in old and "logps" in new]
    if rewarded:
        # The base's own reward is zero everywhere: it is right half of the time.
        right = [1.0 if margin > 0 else 0.5 if margin == 0 else 0.0 for margin in rewarded]
        against_chance = compare_rows([0.5] * len(right), right, seed)
        found["reward_accuracy"] = {
            "value": against_chance.tuned,
            "ci_low": 0.5 + against_chance.ci_low,
            "ci_high": 0.5 + against_chance.ci_high,
            "rows": len(right),
        }
    if checks.kind == "label":
        found["confusion"] = {
            "base": confusion([old for old, _ in pairs]),
            "tuned": confusion([new for _, new in pairs]),
        }
    return found


def _reward_margin(base: Mapping[str, float], tuned: Mapping[str, float]) -> float:
    """DPO's implicit reward of the chosen answer less that of the rejected one (Rafailov et al. 2023), without beta."""
    return (tuned["chosen"] - base["chosen"]) - (tuned["rejected"] - base["rejected"])


def _own_and_other(scored: Scored, checks: Checks) -> tuple[list[float], list[float]] | None:
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
    risen = sorted((row for row in rises if row["tuned"] > row["base"]), key=lambda row: row["base"] - row["tuned"])
    return risen[:FORGOTTEN_SHOWN]


def _write_samples(path: Path, pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], primary: str) -> None:
    """One line a row; base_score and tuned_score are the primary metric, turned so that more is better."""
    lines = [
        json.dumps(
            {
                "id": new["id"], "prompt": new["prompt"], "reference": new["reference"],
                "base": old["output"], "tuned": new["output"],
                "base_score": _goodness(old, primary), "tuned_score": _goodness(new, primary),
            },
            ensure_ascii=False,
        )
        for old, new in pairs
    ]  # fmt: skip
    temporary = path.with_name(f".{path.name}")
    temporary.write_text("".join(line + "\n" for line in lines), encoding="utf-8", errors="replace")
    temporary.replace(path)


def _goodness(row: Mapping[str, Any], primary: str) -> float | None:
    value = row["metrics"].get(primary)
    return -value if value is not None and primary in LOWER_IS_BETTER else value

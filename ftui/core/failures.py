"""Wrong answers, grouped by what is wrong with them, and the confusion table of labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ftui.core.scoring import Checks, normalized, parse_json, token_f1

EXAMPLES = 5
GROUPS_MAX = 12
WEAK_OVERLAP = 0.3
OTHER = "(something else)"


def reasons(row: Mapping[str, Any], checks: Checks) -> list[str]:
    """What is wrong with one scored row ({"output", "reference", "metrics"}); [] where nothing is."""
    answer, reference, metrics = str(row["output"]), str(row["reference"]), row["metrics"]
    if not answer.strip():
        return ["no answer at all"]
    if metrics.get("refusal"):
        return ["refused"]
    found = []
    if metrics.get("stopped") == 0.0:
        found.append("did not stop within the limit")
    if checks.kind == "json":
        found += _json_reasons(answer, reference, checks)
    elif checks.kind == "label":
        if normalized(answer) != normalized(reference):
            found.append(f"{_short(reference)} taken for {_short(answer)}")
    elif reference and token_f1(answer, reference) < WEAK_OVERLAP:
        found.append("little in common with the wanted answer")
    if metrics.get("regex_match") == 0.0:
        found.append("does not match the pattern")
    return found


def _json_reasons(answer: str, reference: str, checks: Checks) -> list[str]:
    got, want = parse_json(answer), parse_json(reference)
    if got is None:
        return ["no valid JSON" + (" (text around it)" if "{" in answer and "}" in answer else "")]
    found = []
    if checks.schema_errors is not None:
        found += [f"schema: {words}" for words in dict.fromkeys(checks.schema_errors(got))]
    if isinstance(got, dict) and isinstance(want, dict):
        found += [f"field missing: {_short(key)}" for key in want if key not in got]
        found += [f"field too many: {_short(key)}" for key in got if key not in want]
        found += [f"wrong value: {_short(key)}" for key in want if key in got and not _same(got[key], want[key])]
    return found


def groups(
    base: Sequence[Mapping[str, Any]], tuned: Sequence[Mapping[str, Any]], checks: Checks
) -> list[dict[str, Any]]:
    """[{"reason", "base": rows, "tuned": rows, "examples": row ids}], the tuned model's most frequent first."""
    counts: dict[str, Counter[str]] = {"base": Counter(), "tuned": Counter()}
    examples: dict[str, list[Any]] = {}
    for name, rows in (("base", base), ("tuned", tuned)):
        for row in rows:
            for reason in reasons(row, checks):
                counts[name][reason] += 1
                if name == "tuned":
                    examples.setdefault(reason, []).append(row["id"])
    names = sorted(counts["base"] | counts["tuned"], key=lambda r: (-counts["tuned"][r], -counts["base"][r], r))
    return [
        {
            "reason": name,
            "base": counts["base"][name],
            "tuned": counts["tuned"][name],
            "examples": examples.get(name, [])[:EXAMPLES],
        }
        for name in names[:GROUPS_MAX]
    ]


def confusion(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """{"labels", "table"}: table[wanted][given] counts answers, the last column those that are no label."""
    labels = sorted({normalized(str(row["reference"])) for row in rows})
    columns = [*labels, OTHER]
    table = [[0] * len(columns) for _ in labels]
    for row in rows:
        given = normalized(str(row["output"]))
        table[labels.index(normalized(str(row["reference"])))][
            columns.index(given) if given in labels else len(labels)
        ] += 1
    return {"labels": columns, "table": table}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return normalized(one) == normalized(other)
    return type(one) is type(other) and bool(one == other)


def _short(text: object) -> str:
    words = normalized(str(text))
    return words if len(words) <= 24 else words[:23] + "…"

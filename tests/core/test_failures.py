"""Wrong answers are grouped by what is wrong, and labels by what they were taken for."""

from __future__ import annotations

import json
from typing import Any

from ftui.core.failures import OTHER, confusion, groups, reasons
from ftui.core.scoring import Checks


def row(number: int, output: str, reference: str, **metrics: float) -> dict[str, Any]:
    return {"id": number, "output": output, "reference": reference, "metrics": {"stopped": 1.0, **metrics}}


WANT = json.dumps({"kind": "refund", "city": "Bonn"})
JSON = Checks("json", schema_errors=lambda value: [] if value.get("kind") else ["kind: required"])


def test_what_is_wrong_with_an_answer() -> None:
    assert reasons(row(0, WANT, WANT), JSON) == []
    assert reasons(row(0, "", WANT), JSON) == ["no answer at all"]
    assert reasons(row(0, "I'm sorry", WANT, refusal=1.0), JSON) == ["refused"]
    assert reasons(row(0, "Here: " + WANT, WANT), JSON) == ["no valid JSON (text around it)"]
    assert reasons(row(0, '{"kind": "refund", "town": "Bonn"}', WANT), JSON) == [
        "field missing: city",
        "field too many: town",
    ]
    assert reasons(row(0, '{"city": "Bonn"}', WANT), JSON) == ["schema: kind: required", "field missing: kind"]
    assert reasons(row(0, '{"kind": "return", "city": "bonn"}', WANT, stopped=0.0), JSON) == [
        "did not stop within the limit",
        "wrong value: kind",
    ]
    assert reasons(row(0, "spam", "ham"), Checks("label")) == ["ham taken for spam"]
    assert reasons(row(0, "green tea", "The order ships on Monday"), Checks("free")) == [
        "little in common with the wanted answer"
    ]
    assert reasons(row(0, "anything", ""), Checks("free")) == []


def test_groups_count_both_models_and_name_rows() -> None:
    base = [row(n, "no", WANT) for n in range(10)]
    tuned = [row(n, WANT if n > 2 else '{"kind": "x", "city": "Bonn"}', WANT) for n in range(10)]
    found = groups(base, tuned, JSON)
    assert found[0] == {"reason": "wrong value: kind", "base": 0, "tuned": 3, "examples": [0, 1, 2]}
    assert found[1] == {"reason": "no valid JSON", "base": 10, "tuned": 0, "examples": []}


def test_confusion_counts_what_is_no_label_apart() -> None:
    made = confusion([row(0, "Spam.", "spam"), row(1, "ham", "spam"), row(2, "eggs", "ham")])
    assert made == {"labels": ["ham", "spam", OTHER], "table": [[0, 0, 1], [1, 1, 0]]}

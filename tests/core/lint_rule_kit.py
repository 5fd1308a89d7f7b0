"""Every rule against its own examples: the bad one gives exactly its code, the good one does not; a fix repairs it."""

import json
from collections.abc import Mapping
from typing import Any

from ftui.core.formats import detect_format
from ftui.core.lint.catalogue import all_fixes, all_rules
from ftui.core.lint.engine import check_rows
from ftui.core.lint.model import Context, Finding, Rule

NOT_OURS = ("DST", "DUP", "SCH", "TOK")
"""Families that have to say something of any small example: too few rows, a prompt twice."""


NO_CONTEXT = Context()


def findings_of(text: str, context: Context = NO_CONTEXT, families: tuple[str, ...] = ()) -> list[Finding]:
    data = [json.loads(line) for line in text.splitlines() if line]
    found = check_rows(data, context)
    return (
        [f for f in found if f.code[:3] in families] if families else [f for f in found if f.code[:3] not in NOT_OURS]
    )


def codes_of(text: str, context: Context = NO_CONTEXT) -> set[str]:
    return {finding.code for finding in findings_of(text, context)}


def check_examples(rule: Rule, context: Context) -> None:
    assert codes_of(rule.bad, context) == {rule.code}, "the bad example"
    assert rule.code not in codes_of(rule.good, context), "the good example"
    assert rule.explanation and rule.summary.endswith(".")
    assert (rule.safety == "none") == (not rule.fix)


def check_fix(rule: Rule, context: Context) -> None:
    """Repairing what the bad example shows leaves nothing of this code, or drops the row."""
    fixer = all_fixes()[rule.code]
    for line in rule.bad.splitlines():
        row: dict[str, Any] | None = json.loads(line)
        for _ in range(8):
            assert row is not None
            found = [f for f in findings_of(json.dumps(row), context) if f.code == rule.code and f.fix]
            if not found:
                break
            row = fixer(json.loads(json.dumps(row)), found[0].pointer)
            if row is None:
                break
        else:
            raise AssertionError(f"{rule.code} is never done fixing")
        if row is not None:
            assert detect_format(row).name != "unknown"


def rules_of(family: str) -> Mapping[str, Rule]:
    return {code: rule for code, rule in all_rules().items() if code.startswith(family)}

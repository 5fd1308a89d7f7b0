"""`ftui lint explain CODE`, `ftui lint rules`, `ftui lint --show-config`."""

from __future__ import annotations

import argparse
import difflib
import json
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ftui.core.lint.catalogue import FAMILIES, all_rules
from ftui.core.lint.model import Rule
from ftui.core.text import safe
from ftui.errors import FtuiError

if TYPE_CHECKING:
    from ftui.services.lint_config import LintConfig

COSTS = {
    "bytes": "the file's bytes",
    "row": "each row",
    "file": "the whole file",
    "cross": "two files",
    "tokenizer": "the model's tokenizer and chat template (--model)",
    "model": "a model",
}


def explain(codes: Sequence[str], *, as_json: bool) -> int:
    """Print what rules mean; codes or names; "all" is every rule."""
    if not codes:
        raise FtuiError("Which rule?", "no code was named", "Example: ftui lint explain DUP701")
    rules = [rule for code in codes for rule in _found(code)]
    if as_json:
        print(
            json.dumps({"schema_version": 1, "rules": [asdict(rule) for rule in rules]}, indent=1, ensure_ascii=False)
        )
        return 0
    print("\n\n".join(explanation(rule) for rule in rules))
    return 0


def _found(code: str) -> list[Rule]:
    rules = all_rules()
    if code.lower() == "all":
        return list(rules.values())
    if code.upper() in rules:
        return [rules[code.upper()]]
    named = [rule for rule in rules.values() if rule.name == code.lower()]
    family = [rule for rule in rules.values() if rule.code.startswith(code.upper())]
    if not (named or family):
        close = difflib.get_close_matches(code.upper(), rules, n=1)
        guess = f"Did you mean {close[0]}?" if close else "ftui lint rules lists them all."
        raise FtuiError("No such rule", code, guess)
    return named or family


def explanation(rule: Rule) -> str:
    """A rule in full: what, why, a bad row, a good row, the fix, what it needs."""
    fix = "none" if rule.safety == "none" else f"{rule.fix} ({rule.safety})"
    if rule.safety == "none" and rule.fix:
        fix = f"none by ftui; {rule.fix}"
    cells = min(96, max(60, shutil.get_terminal_size((96, 0)).columns))
    wrapped = "\n".join(textwrap.wrap(rule.explanation, cells, initial_indent="  ", subsequent_indent="  "))
    return "\n".join([
        f"{rule.code} {rule.name} ({rule.severity})",
        f"  {rule.summary}",
        "",
        wrapped,
        "",
        "  Bad:",
        *(f"    {safe(line)}" for line in rule.bad.split("\n")),
        "  Good:",
        *(f"    {safe(line)}" for line in rule.good.split("\n")),
        "",
        f"  Fix: {fix}. Looks at {COSTS[rule.cost]}.",
        f"  Switch off: --ignore {rule.code}; for one row: \"_ftui_ignore\": [\"{rule.code}\"]",
    ])  # fmt: skip


def list_rules(*, as_json: bool) -> int:
    """Print all rules by family."""
    if as_json:
        return explain(["all"], as_json=True)
    rules = all_rules()
    for family, about in FAMILIES.items():
        mine = [rule for rule in rules.values() if rule.family == family]
        if mine:
            print(f"{family}  {about}")
        for rule in mine:
            fix = "" if rule.safety == "none" else f" [{rule.safety} fix]"
            print(f"  {rule.code} {rule.severity:<7} {rule.name}: {rule.summary}{fix}")
    print(f"{len(rules)} rules. One in full: ftui lint explain CODE")
    return 0


def show_config(config: LintConfig, args: argparse.Namespace) -> int:
    """Print the settings in force, and where they come from."""
    settings = {
        "select": args.select or ["ALL"], "ignore": args.ignore, "fail-on": args.fail_on, "model": args.model,
        "max-length": args.max_length, "task": args.task, "target": args.target, "eval": args.eval,
        "epochs": args.epochs, "batch-rows": args.batch_rows, "benchmark": args.benchmark,
        "baseline": None if args.baseline is None else str(args.baseline),
    }  # fmt: skip
    for key in ("severity", "thresholds", "labels", "language", "shuffle", "map", "per-file-ignores"):
        if key in config.values:
            settings[key] = config.values[key]
    print(
        json.dumps(
            {"schema_version": 1, "config": str(config.path) if config.path else None, "lint": settings}, indent=1
        )
    )
    return 0

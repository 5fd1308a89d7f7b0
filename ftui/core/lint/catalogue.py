"""All rules by code, and the choice of rules by prefix: `TOK`, `DUP7`, `QUA602`, `ALL`."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from ftui.core.lint.model import Fixer, Rule

FAMILIES = {
    "FIL": "the file itself",
    "ENC": "encoding",
    "JSN": "JSON",
    "CSV": "CSV",
    "SCH": "columns and types",
    "MSG": "conversation structure",
    "TOL": "tool calls",
    "TXT": "text hygiene",
    "QUA": "answer quality",
    "PRF": "preference, KTO and reward data",
    "SEC": "secrets and personal data",
    "TOK": "tokenizer, template and loss",
    "DUP": "duplicates and leaks",
    "DST": "size and distribution",
}
"""Families in the order in which they run."""

NOT_FOR_PLAIN_ROWS = ("TOL", "PRF", "TOK")
"""Families whose `check` has nothing to say of a row that is nothing but messages (`Row.plain`)."""


@cache
def family_modules() -> Mapping[str, Any]:
    """The module of each family, in order."""
    names = {family: f"ftui.core.lint.rules_{family.lower()}" for family in FAMILIES}
    return {family: importlib.import_module(name) for family, name in names.items() if importlib.util.find_spec(name)}


@cache
def all_rules() -> Mapping[str, Rule]:
    """Every rule by code, in order of code within its family."""
    return {rule.code: rule for module in family_modules().values() for rule in module.RULES}


@cache
def all_fixes() -> Mapping[str, Fixer]:
    """Every row fix by code."""
    return {code: fix for module in family_modules().values() for code, fix in getattr(module, "FIXES", {}).items()}


def select_rules(select: Iterable[str] = (), ignore: Iterable[str] = ()) -> dict[str, Rule]:
    """The rules that `--select` and `--ignore` leave, each a list of prefixes; nothing selected means all.

    The longer prefix wins (`--select DUP702 --ignore DUP` keeps DUP702). Raises ValueError for a prefix of no rule.
    """
    wanted = [prefix.upper() for prefix in select] or ["ALL"]
    unwanted = [prefix.upper() for prefix in ignore]
    rules = all_rules()
    for prefix in (*wanted, *unwanted):
        if prefix != "ALL" and not any(code.startswith(prefix) for code in rules):
            raise ValueError(f"no rule starts with {prefix}")
    return {code: rule for code, rule in rules.items() if _longest(code, wanted) > _longest(code, unwanted)}


def _longest(code: str, prefixes: Iterable[str]) -> int:
    """Length of the longest prefix that fits, plus one; ALL counts as one, no fit as zero."""
    return max((1 if prefix == "ALL" else len(prefix) + 1 for prefix in prefixes
                if prefix == "ALL" or code.startswith(prefix)), default=0)  # fmt: skip

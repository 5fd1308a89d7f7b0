"""Answers with brackets, fences or signs of arithmetic: JSON, thinking, code, sums."""

from __future__ import annotations

import ast
import json
import re
import warnings

from ftui.core.lint.arithmetic import BOXED, final_mismatch, wrong_sums
from ftui.core.lint.asks import json_fault
from ftui.core.lint.model import Reporter, Row, Severity, Turn

_FENCE = re.compile(r"```(python|py|json)[ \t]*\n(.*?)```", re.S | re.I)
_NOT_A_PROGRAM = re.compile(r"^[ \t]*(?:>>>|\$ |!|%)|\.\.\.|…|<[a-z_ ]+>", re.M)
_MAX_PARSED = 4000


def check_form(row: Row, turn: Turn, prompt: str, system: str, report: Reporter) -> None:
    """What has brackets, fences or signs of arithmetic in it: JSON, thinking, code, sums."""
    text, marks = turn.text, row.marks
    if (b"JSON" in marks or b"{" in marks) and (fault := json_fault(f"{system}\n{prompt}", text)):
        report("QUA610", turn.pointer, fault, text=text)
    if b"<" in marks and "think>" in text:
        _check_thinking(turn, report)
    if b"```" in marks:
        _check_code(turn, report)
    if b"=" in marks or b"####" in marks or b"\\" in marks:
        _check_sums(turn, report)


def _check_thinking(turn: Turn, report: Reporter) -> None:
    text = turn.text
    opened, closed = text.count("<think>"), text.count("</think>")
    if "`<think>" in text or "`</think>" in text:
        return  # a text about the tags
    if opened != closed and not (opened == 0 and closed == 1):
        report("QUA611", turn.pointer, f"{opened} <think> and {closed} </think>", text=text)
    elif opened and text[: text.find("<think>")].strip():
        report("QUA611", turn.pointer, "the thinking comes after the answer", text=text)
    elif opened and not text[text.find("<think>") + 7 : text.find("</think>")].strip():
        report("QUA611", turn.pointer, "the thinking is empty", text=text, severity=Severity.WARNING)


def _check_code(turn: Turn, report: Reporter) -> None:
    for found in _FENCE.finditer(turn.text):
        language, code = found.group(1).lower(), found.group(2)
        if len(code) > _MAX_PARSED or _NOT_A_PROGRAM.search(code):
            continue
        try:
            if language == "json":
                json.loads(code)
            else:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ast.parse(_dedented(code))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            why = error.msg if isinstance(error, (SyntaxError, json.JSONDecodeError)) else type(error).__name__
            report(
                "QUA617", turn.pointer, f"the {language} block does not parse: {why}", text=turn.text, span=found.span()
            )


def _dedented(code: str) -> str:
    import textwrap

    return textwrap.dedent(code)


def _check_sums(turn: Turn, report: Reporter) -> None:
    text = turn.text
    if "####" in text and (mismatch := final_mismatch(text)):
        start, end, computed, given = mismatch
        report("QUA618", turn.pointer, f"the reasoning computes {computed}, the answer says {given}", text=text,
               span=(start, end))  # fmt: skip
    if "\\boxed" in text and "</think>" in text:
        thought, _, said = text.rpartition("</think>")
        inside, outside = BOXED.findall(thought), BOXED.findall(said)
        if inside and outside and inside[-1].replace(" ", "") != outside[-1].replace(" ", ""):
            report(
                "QUA618",
                turn.pointer,
                f"the thinking ends in {inside[-1]}, the answer in {outside[-1]}"[:160],
                text=said,
            )
    if "=" in text and "`" not in text:
        for start, end, right in wrong_sums(text):
            report(
                "QUA619",
                turn.pointer,
                f"{text[start:end].strip('<>')[:80]}: it is {right}",
                text=text,
                span=(start, end),
            )

"""Sums inside answers: `<<5*3=15>>` of GSM8K and plain "5 * 3 = 15", recomputed without eval."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

CALCULATION = re.compile(r"<<([^<>=\n]{1,120})=\s*([^<>=\n]{1,40})>>")
FINAL = re.compile(r"####\s*\$?(-?[\d,]{0,40}\.?\d{1,40})\s*(?:%\s*)?\Z")
BOXED = re.compile(r"\\boxed\{([^{}]{1,80})\}")
_PLAIN = re.compile(
    r"(?<![\w.,)^])(?!0\d)(\d{1,9}(?:\.\d{1,4})?) ?([+\-−*×÷x]) ?(\d{1,9}(?:\.\d{1,4})?) ?="
    r" ?(-?\d{1,12}(?:\.\d{1,6})?)(?![\w,]|\.\d| \d{3})"
)
_GOES_ON_BEFORE = re.compile(r"(?:[+\-−*×÷/=^%.)]|\bx|\btimes)\s*\Z")
_NOT_DECIMAL = ("binary", "modul", " mod ", "base ", "hexadec", "matrix", "clock", "string", "python", "javascript",
                "riddle", "joke", "wrong", "incorrect", "false", "orwell")  # fmt: skip
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_MAX_DIGITS = 30


def wrong_sums(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and the right result of every sum in `text` whose result is wrong; rounding is forgiven."""
    for found in CALCULATION.finditer(text):
        value, said = evaluated(found.group(1)), number(found.group(2))
        if value is not None and said is not None and not _agrees(value, said, found.group(2), "/" in found.group(1)):
            yield found.start(), found.end(), _plain(value)
    if "=" not in text or any(word in text.lower() for word in _NOT_DECIMAL):
        return
    for found in _PLAIN.finditer(text):
        if _GOES_ON_BEFORE.search(text[max(0, found.start() - 8) : found.start()]):
            continue
        after = text[found.end() :].lstrip()[:1]
        if after and after in "+-−*×÷/=^%r":
            continue
        operator = {"−": "-", "×": "*", "x": "*", "÷": "/"}.get(found.group(2), found.group(2))
        value, said = evaluated(found.group(1) + operator + found.group(3)), number(found.group(4))
        if value is not None and said is not None and not _agrees(value, said, found.group(4), operator == "/"):
            yield found.start(), found.end(), _plain(value)


def number(text: str) -> float | None:
    """A number as people write it ("$1,200.50", "25%"), None when it is none."""
    bare = text.strip().strip("$€£%").replace(",", "").strip()
    if len(bare) > _MAX_DIGITS or not re.fullmatch(r"-?(?:\d+\.?\d*|\.\d+)(?:/\d+)?", bare):
        return None
    top, _, bottom = bare.partition("/")
    return float(top) / float(bottom) if bottom and float(bottom) else None if bottom else float(top)


def evaluated(expression: str) -> float | None:
    """The value of an expression of numbers, + - * / and brackets; None when it is anything else."""
    bare = expression.replace(",", "").replace("$", "").replace("x", "*").replace("×", "*").replace("÷", "/")
    bare = re.sub(r"(\d+(?:\.\d+)?)\s*%", r"(\1/100)", bare)
    bare = re.sub(r"(?<![\d.])0+(?=\d)", "", bare).strip()
    if len(bare) > 160 or not re.fullmatch(r"[\d\s.+*/()-]+", bare) or "**" in bare or "//" in bare:
        return None
    try:
        return _value(ast.parse(bare, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        return -_value(node.operand) if isinstance(node.op, ast.USub) else _value(node.operand)
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Div):
            return left / right
    raise ValueError("not arithmetic")


def _agrees(value: float, said: float, written: str, divides: bool) -> bool:
    """Equal, or rounded: to the decimals that are written, to whole numbers after a division, or within one percent."""
    if abs(value - said) <= max(1e-6, 0.01 * abs(value)) or abs(abs(value) - abs(said)) < 1e-9:
        return True
    decimals = len(written.strip().strip("%").rpartition(".")[2]) if "." in written else 0
    if abs(value * 100 - said) <= 0.01 * abs(value * 100) or abs(value / 100 - said) <= 0.01 * abs(value / 100):
        return True  # a percentage written with or without its sign
    return abs(value - said) <= 10.0**-decimals if decimals else divides and abs(value - said) < 1


def _plain(value: float) -> str:
    return f"{value:.10g}"


_SPACED_THOUSANDS = re.compile(r"(?<=\d) (?=\d{3}(?!\d))")
_STATED = re.compile(r"\s*\$?(-?\d[\d,]*(?:\.\d+)?)")


def final_mismatch(text: str) -> tuple[int, int, str, str] | None:
    """GSM8K's last result against its "#### answer": start, end, result, given; None when they agree.

    The last result is that of the last `<<a+b=c>>`, or of an equation without such marks that comes after it.
    """
    final = FINAL.search(text)
    if final is None:
        return None
    calculations = CALCULATION.findall(text)
    given = number(final.group(1))
    computed = number(calculations[-1][1]) if calculations else None
    if given is None or computed is None or _agrees(computed, given, final.group(1), True):
        return None
    before = text[: final.start()]
    said = {number(each) for each in _NUMBER.findall(_SPACED_THOUSANDS.sub("", before))}
    if given in said or any(
        said_one is not None and _agrees(said_one, given, final.group(1), True) for said_one in said
    ):
        return None  # the last step was not annotated, but its result is there
    _, equals, behind = before[before.rfind(">>") + 2 :].rpartition("=")
    stated = _STATED.match(behind) if equals else None
    result = number(stated.group(1)) if stated else None
    return final.start(1), final.end(1), _plain(computed if result is None else result), final.group(1)

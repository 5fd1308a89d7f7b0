"""One JSON text, read tolerantly: what strict parsers refuse is read where it can be, and said in a `Fault`."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MAX_DEPTH = 100
"""Arrow, chat templates and Python's own recursion have limits; no training row comes near this one."""
MAX_REPR_CHARACTERS = 1 << 20
_INT64 = 1 << 63
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_DOUBLE_QUOTED_KEY_MISSING = re.compile(r"""^\s*\{\s*'""")


@dataclass
class Fault:
    """code: a JSN or ENC rule; message: what is wrong; column: 0-based character in the text, None when unknown."""

    code: str
    message: str
    column: int | None = None


@dataclass
class Value:
    """What was read. end: where in the text it ended; -1 when nothing could be read (a fault says why)."""

    value: Any = None
    end: int = -1
    faults: list[Fault] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)

    def fault(self, code: str, message: str, column: int | None = None) -> None:
        """Note a fault; of a row with thousands of them the first eight say enough."""
        if len(self.faults) < 8:
            self.faults.append(Fault(code, message, column))


def read_value(text: str, start: int = 0) -> Value:
    """Read one JSON value that begins at `start` (white space before it is skipped). Never raises."""
    read = Value()
    while start < len(text) and text[start] in " \t\r\n":
        start += 1
    decoder = json.JSONDecoder(
        object_pairs_hook=_pairs_hook(read), parse_constant=_constant_hook(read), parse_int=_int_hook(read),
        parse_float=_float_hook(read),
    )  # fmt: skip
    try:
        read.value, read.end = decoder.raw_decode(text, start)
    except RecursionError:
        read.faults = [Fault("JSN209", f"nested deeper than {MAX_DEPTH} levels", start)]
    except json.JSONDecodeError as error:
        read.faults = [Fault("JSN201", error.msg, error.pos)]
    except ValueError as error:
        read.faults = [Fault("JSN208", str(error).partition(";")[0], start)]
    else:
        if read.repeated:
            keys = ", ".join(repr(key) for key in dict.fromkeys(read.repeated))
            read.fault("JSN206", f"{keys} stands twice in one object: parsers disagree about which one counts")
        # A lone surrogate is written as an escape, or came through a tolerant decoder.
        escaped = text.find("\\u", start, read.end) >= 0 or _LONE_SURROGATE.search(text, start, read.end)
        if escaped and has_lone_surrogate(read.value):
            read.fault("ENC106", "half of a surrogate pair: Arrow and tokenizers cannot encode it")
        if depth_of(read.value) > MAX_DEPTH:
            read.fault("JSN209", f"nested deeper than {MAX_DEPTH} levels", start)
            read.value, read.end = None, -1
    return read


def _pairs_hook(read: Value) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def hook(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen and len(read.repeated) < 8:
                    read.repeated.append(key[:60])
                seen.add(key)
        return made

    return hook


def _constant_hook(read: Value) -> Callable[[str], float]:
    def hook(name: str) -> float:
        read.fault("JSN207", f"{name} is not JSON: Python reads it, other readers refuse the line")
        return float(name.replace("Infinity", "inf"))

    return hook


def _int_hook(read: Value) -> Callable[[str], int]:
    def hook(digits: str) -> int:
        number = int(digits)
        if not -_INT64 <= number < _INT64:
            read.fault("JSN208", f"the number {digits[:24]}{'...' * (len(digits) > 24)} does not fit 64 bits")
        return number

    return hook


def _float_hook(read: Value) -> Callable[[str], float]:
    def hook(digits: str) -> float:
        number = float(digits)
        if math.isinf(number):
            read.fault("JSN208", f"the number {digits[:24]} is too large and becomes infinity")
        return number

    return hook


def depth_of(value: Any) -> int:
    """How deep lists and objects are nested; stops counting beyond MAX_DEPTH. Does not recurse."""
    depth = 0
    level = [value] if isinstance(value, (list, dict)) else []
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (list, dict))
        ]
    return depth


def has_lone_surrogate(value: Any) -> bool:
    """Whether any text in the value, keys included, cannot be encoded as UTF-8."""
    pending = [value]
    while pending:
        inner = pending.pop()
        if isinstance(inner, str):
            if not inner.isascii() and _LONE_SURROGATE.search(inner):
                return True
        elif isinstance(inner, dict):
            pending += inner.keys()
            pending += inner.values()
        elif isinstance(inner, list):
            pending += inner
    return False


def why_not_json(text: str, fault: Fault) -> str:
    """The likely cause of a JSN201, in words, with the column."""
    column = fault.column or 0
    rest, before = text[column : column + 12], text[:column].rstrip()
    where = f"column {column + 1:,}"
    if rest.startswith(("//", "#")) or text.lstrip().startswith(("//", "#")):
        return f"JSON has no comments ({where})"
    if before.endswith(",") and rest[:1] in "}]":
        return f"a comma stands before the closing {rest[:1]} ({where})"
    if fault.message.startswith("Expecting property name") and before.endswith(","):
        return f"a comma stands before the closing bracket ({where})"
    if rest.startswith("'"):
        return f"JSON needs double quotes, not single ones ({where})"
    if re.match(r"(True|False|None)\b", rest):
        return f"{rest.split(',')[0].strip('}] ')} is Python: JSON writes true, false and null ({where})"
    if fault.message.startswith("Invalid control character"):
        return f"a raw line break, tab or control character inside a text must be escaped ({where})"
    if fault.message.startswith("Invalid \\escape"):
        return f"a backslash that escapes nothing must be doubled ({where})"
    return f"{fault.message[:1].lower()}{fault.message[1:]} ({where})"


def is_cut_off(text: str, fault: Fault) -> bool:
    """Whether the text ends in the middle of a value: it was valid JSON as far as it goes."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return False
    if fault.message.startswith("Unterminated string"):
        return True
    if fault.message.startswith("Invalid \\uXXXX escape") and '"' not in text[fault.column or 0 :]:
        return True
    return fault.column is not None and fault.column >= len(text.rstrip())


def python_literal(text: str) -> Any:
    """The value of a line that holds `str(dict)` instead of JSON, or None when it does not. Nothing is executed."""
    if not _DOUBLE_QUOTED_KEY_MISSING.match(text) or len(text) > MAX_REPR_CHARACTERS:
        return None
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    return value if isinstance(value, dict) and depth_of(value) <= MAX_DEPTH else None

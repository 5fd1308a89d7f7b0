"""SCH: columns and types: what format the rows have, and whether all of them have it."""

from __future__ import annotations

from typing import Any

from ftui.core.conversations import content_key, type_name
from ftui.core.formats import COLUMNS_OF
from ftui.core.lint.about_sch import RULES
from ftui.core.lint.model import Context, Reporter, Row, Severity, pointer_step
from ftui.core.lint.plain import PlainRun
from ftui.core.lint.sch_fixes import FIXES
from ftui.core.lint.sch_totals import Totals, count_in, finish

__all__ = ["FIXES", "RULES", "Totals", "check", "check_plain", "finish"]


RESERVED = frozenset({"labels", "input_ids", "attention_mask", "token_type_ids", "label_ids"})
FOREIGN_ROLES = frozenset({"human", "gpt", "prompter", "chatgpt", "bing", "bard"})
WEIGHTS = ("weight", "loss_weight", "train")
SUPPRESS = "_ftui_ignore"


def check(row: Row, report: Reporter, totals: Totals, context: Context) -> None:
    if row.plain:
        if totals.seen_plain:
            totals.plain_rows += 1
            return
        totals.seen_plain = True
    data, format = row.data, row.format
    shape = tuple(data)
    new = count_in(totals.shapes, shape, row.index)
    count_in(totals.formats, format.name, row.index)
    if new:
        _columns(row, report, context)
    for column, value in data.items():
        if value is not None:
            entry = totals.types.get((column, type(value).__name__))
            if entry is None:
                count_in(totals.types, (column, type(value).__name__), row.index)
            else:
                entry[0] += 1
    if format.name == "unknown":
        report("SCH301", "", _nearest(data))
    elif format.name == "tokenized":
        _tokenized(data, report)
    elif row.conversation or format.kind in ("chat", "preference"):
        if format.name != "alpaca":
            _conversations(row, report, totals)
        else:
            _texts(row, report)
    else:
        _texts(row, report)
    if context.source in ("parquet", "arrow") and isinstance(row.tools, list) and _has_null(row.tools):
        report("SCH311", f"/{format.column('tools')}", "tools hold nulls: Arrow merged the keys of all tools")


def check_plain(run: PlainRun, report: Reporter, totals: Totals, context: Context) -> None:
    first = 0 if totals.seen_plain else 1
    run.look_closer(range(first), check, report, totals, context)
    totals.plain_rows += len(run) - first


def _columns(row: Row, report: Reporter, context: Context) -> None:
    """What the column names alone tell; called once per set of columns."""
    format = row.format
    used = {column: name for name, column in format.columns}
    for column in row.data:
        name = used.get(column)
        place = "/" + pointer_step(str(column))
        tidy = str(column).strip().lower()
        if name is not None and tidy != column and tidy in (name, *COLUMNS_OF.get(format.name, ())):
            report("SCH306", place, f"the column {column!r} is meant to be {tidy!r}", text=str(column))
        elif name is None and column != SUPPRESS and format.kind:
            if column in WEIGHTS:
                report("SCH313", place, f"nothing reads {column!r} on a whole row of this format")
            elif column in RESERVED and format.name not in ("tokenized", "stepwise"):
                report("SCH314", place, f"trainers make a column {column!r} themselves")
            if format.kind != "prompt":
                strict = context.trainer in ("openai", "together")
                fate = f"{context.trainer} refuses the file" if strict else "it is ignored"
                severity = Severity.WARNING if strict else None
                report("SCH305", place, f"the format {format.name} has no column {str(column)[:60]!r}: {fate}",
                       severity=severity)  # fmt: skip
    if format.also:
        losers = ", ".join(format.also)
        report("SCH307", "", f"read as {format.name}; the columns also fit {losers}, which are ignored")
    if format.columns and format.columns[0] == ("messages", "conversation"):
        report("SCH310", "/conversation", "the usual name of this column is conversations or messages")


def _nearest(data: dict[str, Any]) -> str:
    """For SCH301: the known format that has most of its columns here, and what it lacks."""
    columns = {str(column).strip().lower() for column in data}
    best, lacking = "", tuple[str, ...]()
    for name, needed in (("prompt and completion", ("prompt", "completion")), ("chat", ("messages",)),
                         ("Alpaca", ("instruction", "output")), ("preference", ("chosen", "rejected")),
                         ("text", ("text",))):  # fmt: skip
        missing = tuple(column for column in needed if column not in columns)
        if len(missing) < len(needed) and (not best or len(missing) < len(lacking)):
            best, lacking = name, missing
    shown = ", ".join(str(column)[:30] for column in list(data)[:8]) or "none"
    near = f"; {best} rows also have {', '.join(lacking)}" if best else ""
    return f"the columns make no known format: {shown}{near}"


def _tokenized(data: dict[str, Any], report: Reporter) -> None:
    lengths = {name: len(data[name]) for name in ("input_ids", "attention_mask", "labels", "token_type_ids")
               if isinstance(data.get(name), list)}  # fmt: skip
    if len(set(lengths.values())) > 1:
        report("SCH308", "/input_ids", ", ".join(f"{name} has {length:,}" for name, length in lengths.items()))
    report("SCH301", "", "the row is tokenized already: ftui needs the text, to mask and cut it for the chosen model")


def _conversations(row: Row, report: Reporter, totals: Totals) -> None:
    for name, column in row.format.columns:
        if name not in ("messages", "prompt", "completion", "chosen", "rejected"):
            continue
        value = row.data.get(column)
        if type(value) is list:
            _messages(value, column, row, report, totals)
        elif isinstance(value, str):
            if name == "messages":
                report("SCH303", f"/{pointer_step(column)}", "messages must be a list, this is a string", text=value,
                       fix="none")  # fmt: skip
        elif isinstance(value, dict):
            if name == "messages":
                report("SCH303", f"/{pointer_step(column)}", "messages must be a list, this is one object", fix="none")
        else:
            what = "a list of messages" if name == "messages" else "a text or a list of messages"
            report("SCH303", f"/{pointer_step(column)}", f"{name} must be {what}, this is {type_name(value)}",
                   fix=None if isinstance(value, (int, float)) and name != "messages" else "none")  # fmt: skip


def _messages(messages: list[Any], column: str, row: Row, report: Reporter, totals: Totals) -> None:
    if not messages:
        report("SCH303", f"/{pointer_step(column)}", "the list of messages is empty", fix="none")
    mixed = False
    spellings = 0
    top = f"/{pointer_step(column)}"
    for index, message in enumerate(messages):
        if type(message) is not dict:
            report("SCH303", f"{top}/{index}", f"a message must be an object, this is {type_name(message)}", fix="none")
            continue
        content = message.get("content")
        role = message.get("role")
        if type(role) is str:
            spellings |= 1
            if role in FOREIGN_ROLES or ("content" not in message and "value" in message):
                mixed = True
        elif "from" in message:
            spellings |= 2
            if "content" in message:
                mixed = True
        elif role is not None:
            report("SCH303", f"{top}/{index}/role", f"a role must be a text, this is {type_name(role)}", fix="none")
        if isinstance(content, (str, list)):
            kind = "str" if type(content) is str else "list"
            entry = totals.types.get((f"{column}[].content", kind))
            if entry is None:
                count_in(totals.types, (f"{column}[].content", kind), row.index)
            else:
                entry[0] += 1
            if isinstance(content, list):
                _parts(content, f"{top}/{index}/content", report)
            continue
        key = content_key(message)
        value = message.get(key)
        if value is not None and not isinstance(value, (str, list)):
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            report("SCH303", f"{top}/{index}/{key}", f"content must be a text, this is {type_name(value)}",
                   fix=None if number else "none")  # fmt: skip
    if mixed or spellings == 3 or (spellings == 2 and column == "messages"):
        report(
            "SCH310", f"/{pointer_step(column)}", "role and content stand beside from and value, or user beside human"
        )


def _parts(parts: list[Any], place: str, report: Reporter) -> None:
    for number, part in enumerate(parts):
        if isinstance(part, dict) and part.get("type") == "text" and "text" not in part and "value" in part:
            report("SCH312", f"{place}/{number}", "the text of this part stands under 'value'")
            return


def _texts(row: Row, report: Reporter) -> None:
    for name, column in row.format.columns:
        value = row.data.get(column)
        if type(value) is str or name in ("history", "tools", "label", "labels", "completions", "messages"):
            continue
        if name in ("input", "system") and value is None:
            continue
        if isinstance(value, list) and name in ("prompt", "completion", "chosen", "rejected"):
            continue
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        report("SCH303", "/" + pointer_step(column), f"{name} must be a text, this is {type_name(value)}",
               fix=None if number else "none")  # fmt: skip


def _has_null(value: Any) -> bool:
    pending = [value]
    while pending:
        inner = pending.pop()
        if inner is None:
            return True
        if isinstance(inner, dict):
            pending += inner.values()
        elif isinstance(inner, list):
            pending += inner
    return False

"""SCH: columns and types: what format the rows have, and whether all of them have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftui.core.conversations import content_key, type_name
from ftui.core.formats import COLUMNS_OF, UNKNOWN, Format, detect_format
from ftui.core.lint.model import Context, Facts, Reporter, Row, Rule, Severity, pointer_step
from ftui.core.lint.sch_fixes import FIXES
from ftui.core.text import plural

__all__ = ["FIXES", "RULES", "Totals", "check", "finish"]

E, W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

RULES: tuple[Rule, ...] = (
    Rule(
        "SCH301", "unknown-format", E, "The columns make no known format.",
        "ftui knows chat messages, ShareGPT, Alpaca, prompt and completion, plain text, preference pairs, KTO,"
        " prompts for rewards, and stepwise rows. The nearest one is named with the columns that are missing. Name"
        " your columns with --map, for example --map prompt=frage,completion=antwort.",
        '{"frage": "2+2?", "antwort": "4"}', '{"prompt": "2+2?", "completion": "4"}',
    ),
    Rule(
        "SCH302", "mixed-formats", E, "The rows have different formats.",
        "A run has one task and reads one format. Loaders infer the columns from the first rows and fail, or fill"
        " the rest with nulls. Split the file by format.",
        '{"text": "a"} and {"prompt": "b", "completion": "c"}', "one file per format", cost="file",
    ),
    Rule(
        "SCH303", "wrong-type", E, "A field has the wrong type.",
        "Messages must be a list of objects, content a text (or a list of parts), prompts and answers texts. The"
        " unsafe fix writes numbers as texts.",
        '{"prompt": "2+2?", "completion": 4}', '{"prompt": "2+2?", "completion": "4"}', "write the number as text",
        "unsafe",
    ),
    Rule(
        "SCH304", "type-drift", E, "A column changes its type between rows.",
        "Arrow, which the datasets library stands on, gives a column one type, taken from the first rows, and stops"
        " with 'Column() changed from string to array' at the first row that differs: the most reported data error"
        " of all.",
        '{"answer": "4"} then {"answer": ["4", "four"]}', '{"answer": "4"} in every row', cost="file",
    ),
    Rule(
        "SCH305", "extra-columns", _I, "Columns that the format does not use.",
        "ftui ignores them (prompt-only rows keep them for rewards). OpenAI and Together refuse files that have"
        " them. The unsafe fix removes them: training does not change, but ids and sources are lost.",
        '{"prompt": "a", "completion": "b", "note": "c"}', '{"prompt": "a", "completion": "b"}', "remove the column",
        "unsafe", "file",
    ),
    Rule(
        "SCH306", "column-name", E, "A column has the right name in the wrong case, padded, or twice.",
        "'Prompt' and ' completion ' are other columns than 'prompt' and 'completion' to every loader.",
        '{"Prompt": "a", " completion ": "b"}', '{"prompt": "a", "completion": "b"}', "rename the column", "safe",
        "file",
    ),
    Rule(
        "SCH307", "several-formats-fit", W, "The columns of a row fit several formats.",
        "Which one wins, and which columns are ignored, is said. Other trainers may choose another. Remove what is"
        " not meant, or say --map.",
        '{"messages": [...], "text": "..."}', '{"messages": [...]}',
    ),
    Rule(
        "SCH308", "unequal-token-columns", E, "A pre-tokenized row has columns of different lengths.",
        "input_ids, attention_mask and labels describe the same tokens and must have the same length.",
        '{"input_ids": [1, 2, 3], "labels": [1, 2]}', '{"input_ids": [1, 2, 3], "labels": [1, 2, 3]}',
    ),
    Rule(
        "SCH309", "missing-column", E, "Some rows lack a column that the others have.",
        "Rows without the answer, or without the prompt, cannot be trained; loaders fill in nulls or stop.",
        '{"prompt": "a"} among prompt and completion rows', '{"prompt": "a", "completion": "b"}', cost="file",
    ),
    Rule(
        "SCH310", "mixed-vocabulary", E, "The words of two formats are mixed.",
        "OpenAI's format has role and content with user and assistant, ShareGPT has from and value with human and"
        " gpt, in a column `conversations`. Trainers read one or the other; ftui reads both and the fix writes"
        " OpenAI's.",
        '{"messages": [{"role": "human", "value": "a"}]}', '{"messages": [{"role": "user", "content": "a"}]}',
        "write role and content", "safe",
    ),
    Rule(
        "SCH311", "struct-with-nulls", W, "Tools or arguments went through Arrow structs and gained nulls.",
        "Arrow gives every object of a column the keys of all others, filled with null, so that every tool seems to"
        " have every parameter. Store tools and arguments as JSON texts.",
        '{"tools": [{"name": "a", "city": null, "stock": null}]}', '{"tools": "[{\\"name\\": \\"a\\"}]"}',
        "remove the nulls", "safe", "file",
    ),
    Rule(
        "SCH312", "content-part-key", E, "Content parts keep their text under an unusual key.",
        "A text part is {\"type\": \"text\", \"text\": ...}; with \"value\" most trainers see an empty message.",
        '{"messages": [{"role": "user", "content": [{"type": "text", "value": "a"}]}]}',
        '{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}',
        "rename the key to text", "safe",
    ),
    Rule(
        "SCH313", "ignored-weight", W, "A weight is given where the trainer ignores it.",
        "ftui honours weight, loss_weight and train on messages of chat rows. On whole rows, and in preference, KTO"
        " and completion data, nothing reads them; Mistral's trainer reads only weight.",
        '{"prompt": "a", "completion": "b", "weight": 0.5}', '{"prompt": "a", "completion": "b"}', cost="file",
    ),
    Rule(
        "SCH314", "reserved-column", W, "A column has a name that trainers keep for themselves.",
        "labels, input_ids, attention_mask and token_type_ids are made by the trainer; a column of that name beside"
        " texts is taken for tokens, or dropped.",
        '{"text": "a", "labels": "spam"}', '{"text": "a", "category": "spam"}', cost="file",
    ),
)  # fmt: skip

RESERVED = frozenset({"labels", "input_ids", "attention_mask", "token_type_ids", "label_ids"})
FOREIGN_ROLES = frozenset({"human", "gpt", "prompter", "chatgpt", "bing", "bard"})
WEIGHTS = ("weight", "loss_weight", "train")
MAX_SHAPES = 256
SUPPRESS = "_ftui_ignore"
_PLAIN_SHAPE = ("messages",)


class Totals:
    """Shapes (column tuples) and types of the columns, each with a count and the row where it came first."""

    def __init__(self) -> None:
        self.shapes: dict[tuple[str, ...], list[int]] = {}
        self.formats: dict[str, list[int]] = {}
        self.types: dict[tuple[str, str], list[int]] = {}
        self.seen_plain = False
        self.plain_rows = 0
        """Plain rows (see Row.plain) after the first one: they bring no new column and no new type."""

    def merge(self, later: Totals, rows_before: int) -> None:
        self.seen_plain = self.seen_plain or later.seen_plain
        self.plain_rows += later.plain_rows
        for key, (count, first) in later.shapes.items():
            _count(self.shapes, key, first + rows_before, count)
        for name, (count, first) in later.formats.items():
            _count(self.formats, name, first + rows_before, count)
        for kind, (count, first) in later.types.items():
            _count(self.types, kind, first + rows_before, count)


def _count(table: dict[Any, list[int]], key: Any, row: int, times: int = 1) -> bool:
    """Count a key; True when it is new."""
    entry = table.get(key)
    if entry is not None:
        entry[0] += times
        return False
    if len(table) >= MAX_SHAPES:
        return False
    table[key] = [times, row]
    return True


def check(row: Row, report: Reporter, totals: Totals, context: Context) -> None:
    if row.plain:
        if totals.seen_plain:
            totals.plain_rows += 1
            return
        totals.seen_plain = True
    data, format = row.data, row.format
    shape = tuple(data)
    new = _count(totals.shapes, shape, row.index)
    _count(totals.formats, format.name, row.index)
    if new:
        _columns(row, report, context)
    for column, value in data.items():
        if value is not None:
            entry = totals.types.get((column, type(value).__name__))
            if entry is None:
                _count(totals.types, (column, type(value).__name__), row.index)
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
                severity = W if strict else None
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
                _count(totals.types, (f"{column}[].content", kind), row.index)
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


def finish(totals: Totals, report: Reporter, context: Context, facts: Facts) -> None:
    if totals.plain_rows:
        totals.shapes[_PLAIN_SHAPE][0] += totals.plain_rows
        totals.formats["chat"][0] += totals.plain_rows
        totals.types[("messages", "list")][0] += totals.plain_rows
        totals.types[("messages[].content", "str")][0] += totals.plain_rows
    _formats(totals, report)
    by_column: dict[str, dict[str, list[int]]] = {}
    for (column, kind), entry in totals.types.items():
        by_column.setdefault(column, {})["number" if kind in ("int", "float") else kind] = entry
    for column, kinds in by_column.items():
        if len(kinds) > 1:
            _drift(column, kinds, report)


_TYPE_WORDS = {"str": "text", "list": "a list", "dict": "an object", "number": "a number", "bool": "true or false"}


def _drift(column: str, kinds: dict[str, list[int]], report: Reporter) -> None:
    ordered = sorted(kinds.items(), key=lambda item: -item[1][0])
    counts = ", ".join(f"{_TYPE_WORDS.get(kind, kind)} {count:,} times" for kind, (count, _) in ordered)
    report.row, report.line = ordered[1][1][1], None
    place = "" if "[]" in column else "/" + pointer_step(column)
    report("SCH304", place, f"{column[:60]!r} is {counts}: Arrow stops where the type changes")


def _formats(totals: Totals, report: Reporter) -> None:
    """Rows that lack a column of the commonest format, and rows of other formats."""
    if len(totals.formats) < 2:
        return
    main_shape = max(totals.shapes, key=lambda shape: (bool(detect(shape).kind), totals.shapes[shape][0]))
    main = detect(main_shape)
    needed = [column for name, column in main.columns if name in _NEEDED]
    explained: set[str] = set()
    for shape, (count, first) in totals.shapes.items():
        missing = [column for column in needed if column not in shape]
        other = detect(shape)
        if missing and len(missing) < len(needed) and other.name != main.name:
            report.row, report.line = first, None
            report(
                "SCH309", "", f"{plural(count, 'row')} without the column {', '.join(missing)}, which the others have"
            )
            explained.add(other.name)
    for name, (count, first) in totals.formats.items():
        if name not in (main.name, "unknown") and name not in explained and not _siblings(name, main.name):
            report.row, report.line = first, None
            report("SCH302", "", f"{plural(count, 'row')} of the format {name}, the others are {main.name}")


_NEEDED = frozenset({"messages", "instruction", "output", "prompt", "completion", "text", "chosen", "rejected", "label",
                     "completions", "labels"})  # fmt: skip


def _siblings(one: str, other: str) -> bool:
    """Chat rows without an answer look like prompts; the row rules say what is wrong with them."""
    return {one, other} == {"chat", "prompt"}


def detect(shape: Sequence[str]) -> Format:
    """The format of a set of columns."""
    return detect_format(dict.fromkeys(shape, "")) if shape else UNKNOWN

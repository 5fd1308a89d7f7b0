"""JSN: lines and values that are not the JSON they should be."""

from __future__ import annotations

from ftui.core.lint.model import Rule, Severity

E, W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

RULES: tuple[Rule, ...] = (
    Rule(
        "JSN201", "not-json", E, "The line is not JSON.",
        "One such line stops most loaders with an error that names a byte offset at best. The column and the likely"
        " cause are given: a trailing comma, a comment, single quotes, a raw line break inside a text.",
        '{"text": "a",}', '{"text": "a"}',
    ),
    Rule(
        "JSN202", "truncated", E, "The last line is cut off.",
        "The file was truncated while it was written or copied. Rows may be missing that nobody will miss until the"
        " model does. Copy or export it again. The unsafe fix drops the broken line.",
        '{"messages": [{"role": "user", "con', '{"messages": [...]}', "drop the broken line", "unsafe",
    ),
    Rule(
        "JSN203", "array-in-jsonl", W, "A .jsonl file holds one JSON array.",
        "JSON Lines means one object per line. Loaders that read line by line see one row, or fail at line 1.",
        '[{"text": "a"}, {"text": "b"}]', '{"text": "a"}\\n{"text": "b"}', "write one object per line", "safe", "bytes",
    ),
    Rule(
        "JSN204", "jsonl-in-json", W, "A .json file holds JSON Lines.",
        "A JSON reader stops after the first object with 'extra data'. Name it .jsonl.",
        "data.json: one object per line", "data.jsonl", "write it as .jsonl", "safe", "bytes",
    ),
    Rule(
        "JSN205", "pretty-printed", E, "Objects are written over several lines.",
        "JSON Lines means one object per line; every line of a pretty-printed file is an error on its own.",
        '{\\n  "text": "a"\\n}', '{"text": "a"}', "write one object per line", "safe", "bytes",
    ),
    Rule(
        "JSN206", "duplicate-key", E, "A key stands twice in one object.",
        "JSON does not say which one counts: Python keeps the last, other readers the first, Arrow fails. What is"
        " trained is then a matter of luck. Only you know which one is meant.",
        '{"role": "user", "content": "good", "content": "evil"}', '{"role": "user", "content": "good"}',
    ),
    Rule(
        "JSN207", "nan-or-infinity", W, "NaN or Infinity stands where JSON has no such value.",
        "Python writes and reads it; Arrow, jq and most other readers refuse the line.",
        '{"score": NaN}', '{"score": null}', "write null", "unsafe",
    ),
    Rule(
        "JSN208", "number-overflow", E, "A number does not fit.",
        "1e400 becomes infinity, integers beyond 64 bits overflow in Arrow, and beyond 4,300 digits Python refuses"
        " them. Write identifiers as texts.",
        '{"id": 123456789012345678901234567890}', '{"id": "123456789012345678901234567890"}',
    ),
    Rule(
        "JSN209", "nested-too-deep", E, "Objects or lists are nested too deep.",
        "More than 100 levels: readers run out of stack, and no chat template reads such a row.",
        "[[[[[[...]]]]]]", '{"messages": [...]}',
    ),
    Rule(
        "JSN210", "line-too-long", E, "A line is too long to be a row.",
        "More than 10 MiB in one line: a missing line break, or a file that is not row data. It is not read, so that"
        " memory stays flat.",
        "one line of 2 GB", "one row per line", cost="bytes",
    ),
    Rule(
        "JSN211", "blank-lines", _I, "Blank lines between the rows.",
        "Harmless to most loaders; strict ones count them as broken rows.",
        '{"text": "a"}\\n\\n{"text": "b"}', '{"text": "a"}\\n{"text": "b"}', "leave them out", "safe", "bytes",
    ),
    Rule(
        "JSN212", "several-objects-per-line", E, "Several objects stand on one line.",
        "The line break between them was lost. Readers take the first and fail on the rest.",
        '{"text": "a"}{"text": "b"}', '{"text": "a"}\\n{"text": "b"}', "write one object per line", "safe",
    ),
    Rule(
        "JSN213", "row-is-not-an-object", E, "A row is a text, a number or a list instead of an object.",
        "A row needs named columns. Lists of plain texts become rows as {\"text\": ...}.",
        '"just a text"', '{"text": "just a text"}',
    ),
    Rule(
        "JSN214", "encoded-twice", E, "A row is a text that holds JSON.",
        "json.dumps was called twice. Readers see one long text instead of columns.",
        '"{\\"text\\": \\"a\\"}"', '{"text": "a"}', "decode it once more", "safe",
    ),
    Rule(
        "JSN215", "python-repr", E, "The line is Python's str() of a dict, not JSON.",
        "Single quotes, True and None are Python. Write rows with json.dumps. The unsafe fix reads the literal; it"
        " never executes anything.",
        "{'text': 'a', 'ok': True}", '{"text": "a", "ok": true}', "read the Python literal", "unsafe",
    ),
)  # fmt: skip

"""CSV: rows that fall apart, and texts that other readers take for missing values."""

from __future__ import annotations

from ftui.core.lint.model import Rule, Severity

E, W = Severity.ERROR, Severity.WARNING

RULES: tuple[Rule, ...] = (
    Rule(
        "CSV221", "ragged-row", E, "A row has more or fewer fields than the header.",
        "A comma in an unquoted text shifts every following column, so an answer may stand under the wrong name."
        " Such rows are left out. The unsafe fix drops them.",
        "prompt,completion\\nHi, you,Hello", 'prompt,completion\\n"Hi, you",Hello', "drop the row", "unsafe",
    ),
    Rule(
        "CSV222", "unclosed-quote", E, "A quoted field does not end where it should.",
        "One missing quote makes all following lines part of one field: the rows are silently lost.",
        'a,"b\\nc,d', 'a,"b"\\nc,d', "drop the row", "unsafe",
    ),
    Rule(
        "CSV224", "wrong-delimiter", E, "The columns are not separated by what the name says.",
        "Spreadsheets in many countries write semicolons. A loader that expects commas sees one column.",
        "prompt;completion", "prompt,completion", "write JSON Lines", "safe", "bytes",
    ),
    Rule(
        "CSV225", "reads-as-missing", W, "A text that pandas reads as a missing value.",
        "pandas.read_csv turns NA, None, null, nan and others into missing values and most loaders then drop the"
        " row: the country code of Namibia is NA. JSON Lines has no such trap.",
        "Country code of Namibia?,NA", '{"prompt": "Country code of Namibia?", "completion": "NA"}',
        "write JSON Lines", "none",
    ),
)  # fmt: skip

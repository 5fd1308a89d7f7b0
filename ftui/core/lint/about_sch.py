"""The SCH rules in words: columns, types and formats."""

from __future__ import annotations

from ftui.core.lint.model import Rule, Severity

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

"""The DUP rules in words: repeats, contradictions and leaks."""

from __future__ import annotations

from ftui.core.lint.model import Rule, Severity

E, W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
RULES: tuple[Rule, ...] = (
    Rule(
        "DUP701", "exact-duplicate", W, "The row repeats an earlier one word for word.",
        "A row that stands twenty times is trained twenty times per epoch: compute is wasted, the model learns it by"
        " heart, and a random split puts copies on both sides. Column order, ids and bookkeeping columns do not"
        " matter for being equal. In prompt-only sets repeats are normal (info).",
        '{"prompt": "Hi", "completion": "Hello"} (twice)', '{"prompt": "Hi", "completion": "Hello"} (once)',
        "keep the first", "safe", "file",
    ),
    Rule(
        "DUP702", "near-duplicate", W, "The row is almost the same as an earlier one.",
        "At least 80 % of the text, counted in pieces of 8 characters, is shared with an earlier row. The system"
        " prompt, and what all prompts begin with, do not count. Found with MinHash sketches and confirmed on the texts"
        " themselves.",
        "What is the capital of France? / what is the capital of france", "What is the capital of France?",
        "keep the first", "unsafe", "file",
    ),
    Rule(
        "DUP703", "contradictory-answers", W, "One prompt has several different answers.",
        "The model cannot learn both. Either the prompt lacks what tells them apart, or one answer is wrong. Where"
        " variety is the aim (stories, chat), this is fine. One finding per prompt.",
        '"Capital of Australia?" -> "Canberra" and "Sydney"', '"Capital of Australia?" -> "Canberra"', cost="file",
    ),
    Rule(
        "DUP704", "growing-conversation", _I, "The conversation is the beginning of a longer one.",
        "The same dialogue was saved after every turn. Its early turns are trained many times; keep the longest,"
        " every assistant turn in it is trained anyway.",
        "turns 1-2, then turns 1-4 of the same dialogue", "turns 1-4", "keep the longest", "unsafe", "file",
    ),
    Rule(
        "DUP705", "eval-leak", E, "A row of the eval split is also in the training rows.",
        "The model has seen the exam. Every score on such a row is memory, not ability. One finding per eval row, at"
        " the first training row that equals it; the number of leaked prompts (whatever the answer) is said too. The"
        " fix drops the rows from training, never from evaluation.",
        "the same row in train.jsonl and eval.jsonl", "each row in one split only", "drop it from training",
        "safe", "cross",
    ),
    Rule(
        "DUP706", "near-eval-leak", W, "A row of the eval split is almost the same as a training row.",
        "As DUP705, for rows that share at least 80 % of their text, or the whole prompt.",
        "train: 'Capital of France?' eval: 'capital of France ?'", "unrelated rows", "drop it from training",
        "unsafe", "cross",
    ),
    Rule(
        "DUP707", "benchmark-contamination", W, "The row shares a long passage with a benchmark.",
        "Thirteen words in a row that also stand in a benchmark file given with --benchmark (or the whole of a"
        " shorter item) are no accident. Scores on that benchmark mean nothing after training. Rephrased items are"
        " not found this way.",
        "a GSM8K test question among the training rows", "training rows of your own", "drop it from training",
        "unsafe", "cross",
    ),
    Rule(
        "DUP708", "one-answer-for-many-prompts", W, "Many different prompts have the same answer.",
        "A long answer that fits everything teaches the model to ignore the question. Class labels, answers in JSON"
        " or another structure, and answers that all come from a fixed set (a routing table, a phrase book) are not"
        " counted: there the same answer is often right.",
        "40 prompts -> 'I have forwarded your request to our team.'", "an answer to each prompt", cost="file",
    ),
    Rule(
        "DUP709", "common-prefix-or-suffix", _I, "Every prompt or every answer begins or ends with the same text.",
        "What is the same everywhere teaches nothing and costs tokens in every row. An instruction belongs into the"
        " system prompt; a fixed ending may be on purpose. The system prompt itself, and the keys of answers in JSON,"
        " are not counted.",
        "every answer ends with 'Let me know if you need anything else!'", "answers that end when they are done",
        "remove it", "none", "file",
    ),
    Rule(
        "DUP710", "duplicate-id", _I, "Two rows have the same id.",
        "Ids that repeat point to a join or an export that went wrong: look whether rows were multiplied.",
        '{"id": 7, ...} {"id": 7, ...}', '{"id": 7, ...} {"id": 8, ...}', cost="file",
    ),
    Rule(
        "DUP711", "source-split-over-sets", W, "One source document is in training and in evaluation.",
        "Rows made from one document share its facts and wording, so that the eval split measures recall of the"
        " document. Split by document. Found by columns such as doc_id, document_id, source_id, url or file.",
        "doc_id 12 in train and eval", "all rows of doc_id 12 in train", cost="cross",
    ),
)  # fmt: skip

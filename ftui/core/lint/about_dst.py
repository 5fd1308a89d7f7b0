"""The DST rules in words: how many rows there are, and how they are spread."""

from __future__ import annotations

from ftui.core.lint.model import Rule, Severity

E, W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
RULES: tuple[Rule, ...] = (
    Rule(
        "DST801", "row-count", W, "There are few rows to learn from, or more than are of use.",
        "Below 10 rows there is nothing to learn (error); below 50 the model copies the rows (warning); below 500 a"
        " narrow format can be learned, a task rarely (info). 500 to 5,000 good rows are the usual range; the LIMA"
        " study needed 1,000. Beyond 50,000, choosing the best rows usually does more than using all (info).",
        "12 rows", "500 to 5,000 reviewed rows", cost="file",
    ),
    Rule(
        "DST802", "no-eval-split", W, "There is no eval split.",
        "Without rows that were held out, nobody can say whether the tuned model is better, or when it began to"
        " overfit. ftui holds out 10 % by itself when a run starts; your own fixed eval set makes runs comparable.",
        "train.jsonl alone", "train.jsonl and eval.jsonl", "hold rows out: ftui data split F", "none", "file",
    ),
    Rule(
        "DST803", "small-eval-split", W, "The eval split has fewer than 20 rows.",
        "With 20 rows a score of 80 % has a 95 % interval of about 58 to 92 %: differences between models drown in"
        " it.",
        "eval.jsonl with 8 rows", "eval.jsonl with 100 rows or more", cost="file",
    ),
    Rule(
        "DST804", "label-imbalance", W, "Class labels are very uneven, or one is missing.",
        "One class has more than ten times the rows of another, or fewer than five rows: the model learns to say the"
        " common one. Expected labels can be listed in ftui.toml (lint.labels).",
        "positive 950, negative 50", "positive 500, negative 500", cost="file",
    ),
    Rule(
        "DST805", "language-mix", _I, "The rows are in several languages.",
        "A language with under 2 % of the rows is learned poorly and may leak into other answers. Fine when meant.",
        "en 97 %, de 2 %, fr 1 %", "one language, or each with its share", cost="file",
    ),
    Rule(
        "DST806", "length-tail", _I, "A few long rows decide memory and time.",
        "Every batch is as long as its longest row. The distribution of token lengths and what the tail costs are"
        " said. Needs a model's tokenizer.",
        "95 % below 600 tokens, the longest 14,000", "max_length at the 99th percentile", cost="tokenizer",
    ),
    Rule(
        "DST807", "few-distinct-prompts", W, "Few prompts are different from each other.",
        "The same prompts again and again teach answers to those prompts, not the task behind them.",
        "52 different prompts in 500 rows", "a prompt of its own in most rows", cost="file",
    ),
    Rule(
        "DST808", "sorted-rows", W, "Rows come sorted by class and shuffling is off.",
        "The model sees one class for hundreds of steps, then forgets it with the next. Turn shuffling on.",
        "all positive rows, then all negative ones", "shuffled rows", "shuffle", "none", "file",
    ),
    Rule(
        "DST809", "effective-steps", W, "The run would have too few updates, or repeat few rows too often.",
        "Rows times epochs divided by the rows per update: below 30 updates the learning rate schedule does not even"
        " warm up; more than 10 epochs over fewer than 100 rows is learning by heart. Checked when epochs and batch"
        " are known.",
        "80 rows, 1 epoch, batch 16: 5 updates", "300 updates", cost="file",
    ),
    Rule(
        "DST810", "refusal-share", W, "Many answers refuse, or begin with the same phrase.",
        "A model trained on refusals refuses; one trained on 'Sure! Here is' begins every answer so. The share over"
        " the whole file counts, not the single row. Another common beginning is a form that the model will learn:"
        " info, and fine when meant. Answers in JSON or another structure are not counted.",
        "20 % of answers begin with 'I am sorry'", "refusals only where they are right", cost="file",
    ),
    Rule(
        "DST811", "mixed-modes", _I, "Single-turn, multi-turn, tool and thinking rows are mixed.",
        "Each mode is learned from its own rows: 3 % of thinking rows teach thinking badly and disturb the rest."
        " Fine when meant; look at the shares.",
        "3 % of the rows think", "all rows think, or none", cost="file",
    ),
    Rule(
        "DST812", "style-drift", _I, "Sources differ in style.",
        "Answers of one source use lists or end without a full stop, those of another do not: the model learns to"
        " guess the source.",
        "source A: bullets in 90 %, source B: 2 %", "one style", cost="file",
    ),
    Rule(
        "DST813", "eval-label-unseen", W, "A class of the eval split is not in the training rows.",
        "The model cannot know a label that it never saw; such rows only measure luck.",
        "eval has 'refund', train does not", "every label in both splits", cost="cross",
    ),
)  # fmt: skip

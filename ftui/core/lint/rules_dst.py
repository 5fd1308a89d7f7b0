"""DST: how many rows there are, how they are spread, and what that means for a run."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ftui.core.lint.answers import OPENING
from ftui.core.lint.language import language_of
from ftui.core.lint.model import Context, Facts, Reporter, Row, Rule, Severity
from ftui.core.lint.rules_dup import STRUCTURE, same_start
from ftui.core.text import plural

E, W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

RULES: tuple[Rule, ...] = (
    Rule(
        "DST801", "too-few-rows", W, "There are few rows to learn from.",
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

ERROR_ROWS, WARNING_ROWS, INFO_ROWS, MANY_ROWS = 10, 50, 500, 50_000
MIN_EVAL_ROWS = 20
MAX_LABELS = 50
MAX_LABEL_CHARACTERS = 40
_COUNTED_LABELS = 400
OPENING_CHARACTERS = 16
SHOWN_CHARACTERS = 80
_COUNTED_OPENINGS = 2000
_ALL_SAMPLED, _SAMPLE_EVERY = 100, 128
"""The language of the first 100 rows of a stretch is looked at, then of every 128th."""
SOURCE_COLUMNS = ("source", "dataset", "category", "origin")


class Totals:
    """Counts of labels, modes and, per source, of styles."""

    def __init__(self) -> None:
        self.rows = 0
        self.labels: Counter[str] = Counter()
        self.label_changes = 0
        self.last_label: str | None = None
        self.unlabelled = 0
        self.multi_turn = 0
        self.with_tools = 0
        self.thinking = 0
        self.languages: Counter[str] = Counter()
        """Of a sample of the rows."""
        self.openings: Counter[str] = Counter()
        """First characters of long answers in free text."""
        self.opening_texts: dict[str, str] = {}
        """What the answers with these first characters have in common."""
        self.styles: dict[str, list[int]] = {}
        """source -> [rows, answers with bullets, answers that end in a full stop]."""

    def merge(self, later: Totals, rows_before: int) -> None:
        self.rows += later.rows
        for label, count in later.labels.items():
            if label in self.labels or len(self.labels) < _COUNTED_LABELS:
                self.labels[label] += count
            else:
                self.unlabelled += count
        self.label_changes += later.label_changes + 1
        self.last_label = later.last_label
        self.unlabelled += later.unlabelled
        self.multi_turn += later.multi_turn
        self.with_tools += later.with_tools
        self.thinking += later.thinking
        self.languages.update(later.languages)
        for opening, count in later.openings.items():
            if opening in self.openings:
                self.opening_texts[opening] = same_start(self.opening_texts[opening], later.opening_texts[opening])
            elif len(self.openings) < _COUNTED_OPENINGS:
                self.opening_texts[opening] = later.opening_texts[opening]
            else:
                continue
            self.openings[opening] += count
        for source, counts in later.styles.items():
            mine = self.styles.setdefault(source, [0, 0, 0])
            self.styles[source] = [a + b for a, b in zip(mine, counts, strict=True)]


def check(row: Row, report: Reporter, totals: Totals, context: Context) -> None:
    turns, start = row.turns, row.answer_start
    totals.rows += 1
    answer = turns[-1].text if len(turns) > start else ""
    if len(answer) > MAX_LABEL_CHARACTERS and row.label is None:
        totals.unlabelled += 1
        opening, openings = answer[:OPENING_CHARACTERS], totals.openings
        if opening in openings:
            openings[opening] += 1
            if not answer.startswith(known := totals.opening_texts[opening]):
                totals.opening_texts[opening] = same_start(known, answer)
        elif len(openings) < _COUNTED_OPENINGS and not answer.startswith(STRUCTURE):
            openings[opening] = 1
            totals.opening_texts[opening] = answer[:SHOWN_CHARACTERS]
    else:
        _count_label(row, answer.strip() if turns and turns[-1].role == "assistant" else "", totals)
    if totals.rows <= _ALL_SAMPLED or totals.rows % _SAMPLE_EVERY == 0:
        language = language_of(row.joined)
        if language:
            totals.languages[language] += 1
    if len(turns) - start > 1 and row.conversation:
        totals.multi_turn += 1
    if row.tools is not None:
        totals.with_tools += 1
    if "<think>" in row.joined:
        totals.thinking += 1
    if len(row.data) > 1:
        source = next((row.data[name] for name in SOURCE_COLUMNS if isinstance(row.data.get(name), str)), None)
        if source is not None and answer and (source in totals.styles or len(totals.styles) < 50):
            style = totals.styles.setdefault(source, [0, 0, 0])
            style[0] += 1
            style[1] += "\n- " in answer or "\n* " in answer or "\n1. " in answer
            style[2] += answer.rstrip().endswith((".", "。"))


def _count_label(row: Row, label: str, totals: Totals) -> None:
    if row.label is not None and row.format.kind == "kto":
        label = str(row.label)
    if not label or (label not in totals.labels and len(totals.labels) >= _COUNTED_LABELS):
        totals.unlabelled += 1
        return
    totals.labels[label] += 1
    if label != totals.last_label:
        totals.label_changes += 1
        totals.last_label = label


def label_counts(totals: Totals) -> dict[str, int]:
    """Rows per class label, {} where the rows are no classification: few short answers that come again and again."""
    counted = sum(totals.labels.values())
    labels = len(totals.labels)
    if not 1 < labels <= MAX_LABELS or counted < 0.9 * totals.rows or counted < 4 * labels or totals.rows < 20:
        return {}
    return dict(totals.labels)


def finish(totals: Totals, report: Reporter, context: Context, facts: Facts) -> None:
    if not facts.rows:
        return
    if facts.held_out:
        if facts.rows < MIN_EVAL_ROWS:
            report("DST803", "", f"the eval split has {plural(facts.rows, 'row')}")
        return
    _size(report, facts.rows)
    if facts.eval_rows is None:
        here = f"{facts.eval_beside} lies beside this file; name it with --eval" if facts.eval_beside else ""
        report("DST802", "", here or "no eval split was given (--eval F); a run holds out a part by itself")
    elif facts.eval_rows < MIN_EVAL_ROWS:
        report("DST803", "", f"the eval split has {plural(facts.eval_rows, 'row')}")
    labels = label_counts(totals)
    _labels(labels, totals, report, context, facts)
    _prompts(report, facts)
    _steps(report, context, facts.rows)
    _modes(totals, report)
    _styles(totals, report)
    _languages(totals, report)
    _same_openings(totals, report, facts)
    _lengths(report, facts)


def _size(report: Reporter, rows: int) -> None:
    if rows < ERROR_ROWS:
        report("DST801", "", f"{plural(rows, 'row')}: nothing can be learned from so few", severity=E)
    elif rows < WARNING_ROWS:
        report("DST801", "", f"{rows} rows: the model will copy them rather than learn; aim for 500", severity=W)
    elif rows < INFO_ROWS:
        report("DST801", "", f"{rows} rows: enough for a format or a tone, rarely for a task; 500 to 5,000 are usual",
               severity=_I)  # fmt: skip
    elif rows > MANY_ROWS:
        report("DST801", "", f"{rows:,} rows: a chosen part of them usually does as well for less", severity=_I)


def _labels(labels: dict[str, int], totals: Totals, report: Reporter, context: Context, facts: Facts) -> None:
    missing = [label for label in context.labels if label not in totals.labels]
    if missing:
        report("DST804", "", f"no row has the expected label {', '.join(missing[:5])}")
    if not labels:
        return
    ordered = sorted(labels.items(), key=lambda item: -item[1])
    (common, most), (rare, least) = ordered[0], ordered[-1]
    if most > 10 * least or least < 5:
        report("DST804", "", f"{most:,} rows say {common!r}, {least:,} say {rare!r} ({len(labels)} labels)", text=rare)
    if not context.shuffled and totals.label_changes < 2 * len(labels):
        report("DST808", "", "rows with the same answer stand together, and shuffling is off")
    held_out: Any = (facts.eval_state or {}).get("DST")
    unseen = [label for label in label_counts(held_out) if label not in labels] if held_out else []
    if unseen:
        report("DST813", "", f"the eval split has the label {', '.join(unseen[:5])}, the training rows do not")


def _prompts(report: Reporter, facts: Facts) -> None:
    duplicates: Any = facts.state.get("DUP")
    if duplicates is None or facts.rows < 100 or duplicates.prompt_only * 2 > facts.rows:
        return
    with_prompt = [key for key in duplicates.prompts if key] if facts.rows <= 2_000_000 else []
    distinct = len(set(with_prompt))
    if with_prompt and distinct < 0.25 * len(with_prompt):
        report("DST807", "", f"{distinct:,} different prompts in {len(with_prompt):,} rows")


def _steps(report: Reporter, context: Context, rows: int) -> None:
    if context.epochs is None or context.batch_rows is None:
        return
    steps = int(rows * context.epochs / context.batch_rows)
    if steps < 30:
        report(
            "DST809",
            "",
            f"{rows:,} rows x {context.epochs:g} epochs / {context.batch_rows} per update = {steps} updates",
        )
    elif context.epochs > 10 and rows < 100:
        report("DST809", "", f"{context.epochs:g} epochs over {rows} rows is learning by heart")


def _modes(totals: Totals, report: Reporter) -> None:
    if totals.rows < 50:
        return
    for name, count in (("think", totals.thinking), ("declare tools", totals.with_tools)):
        if 0 < count < 0.2 * totals.rows or 0.8 * totals.rows < count < totals.rows:
            report(
                "DST811",
                "",
                f"{count:,} of {totals.rows:,} rows {name} ({100 * count / totals.rows:.1f} %), the others do not",
            )


def _styles(totals: Totals, report: Reporter) -> None:
    large = {source: counts for source, counts in totals.styles.items() if counts[0] >= 20}
    for place, what in ((1, "uses lists"), (2, "ends with a full stop")):
        shares = sorted((counts[place] / counts[0], source) for source, counts in large.items())
        if len(shares) > 1 and shares[-1][0] - shares[0][0] > 0.5:
            (low, lower), (high, higher) = shares[0], shares[-1]
            report(
                "DST812",
                "",
                f"an answer {what} in {100 * high:.0f} % of {higher[:40]!r} and {100 * low:.0f} % of {lower[:40]!r}",
            )


def _languages(totals: Totals, report: Reporter) -> None:
    seen = totals.languages.total()
    if seen < 20 or len(totals.languages) < 2:
        return
    ranked = totals.languages.most_common(6)
    if ranked[1][1] >= 2:
        table = ", ".join(f"{name} {100 * count / seen:.0f} %" for name, count in ranked)
        report("DST805", "", f"of a sample of {seen:,} rows: {table}")


def _same_openings(totals: Totals, report: Reporter, facts: Facts) -> None:
    """How many answers refuse, and how many begin with the same characters."""
    quality: Any = facts.state.get("QUA")
    refusals = quality.refusals if quality is not None else 0
    if totals.rows < 50:
        return
    if refusals > 0.1 * totals.rows and not totals.with_tools:
        report(
            "DST810", "", f"{refusals:,} answers of {totals.rows:,} rows refuse ({100 * refusals / totals.rows:.0f} %)"
        )
    opening, count = max(totals.openings.items(), key=lambda item: item[1], default=("", 0))
    if count > 0.2 * totals.rows:
        text = totals.opening_texts[opening]
        phrase = OPENING.match(text)
        share = f"{count:,} of {totals.rows:,} answers ({100 * count / totals.rows:.0f} %) begin the same"
        if phrase and phrase.lastgroup == "boilerplate":
            report("DST810", "", f"{share}: the model will begin every answer so", text=text)
        else:
            report("DST810", "", f"{share}: a form that will be learned; fine when meant", text=text, severity=_I)


def _lengths(report: Reporter, facts: Facts) -> None:
    """The distribution of token lengths, and what the longest rows cost in padding."""
    tokens: Any = facts.state.get("TOK")
    lengths = sorted(tokens.lengths) if tokens is not None else []
    if len(lengths) < 20:
        return
    median, most, longest = lengths[len(lengths) // 2], lengths[int(len(lengths) * 0.95)], lengths[-1]
    tail = ""
    if longest > 4 * most:
        tail = f"; one row of {longest:,} makes its batch {longest / max(1, median):.0f} times as long as the median"
    report(
        "DST806",
        "",
        f"half of the rows have up to {median:,} tokens, 95 % up to {most:,}, the longest {longest:,}{tail}",
    )

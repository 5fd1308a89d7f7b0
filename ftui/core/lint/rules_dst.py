"""DST: how many rows there are, how they are spread, and what that means for a run."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ftui.core.lint.about_dst import RULES
from ftui.core.lint.answers import OPENING
from ftui.core.lint.language import language_of
from ftui.core.lint.model import Context, Facts, Reporter, Row, Severity
from ftui.core.lint.plain import PlainRun
from ftui.core.lint.rules_dup import STRUCTURE, same_start
from ftui.core.text import plural

__all__ = ["RULES", "Totals", "check", "check_plain", "finish"]


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
        _count_opening(answer, totals)
    elif row.label is not None and row.format.kind == "kto":
        _count_label(str(row.label), totals)
    else:
        _count_label(answer.strip() if turns and turns[-1].role == "assistant" else "", totals)
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


def check_plain(run: PlainRun, report: Reporter, totals: Totals, context: Context) -> None:
    for place, (shape, texts) in enumerate(zip(run.shapes, run.texts, strict=True), 1):
        answer = texts[-1] if len(texts) > shape.start else ""
        if len(answer) > MAX_LABEL_CHARACTERS:
            totals.unlabelled += 1
            _count_opening(answer, totals)
        else:
            _count_label(answer.strip() if shape.roles[-1] == "assistant" else "", totals)
        number = totals.rows + place
        if (number <= _ALL_SAMPLED or number % _SAMPLE_EVERY == 0) and (language := language_of(run.joined[place - 1])):
            totals.languages[language] += 1
        if len(texts) - shape.start > 1:
            totals.multi_turn += 1
    totals.rows += len(run)
    totals.thinking += sum("<think>" in run.joined[place] for place in run.signed)


def _count_opening(answer: str, totals: Totals) -> None:
    opening, openings = answer[:OPENING_CHARACTERS], totals.openings
    if opening in openings:
        openings[opening] += 1
        if not answer.startswith(known := totals.opening_texts[opening]):
            totals.opening_texts[opening] = same_start(known, answer)
    elif len(openings) < _COUNTED_OPENINGS and not answer.startswith(STRUCTURE):
        openings[opening] = 1
        totals.opening_texts[opening] = answer[:SHOWN_CHARACTERS]


def _count_label(label: str, totals: Totals) -> None:
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
        report("DST801", "", f"{plural(rows, 'row')}: nothing can be learned from so few", severity=Severity.ERROR)
    elif rows < WARNING_ROWS:
        report(
            "DST801",
            "",
            f"{rows} rows: the model will copy them rather than learn; aim for 500",
            severity=Severity.WARNING,
        )
    elif rows < INFO_ROWS:
        report("DST801", "", f"{rows} rows: enough for a format or a tone, rarely for a task; 500 to 5,000 are usual",
               severity=Severity.INFO)  # fmt: skip
    elif rows > MANY_ROWS:
        report(
            "DST801", "", f"{rows:,} rows: a chosen part of them usually does as well for less", severity=Severity.INFO
        )


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
            report(
                "DST810",
                "",
                f"{share}: a form that will be learned; fine when meant",
                text=text,
                severity=Severity.INFO,
            )


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

"""One answer against its reference: the metrics of a single row, each between 0 and 1 unless its name says otherwise.

Pure. What needs a library (JSON Schema, BLEU, ROUGE) comes in as a callable.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LABEL_WORDS_MAX = 4
LABEL_KINDS_MAX = 20

_REFUSAL = re.compile(
    r"^\W*(i'?m sorry|i am sorry|sorry,|i can(?:no|')t|i cannot|i am unable|i'?m unable|as an ai|i won'?t)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Checks:
    """What the answers of this task can be checked for.

    kind: json (every reference is a JSON object), label (few, short, repeated references), or free.
    schema_errors: gives the violations of a parsed JSON value; None without a schema.
    similarities: further comparisons of (answer, reference), by metric name.
    """

    kind: str
    schema_errors: Callable[[Any], Sequence[str]] | None = None
    regex: re.Pattern[str] | None = None
    similarities: Mapping[str, Callable[[str, str], float]] = field(default_factory=dict)


def kind_of(references: Sequence[str]) -> str:
    """Which kind of answers these are: json, label or free."""
    texts = [text for text in references if text.strip()]
    if not texts:
        return "free"
    if all(isinstance(parse_json(text), dict) for text in texts):
        return "json"
    distinct = {normalized(text) for text in texts}
    short = all(len(text.split()) <= LABEL_WORDS_MAX for text in texts)
    if short and len(distinct) <= LABEL_KINDS_MAX and len(distinct) * 3 <= len(texts):
        return "label"
    return "free"


def primary_metric(checks: Checks) -> str:
    """The metric that a verdict rests on where the plan names none."""
    if checks.kind == "json":
        return "field_accuracy"
    if checks.kind == "label":
        return "normalized_match"
    return "token_f1"


def score_answer(answer: str, reference: str, checks: Checks) -> dict[str, float]:
    """The metrics of one answer. Those that compare with the reference are left out where there is none."""
    scores: dict[str, float] = {"refusal": float(bool(_REFUSAL.match(answer)))}
    if checks.kind == "json" or checks.schema_errors is not None:
        value = parse_json(answer)
        scores["json_valid"] = float(value is not None)
        if checks.schema_errors is not None:
            scores["schema_valid"] = float(value is not None and not checks.schema_errors(value))
    if checks.regex is not None:
        scores["regex_match"] = float(bool(checks.regex.fullmatch(answer.strip())))
    if reference:
        scores |= compare(answer, reference, checks)
    return scores


def compare(answer: str, reference: str, checks: Checks) -> dict[str, float]:
    """The metrics that need a reference: matches, token F1, fields of a JSON object, and the given similarities."""
    scores = {
        "exact_match": float(answer.strip() == reference.strip()),
        "normalized_match": float(normalized(answer) == normalized(reference)),
        "token_f1": token_f1(answer, reference),
    }
    if checks.kind == "json":
        scores["field_accuracy"] = field_accuracy(answer, reference)
    for name, similarity in checks.similarities.items():
        scores[name] = similarity(answer, reference)
    return scores


def parse_json(text: str) -> Any:
    """The JSON value that the whole text is, or None. Text around it counts as failure: a program would fail too."""
    try:
        return json.loads(text.strip())
    except (ValueError, RecursionError):
        return None


def field_accuracy(answer: str, reference: str) -> float:
    """Share of the reference's fields that the answer has with the same value; 0 where it is no JSON object.

    Values are compared after case and white space are folded. A field that the reference does not have counts as a
    further field that is wrong, so adding fields cannot help.
    """
    got, want = parse_json(answer), parse_json(reference)
    if not isinstance(got, dict) or not isinstance(want, dict) or not want:
        return 0.0
    right = sum(key in got and _same(got[key], value) for key, value in want.items())
    return right / len(want.keys() | got.keys())


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return normalized(one) == normalized(other)
    return type(one) is type(other) and bool(one == other)


def normalized(text: str) -> str:
    """Case, accents' form, punctuation at the ends and runs of white space folded away."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .!?,;:\"'`")


def token_f1(answer: str, reference: str) -> float:
    """F1 over words, as in SQuAD's evaluation: the overlap of the two bags of words."""
    got, want = re.findall(r"\w+", answer.casefold()), re.findall(r"\w+", reference.casefold())
    if not got or not want:
        return float(got == want)
    overlap = sum((Counter(got) & Counter(want)).values())
    return 2 * overlap / (len(got) + len(want))

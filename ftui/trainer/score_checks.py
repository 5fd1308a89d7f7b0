"""What answers can be checked for: the plan's schema and pattern, and measures of similarity that need a library."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ftui.core.plan import Plan
from ftui.core.scoring import Checks, kind_of
from ftui.errors import FtuiError


def checks_for(references: Sequence[str], plan: Plan, run_dir: Path) -> Checks:
    """The kind of these answers, the plan's schema and pattern, and similarity measures for free text."""
    kind = kind_of(references)
    return Checks(
        kind=kind,
        schema_errors=_schema_errors(run_dir / "data" / "schema.json") if plan.eval.schema else None,
        regex=_pattern(plan.eval.regex),
        similarities=_similarities() if kind == "free" else {},
    )


def _schema_errors(path: Path) -> Callable[[Any], list[str]]:
    """Violations as `field: rule`, without the offending value, so that the same mistake has the same words."""
    import jsonschema

    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
    except (OSError, ValueError, jsonschema.SchemaError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FtuiError("The plan's schema cannot be used", f"eval.schema: {words}") from None
    validator = jsonschema.Draft202012Validator(schema)
    return lambda value: [
        f"{'.'.join(map(str, error.absolute_path)) or 'the object'}: {error.validator}"
        for error in validator.iter_errors(value)
    ]


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(text, re.DOTALL) if text else None
    except re.error as error:
        raise FtuiError("The plan has a wrong value", f"eval.regex is no regular expression: {error}") from None


def _similarities() -> dict[str, Callable[[str, str], float]]:
    """chrF, sentence BLEU and ROUGE-L between 0 and 1, where their libraries are installed."""
    found: dict[str, Callable[[str, str], float]] = {}
    try:
        from sacrebleu.metrics import BLEU, CHRF

        chrf, bleu = CHRF(), BLEU(effective_order=True)
        found["chrf"] = lambda answer, reference: float(chrf.sentence_score(answer, [reference]).score) / 100
        found["bleu"] = lambda answer, reference: float(bleu.sentence_score(answer, [reference]).score) / 100
    except ImportError:
        pass
    try:
        from rouge_score.rouge_scorer import RougeScorer

        rouge = RougeScorer(["rougeL"])
        found["rouge_l"] = lambda answer, reference: float(rouge.score(reference, answer)["rougeL"].fmeasure)
    except ImportError:
        pass
    return found

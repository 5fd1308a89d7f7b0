"""The words of the field: two sentences each, and more for those who ask."""

from __future__ import annotations

from ftui.core.decide.glossary_measures import MEASURES
from ftui.core.decide.glossary_mechanics import MECHANICS
from ftui.core.decide.glossary_preferences import PREFERENCES
from ftui.core.decide.glossary_prompting import PROMPTING
from ftui.core.decide.glossary_term import Term
from ftui.core.decide.glossary_tuning import TUNING

__all__ = ["TERMS", "Term"]

TERMS: tuple[Term, ...] = (*TUNING, *PREFERENCES, *PROMPTING, *MEASURES, *MECHANICS)

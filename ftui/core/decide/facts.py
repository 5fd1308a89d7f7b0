"""Answers turned into named yes-or-no facts, which are all that the verdict table looks at."""

from __future__ import annotations

from ftui.core.decide.answers import Answers

FEWEST_EXAMPLES = 50
"""Fewest good rows for a LoRA: OpenAI's guide sees clear gains from 50 to 100 rows on, hardly any below."""
SAFE_MINIMUM_EXAMPLES = 100
"""Up to here a run is a trial: enough rows to show whether the task can be learned, too few to rely on the result."""
GOOD_EXAMPLES = 500
"""From here on results are dependable; LIMA (arXiv:2305.11206) got a whole assistant's manner out of 1,000 rows."""
FEWEST_PAIRS = 50
"""The same floor for preference pairs. DPO is dependable from some 500 to 1,000 pairs on."""

KNOWLEDGE_NEEDS = ("private_knowledge", "fresh_knowledge")
SHAPED_BY_EXAMPLES = (
    "output_format",
    "style_tone",
    "terminology",
    "task_accuracy",
    "language",
    "token_cost",
    "latency",
)
"""Needs that learn from demonstrations, so that `examples` are demonstrations and not rated answers."""
DEAR_OR_SLOW = ("token_cost", "latency")
"""Needs that leave the answers themselves as they are."""

FACTS: dict[str, str] = {
    "nothing_tried": "nothing has been tried yet (said, not left out)",
    "nothing_known": "neither attempts nor data were named",
    "few_shot_untried": "few-shot prompting was not named as tried",
    "structured_untried": "structured output was not named as tried",
    "rag_untried": "RAG was not named as tried",
    "rag_tried": "RAG was tried and was not enough",
    "data_ready": f"{FEWEST_EXAMPLES} or more examples, and nobody called them unreviewed",
    "data_raw": f"{FEWEST_EXAMPLES} or more examples that nobody has reviewed",
    "data_few": f"fewer than {FEWEST_EXAMPLES} usable examples",
    "needs_knowledge": "facts are among the needs (private or fresh)",
    "needs_format": "a fixed output format is among the needs",
    "no_knowledge_need": "facts are not among the needs",
    "only_dear_or_slow": "the answers are good as they are: cost and speed are the only needs",
    "changes_fast": "what is right changes weekly or daily",
    "facts_settled": "the facts change monthly at most, and none must be current",
    "pairs_ready": f"{FEWEST_PAIRS} or more preference pairs",
    "thumbs": "single answers are rated good or bad",
    "scored": "any answer can be scored by a program, a rule or a rubric",
    "no_feedback": "nobody and nothing judges answers (said, not left out)",
}


def facts_of(answers: Answers) -> frozenset[str]:
    """The names in `FACTS` that hold for these answers."""
    needs, tried = answers.needs, answers.tried
    holds = {_data_fact(answers)}
    if tried == ():
        holds.add("nothing_tried")
    if tried is None and answers.examples is None and answers.example_quality != "none":
        holds.add("nothing_known")
    named = tried or ()
    holds.add("rag_tried" if "rag" in named else "rag_untried")
    if "few_shot" not in named:
        holds.add("few_shot_untried")
    if "structured_output" not in named:
        holds.add("structured_untried")
    holds.add("needs_knowledge" if any(need in needs for need in KNOWLEDGE_NEEDS) else "no_knowledge_need")
    if "output_format" in needs:
        holds.add("needs_format")
    if all(need in DEAR_OR_SLOW for need in needs):
        holds.add("only_dear_or_slow")
    fast = answers.change_rate in ("weekly", "daily")
    if fast:
        holds.add("changes_fast")
    if not fast and "fresh_knowledge" not in needs:
        holds.add("facts_settled")
    if (answers.preference_pairs or 0) >= FEWEST_PAIRS:
        holds.add("pairs_ready")
    if answers.feedback == "thumbs" or rates_single_answers(answers):
        holds.add("thumbs")
    elif answers.feedback == "scored":
        holds.add("scored")
    elif answers.feedback == "none":
        holds.add("no_feedback")
    return frozenset(holds)


def _data_fact(answers: Answers) -> str:
    usable = 0 if answers.example_quality == "none" else answers.examples or 0
    if usable < FEWEST_EXAMPLES:
        return "data_few"
    return "data_raw" if answers.example_quality == "raw" else "data_ready"


def rates_single_answers(answers: Answers) -> bool:
    """Whether `examples` must be rated answers: preference is the need, no pairs, and nothing else would use them."""
    return (
        answers.feedback is None
        and "preference_alignment" in answers.needs
        and not any(need in SHAPED_BY_EXAMPLES for need in answers.needs)
        and _data_fact(answers) != "data_few"
        and (answers.preference_pairs or 0) < FEWEST_PAIRS
    )


def assumptions(answers: Answers) -> tuple[str, ...]:
    """What was read into answers that are missing or that contradict each other, one sentence each."""
    notes = []
    examples, quality = answers.examples, answers.example_quality
    if quality == "none" and examples:
        notes.append(
            f"examples is {examples:,} but example_quality is none: taken as no usable examples; "
            "say raw if nobody has looked at them, reviewed if somebody has."
        )
    if quality in ("raw", "reviewed") and not examples:
        notes.append(f"example_quality is {quality} but no number of examples was given: taken as 0.")
    if "fresh_knowledge" in answers.needs and answers.change_rate == "never":
        notes.append(
            "fresh_knowledge says that facts must be current, change_rate says that they never change: "
            "taken as facts that must be current."
        )
    if rates_single_answers(answers):
        notes.append(
            f"No preference pairs and {examples:,} examples: taken as single answers that somebody marked good or "
            "bad; if nobody did, say feedback: none."
        )
    if answers.preference_pairs and "preference_alignment" not in answers.needs:
        notes.append(
            f"{answers.preference_pairs:,} preference pairs but no need for preference_alignment: "
            "the pairs were left aside."
        )
    if answers.tried is None and "nothing_known" not in facts_of(answers):
        notes.append("Nothing was said about attempts: taken as if a plain prompt had been tried.")
    return tuple(notes)

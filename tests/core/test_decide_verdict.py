"""The verdict: labelled scenarios, every row of the table, flips that do flip, and speed."""

from __future__ import annotations

import time
from typing import Any, get_args

import pytest
from decide_kit import ANY_ANSWERS, SCENARIOS
from hypothesis import given
from hypothesis import strategies as st

from ftui.core.decide.answers import NEEDS, TRIED, Answers, parse_answers
from ftui.core.decide.choose import TUNING, choose
from ftui.core.decide.facts import FACTS, facts_of
from ftui.core.decide.table import COMBINE, COST, ROWS, Approach, Combination, Technique
from ftui.core.decide.verdict import decide, provisional, to_document
from ftui.errors import FtuiError


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario["id"] for scenario in SCENARIOS])
def test_scenario(scenario: dict[str, Any]) -> None:
    verdict = decide(parse_answers(scenario["answers"]))
    assert verdict.approach in scenario["approach"], scenario["reason"]
    if verdict.trains and "technique" in scenario:
        assert verdict.technique in scenario["technique"], scenario["reason"]


def test_the_scenarios_are_sixty_or_more_and_reach_every_row_and_every_combination() -> None:
    assert len({scenario["id"] for scenario in SCENARIOS}) == len(SCENARIOS) >= 60
    choices = [choose(parse_answers(scenario["answers"])) for scenario in SCENARIOS]
    assert {part.row.id for choice in choices for part in choice.parts} == {row.id for row in ROWS}
    assert {choice.approach for choice in choices} == set(get_args(Approach)) == set(COST)
    assert {choice.technique for choice in choices} == {None, *get_args(Technique)}
    assert {need for scenario in SCENARIOS for need in scenario["answers"]["needs"]} == set(NEEDS)
    assert {_combination(parse_answers(scenario["answers"])) for scenario in SCENARIOS} == set(COMBINE)


def _combination(answers: Answers) -> Combination:
    """The line of `COMBINE` that made the verdict."""
    named = {part.row.approach for part in choose(answers).parts}
    return next(line for line in COMBINE if line.approaches <= named and line.unless not in facts_of(answers))


def test_the_table_uses_only_facts_that_exist_and_all_of_them() -> None:
    used = {fact for row in ROWS for fact in row.when} | {line.unless for line in COMBINE if line.unless}
    assert used == set(FACTS)


@pytest.mark.parametrize("need", NEEDS)
def test_every_need_has_a_last_resort(need: str) -> None:
    assert [row for row in ROWS if need in row.needs][-1].when == frozenset()


@given(ANY_ANSWERS)
def test_any_valid_answers_give_one_complete_verdict(answers: Answers) -> None:
    assert facts_of(answers) <= set(FACTS)
    verdict = decide(answers)
    assert verdict == decide(answers)
    assert verdict.approach in COST
    assert verdict.cost == COST[verdict.approach]
    assert verdict.reasons and verdict.next_steps and verdict.flips and verdict.risks and verdict.templates
    assert (verdict.technique is not None) == (verdict.approach in TUNING)
    assert (verdict.method is not None) == (verdict.approach in TUNING)
    assert {need for step in verdict.plan for need in step.needs} == set(answers.needs)
    assert not any("{" in reason.text for reason in verdict.reasons)


@given(ANY_ANSWERS)
def test_the_plan_starts_with_what_can_be_done_today_and_data_comes_before_what_waits_for_it(answers: Answers) -> None:
    verdict = decide(answers)
    stages = [step.approach for step in verdict.plan]
    if "collect_data" in stages:
        collecting = stages.index("collect_data")
        waited_for = {p.row.heads_to for p in choose(answers).parts if p.row.heads_to}
        assert set(stages[collecting + 1 :]) == waited_for
        assert verdict.approach == "collect_data" or collecting > 0


def test_unread_logs_are_distilled_only_where_nothing_is_wrong_with_the_answers() -> None:
    logs = {"tried": list(TRIED), "examples": 9000, "example_quality": "raw"}
    assert decide(parse_answers({"needs": ["token_cost", "latency"], **logs})).approach == "fine_tuning"
    for need in ("style_tone", "task_accuracy", "language", "private_knowledge", "preference_alignment"):
        verdict = decide(parse_answers({"needs": [need, "token_cost"], "feedback": "none", **logs}))
        assert verdict.approach == "collect_data", need


@given(ANY_ANSWERS)
def test_every_named_flip_flips_the_verdict_to_what_it_says(answers: Answers) -> None:
    verdict = decide(answers)
    for flip in verdict.flips:
        other = parse_answers({**answers.to_mapping(), flip.key: flip.value})
        changed = decide(other)
        assert (changed.approach, changed.technique) == (flip.approach, flip.technique)
        assert (changed.approach, changed.technique) != (verdict.approach, verdict.technique)


@given(ANY_ANSWERS)
def test_current_facts_are_never_only_trained_in(answers: Answers) -> None:
    approach = decide(answers._replace(needs=("fresh_knowledge",))).approach
    assert approach == "rag"
    with_more = answers._replace(needs=tuple(n for n in NEEDS if n in (*answers.needs, "fresh_knowledge")))
    assert decide(with_more).approach not in ("fine_tuning", "preference_tuning")


@given(ANY_ANSWERS)
def test_nothing_is_trained_on_too_little(answers: Answers) -> None:
    poor = answers._replace(examples=min(answers.examples or 0, 49), preference_pairs=0, feedback="none")
    assert decide(poor).approach not in TUNING


@given(ANY_ANSWERS, st.sampled_from(TRIED))
def test_what_was_tried_is_not_the_verdict_again(answers: Answers, attempt: str) -> None:
    tried = tuple(name for name in TRIED if name in (*(answers.tried or ()), attempt))
    approach = decide(answers._replace(tried=tried)).approach
    assert approach != attempt or attempt == "rag"


# How far "nothing tried yet" pushes back to a prompt: see the head of table.py.
PLENTY = {"examples": 3000, "example_quality": "reviewed"}


@pytest.mark.parametrize("need", ["style_tone", "terminology", "task_accuracy"])
def test_nothing_tried_goes_back_to_a_prompt_where_a_prompt_can_do_it(need: str) -> None:
    assert decide(parse_answers({"needs": [need], "tried": [], **PLENTY})).approach == "prompting"
    tried = {"needs": [need], "tried": ["prompting", "few_shot"], **PLENTY}
    assert decide(parse_answers(tried)).approach == "fine_tuning"


@pytest.mark.parametrize(
    ("need", "approach"),
    [
        ("private_knowledge", "rag"),
        ("fresh_knowledge", "rag"),
        ("output_format", "structured_output"),
        ("language", "fine_tuning"),
        ("token_cost", "fine_tuning"),
        ("latency", "fine_tuning"),
    ],
)
def test_nothing_tried_does_not_go_back_where_no_prompt_can_do_it(need: str, approach: str) -> None:
    assert decide(parse_answers({"needs": [need], "tried": [], **PLENTY})).approach == approach


@pytest.mark.parametrize("need", ["style_tone", "terminology", "task_accuracy", "language", "token_cost", "latency"])
def test_nobody_is_sent_to_collect_data_before_having_tried_anything(need: str) -> None:
    assert decide(parse_answers({"needs": [need], "tried": [], "examples": 0})).approach == "prompting"


def test_attempts_that_were_not_mentioned_count_as_made() -> None:
    assert decide(parse_answers({"needs": ["style_tone"], **PLENTY})).approach == "fine_tuning"
    assert decide(parse_answers({"needs": ["task_accuracy"], **PLENTY})).approach == "few_shot"


def test_pairs_count_as_an_attempt() -> None:
    answers = parse_answers({"needs": ["preference_alignment"], "tried": [], "preference_pairs": 2000})
    assert decide(answers).approach == "preference_tuning"


def test_several_needs_give_a_plan_in_the_order_of_attempts() -> None:
    answers = parse_answers(
        {
            "needs": ["style_tone", "output_format", "preference_alignment", "private_knowledge"],
            "tried": ["prompting", "few_shot"],
            "examples": 2000,
            "example_quality": "reviewed",
            "preference_pairs": 900,
        }
    )
    verdict = decide(answers)
    assert [step.approach for step in verdict.plan] == [
        "structured_output",
        "rag",
        "fine_tuning",
        "preference_tuning",
    ]
    assert verdict.plan[1].needs == ("private_knowledge",)
    assert verdict.plan[2].needs == ("style_tone", "preference_alignment")
    assert (verdict.approach, verdict.technique) == ("fine_tuning_and_rag", "sft_then_dpo")


def test_without_an_evaluation_set_making_one_is_the_first_step() -> None:
    for scenario in SCENARIOS:
        answers = parse_answers({**scenario["answers"], "eval_set": False})
        assert decide(answers).next_steps[0].startswith("Make an evaluation set first")


def test_with_an_evaluation_set_the_cheap_rule_is_the_first_step() -> None:
    for scenario in SCENARIOS:
        answers = parse_answers({**scenario["answers"], "eval_set": True})
        assert "stop" in decide(answers).next_steps[0]


def test_contradictions_get_a_verdict_and_say_what_was_assumed() -> None:
    for data, words in [
        ({"needs": ["style_tone"], "examples": 800, "example_quality": "none"}, "no usable examples"),
        ({"needs": ["style_tone"], "examples": 0, "example_quality": "reviewed"}, "taken as 0"),
        ({"needs": ["fresh_knowledge"], "change_rate": "never"}, "must be current"),
        ({"needs": ["preference_alignment"], "examples": 900, "tried": ["prompting"]}, "marked good or bad"),
        ({"needs": ["style_tone"], "preference_pairs": 10, "tried": []}, "left aside"),
        ({"needs": ["style_tone"], "examples": 500}, "Nothing was said about attempts"),
    ]:
        assert any(words in note for note in decide(parse_answers(data)).assumptions), data


def test_no_need_is_a_clear_question_and_a_draft_has_no_verdict() -> None:
    with pytest.raises(FtuiError, match="needs is empty"):
        decide(Answers())
    assert provisional(Answers()) is None
    assert provisional(Answers(needs=("latency",))) is not None


def test_a_decision_against_the_verdict_is_recorded() -> None:
    verdict = decide(Answers(needs=("fresh_knowledge",)))
    assert to_document(verdict, overridden=True)["overridden"] is True
    assert "overridden" not in to_document(verdict)


def test_a_verdict_takes_less_than_a_millisecond() -> None:
    answers = [parse_answers(scenario["answers"]) for scenario in SCENARIOS]
    best = min(_milliseconds(answers) for _ in range(5))
    assert best < 1.0


def _milliseconds(many: list[Answers]) -> float:
    start = time.process_time()
    for answers in many:
        decide(answers)
    return (time.process_time() - start) * 1000 / len(many)


@pytest.mark.parametrize(("examples", "words"), [(50, "a trial"), (100, "a trial"), (101, "enough to begin with")])
def test_few_rows_are_called_few(examples: int, words: str) -> None:
    answers = {"needs": ["style_tone"], "tried": ["prompting", "few_shot"], "example_quality": "reviewed"}
    assert any(words in reason.text for reason in decide(parse_answers({**answers, "examples": examples})).reasons)
    plenty = decide(parse_answers({**answers, "examples": 500})).reasons
    assert not any(words in reason.text for reason in plenty)


@given(ANY_ANSWERS)
def test_whoever_is_to_train_or_collect_first_asks_whether_a_strong_model_passes_already(answers: Answers) -> None:
    verdict = decide(answers)
    if verdict.trains or verdict.approach == "collect_data":
        assert any("If it passes, stop" in step for step in verdict.next_steps[:2])
    if answers.eval_set is not True:
        assert "evaluation set" in verdict.next_steps[0]

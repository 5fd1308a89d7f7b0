"""The questionnaire: only questions that matter, in order, and each of them complete."""

from __future__ import annotations

from typing import Any

import pytest
from decide_kit import ANY_ANSWERS
from hypothesis import given
from hypothesis import strategies as st

from ftui.core.decide.answers import COUNTS, KEYS, MANY, Answers, parse_answers, with_answer
from ftui.core.decide.choose import choose
from ftui.core.decide.flow import is_asked, next_question, questionnaire
from ftui.core.decide.questions import BY_ID, QUESTIONS, Question
from ftui.core.decide.steps import next_steps
from ftui.core.decide.wording import NOT_SAID, answer_in_words


def values_of(question: Question) -> st.SearchStrategy[Any]:
    """Any answer that a person can give to it."""
    if question.id in MANY:
        least = 1 if question.id == "needs" else 0
        return st.lists(st.sampled_from(MANY[question.id]), min_size=least, unique=True)
    if question.id in COUNTS:
        return st.integers(0, 10**6)
    return st.sampled_from([choice.value for choice in question.choices])


def test_there_are_six_to_nine_questions_each_complete() -> None:
    assert 6 <= len(QUESTIONS) <= 9
    assert [question.id for question in QUESTIONS] == list(KEYS)
    for question in QUESTIONS:
        assert question.text.endswith("?")
        assert question.why and question.help and question.asked_when
        assert len(question.choices) >= 2
        assert all(choice.label and choice.help for choice in question.choices)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)
def test_every_choice_is_an_allowed_answer(question: Question) -> None:
    for choice in question.choices:
        value = [choice.value] if question.kind == "many" else choice.value
        with_answer(Answers(), question.id, value)
    if question.id in MANY:
        assert [choice.value for choice in question.choices] == list(MANY[question.id])


@given(ANY_ANSWERS, st.sampled_from(QUESTIONS[1:]), st.data())
def test_a_question_that_is_not_asked_could_not_have_changed_anything(
    answers: Answers, question: Question, data: st.DataObject
) -> None:
    if is_asked(question.id, answers):
        return
    other = with_answer(answers, question.id, data.draw(values_of(question)))
    before, after = choose(answers), choose(other)
    assert (after.approach, after.technique) == (before.approach, before.technique)
    assert next_steps(other, after) == next_steps(answers, before)


@given(st.data())
def test_any_walk_ends_with_a_verdict_within_nine_questions(data: st.DataObject) -> None:
    answers, answered = Answers(), frozenset[str]()
    for _ in range(len(QUESTIONS)):
        question = next_question(answers, answered)
        if question is None:
            break
        assert question.id not in answered
        value = data.draw(values_of(question) if question.id == "needs" else st.none() | values_of(question))
        answers = with_answer(answers, question.id, value)
        answered |= {question.id}
    assert next_question(answers, answered) is None
    assert answers.needs


def test_the_first_question_is_the_need_and_the_last_the_evaluation_set() -> None:
    first = next_question(Answers(), frozenset())
    assert first is not None
    assert first.id == "needs"
    assert questionnaire(Answers(needs=("style_tone",)))[-1].id == "eval_set"


@pytest.mark.parametrize(
    ("data", "asked", "not_asked"),
    [
        ({"needs": ["fresh_knowledge"]}, {"change_rate"}, {"examples", "preference_pairs", "deployment"}),
        ({"needs": ["private_knowledge"]}, {"tried", "change_rate"}, {"examples", "feedback"}),
        ({"needs": ["style_tone"], "tried": []}, {"tried"}, {"examples", "change_rate", "deployment"}),
        ({"needs": ["style_tone"], "tried": ["prompting"]}, {"examples"}, {"change_rate", "preference_pairs"}),
        ({"needs": ["output_format"], "tried": []}, {"deployment"}, {"examples", "example_quality"}),
        ({"needs": ["preference_alignment"]}, {"preference_pairs", "feedback"}, {"change_rate"}),
        ({"needs": ["preference_alignment"], "preference_pairs": 500}, {"examples"}, {"feedback"}),
        ({"needs": ["style_tone"], "tried": ["prompting"], "examples": 10}, set(), {"example_quality"}),
        ({"needs": ["style_tone"], "tried": ["prompting"], "examples": 90}, {"example_quality", "deployment"}, set()),
    ],
)
def test_only_what_matters_is_asked(data: dict[str, Any], asked: set[str], not_asked: set[str]) -> None:
    answers = parse_answers(data)
    ids = {question.id for question in questionnaire(answers)}
    assert asked <= ids
    assert not not_asked & ids
    assert {"needs", "eval_set"} <= ids


def test_an_answered_question_stays_in_the_questionnaire() -> None:
    answers = parse_answers({"needs": ["style_tone"], "tried": [], "examples": 900})
    assert "examples" not in {question.id for question in questionnaire(answers)}
    assert "examples" in {question.id for question in questionnaire(answers, frozenset({"examples"}))}


def test_i_do_not_know_is_an_answer() -> None:
    answers = Answers(needs=("style_tone",))
    following = next_question(answers, frozenset({"needs", "tried"}))
    assert following is not None
    assert following.id == "examples"


@given(ANY_ANSWERS)
def test_every_answer_can_be_said_in_words(answers: Answers) -> None:
    for key in KEYS:
        words = answer_in_words(key, answers)
        assert (words == NOT_SAID) == (getattr(answers, key) is None)
    assert answer_in_words("needs", answers._replace(needs=())) == NOT_SAID


def test_words_of_some_answers() -> None:
    answers = parse_answers({"needs": ["style_tone", "latency"], "tried": [], "examples": 12000, "eval_set": False})
    assert answer_in_words("needs", answers) == "a style or tone, faster answers"
    assert answer_in_words("tried", answers) == "nothing yet"
    assert answer_in_words("examples", answers) == "12,000"
    assert answer_in_words("eval_set", answers) == "No"
    assert BY_ID["eval_set"].choices[1].label == "No"

"""Answers: what is read, and the one sentence for everything that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from decide_kit import ANY_ANSWERS
from hypothesis import given

from ftui.core.decide.answers import KEYS, Answers, answers_from_json, parse_answers, with_answer
from ftui.errors import FtuiError


def test_the_smallest_file_is_one_need() -> None:
    assert answers_from_json('{"needs": ["style_tone"]}') == Answers(needs=("style_tone",))


def test_what_was_not_said_differs_from_none_zero_and_no() -> None:
    said = parse_answers({"needs": ["latency"], "tried": [], "examples": 0, "eval_set": False})
    assert (said.tried, said.examples, said.eval_set) == ((), 0, False)
    unsaid = parse_answers({"needs": ["latency"], "tried": None})
    assert (unsaid.tried, unsaid.examples, unsaid.eval_set) == (None, None, None)


def test_order_and_repetition_in_lists_do_not_matter() -> None:
    one = parse_answers({"needs": ["latency", "language", "latency"]})
    assert one == parse_answers({"needs": ["language", "latency"]})


@given(ANY_ANSWERS)
def test_answers_survive_the_way_through_a_file(answers: Answers) -> None:
    assert parse_answers(answers.to_mapping()) == answers


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"needs": ["style"]}, ["needs", '"style"', "style_tone", "Did you mean style_tone?"]),
        ({"needs": "style_tone"}, ["needs must be a list of", "private_knowledge", '"style_tone"']),
        ({"needs": []}, ["needs", "at least one of", "private_knowledge"]),
        ({"needs": None}, ["needs", "at least one of"]),
        ({}, ["needs", "at least one of"]),
        ({"needs": [["style_tone"]]}, ["needs must be a list of"]),
        ({"needs": ["latency"], "tryed": []}, ['"tryed"', "allowed keys are needs, tried", "Did you mean tried?"]),
        ({"needs": ["latency"], "tried": ["finetuning"]}, ["tried", "prompting, few_shot, structured_output, rag"]),
        ({"needs": ["latency"], "tried": ["few-shot"]}, ["tried", "Did you mean few_shot?"]),
        (
            {"needs": ["latency"], "examples": "many"},
            ["examples must be a whole number from 0 to 1,000,000,000,000", '"many"'],
        ),
        ({"needs": ["latency"], "examples": -1}, ["examples must be a whole number from 0 to 1,000,000,000,000", "-1"]),
        ({"needs": ["latency"], "examples": 1.5}, ["examples must be a whole number", "1.5"]),
        ({"needs": ["latency"], "examples": True}, ["examples must be a whole number", "true"]),
        ({"needs": ["latency"], "examples": 10**13}, ["examples must be a whole number"]),
        ({"needs": ["latency"], "preference_pairs": [2]}, ["preference_pairs must be a whole number"]),
        ({"needs": ["latency"], "example_quality": "good"}, ["example_quality must be one of none, raw, reviewed"]),
        ({"needs": ["latency"], "example_quality": "reviewd"}, ["Did you mean reviewed?"]),
        ({"needs": ["latency"], "change_rate": "hourly"}, ["change_rate", "never, monthly, weekly, daily"]),
        ({"needs": ["latency"], "deployment": 1}, ["deployment must be one of api, local", "1"]),
        ({"needs": ["latency"], "eval_set": "yes"}, ["eval_set must be true or false", '"yes"']),
        ({"needs": ["latency"], "eval_set": 1}, ["eval_set must be true or false"]),
        ({"needs": ["latency"], "feedback": "likes"}, ["feedback must be one of none, thumbs, scored"]),
        ({"needs": ["latency"], "schema_version": 2}, ["newer ftui", "schema_version 2"]),
        ({"needs": ["latency"], "schema_version": "1"}, ["schema_version must be 1"]),
        (["latency"], ["one JSON object, not a list"]),
        ("latency", ["one JSON object, not text"]),
        (None, ["one JSON object, not null"]),
    ],
)
def test_a_wrong_answer_names_the_key_and_what_is_allowed(data: Any, words: list[str]) -> None:
    with pytest.raises(FtuiError) as caught:
        parse_answers(data, "need.json")
    said = f"{caught.value} {caught.value.hint}"
    assert caught.value.exit_code == 2
    assert "need.json" in said
    for word in words:
        assert word in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["not JSON", "need.json:1"]),
        ("{\n 'needs': []}", ["not JSON", "need.json:2"]),
        ("needs: [latency]", ["not JSON", "need.json:1"]),
        ('{"needs": ["latency"], "needs": ["language"]}', ["twice", '"needs"']),
        ("[" * 100_000, ["too large to read"]),
        ('{"needs": ["latency"], "examples": ' + "9" * 5000 + "}", ["too large to read"]),
        ('{"needs": ["latency"], "examples": NaN}', ["examples must be a whole number"]),
        ('{"needs": ["\\u001b[31m[INST]\\u202e"]}', ["needs", "[INST]"]),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_broken_file_names_the_place(text: str, words: list[str]) -> None:
    with pytest.raises(FtuiError) as caught:
        answers_from_json(text, "need.json")
    said = f"{caught.value} {caught.value.hint}"
    for word in words:
        assert word in said
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_a_draft_may_be_without_a_need() -> None:
    assert parse_answers({"examples": 3}, draft=True) == Answers(examples=3)


def test_one_answer_can_be_changed_and_taken_back() -> None:
    answers = with_answer(Answers(needs=("latency",)), "tried", ["rag", "prompting"])
    assert answers.tried == ("prompting", "rag")
    assert with_answer(answers, "tried", None).tried is None
    assert with_answer(answers, "needs", None).needs == ()
    with pytest.raises(FtuiError, match="no key"):
        with_answer(answers, "trieds", [])


def test_the_keys_are_those_of_the_contract() -> None:
    contract = {"needs", "tried", "examples", "example_quality", "preference_pairs"}
    assert contract | {"change_rate", "deployment", "eval_set"} <= set(KEYS)

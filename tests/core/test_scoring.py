"""Metrics of one answer."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.core.scoring import Checks, field_accuracy, kind_of, primary_metric, score_answer, token_f1

TICKET = '{"category": "billing", "priority": "low"}'


def test_kinds() -> None:
    assert kind_of([TICKET, '{"a": 1}']) == "json"
    assert kind_of(["positive", "negative", "Positive.", "negative"] * 5) == "label"
    assert kind_of(["Paris is the capital.", "Bread is made of flour and water and salt."]) == "free"
    assert kind_of([]) == "free"
    assert kind_of(["[1, 2]"]) == "free"


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (TICKET, 1.0),
        ('{"category": "Billing ", "priority": "high"}', 0.5),
        ('{"category": "billing", "priority": "low", "extra": 1}', 2 / 3),
        ("Sure! " + TICKET, 0.0),
        ("", 0.0),
        ("[]", 0.0),
        ("[" * 100_000, 0.0),
    ],
)
def test_fields(answer: str, score: float) -> None:
    assert field_accuracy(answer, TICKET) == pytest.approx(score)


def test_booleans_are_not_numbers() -> None:
    assert field_accuracy('{"a": true}', '{"a": 1}') == 0.0


def test_a_row_of_metrics() -> None:
    checks = Checks("json", schema_errors=lambda value: [] if "category" in value else ["missing"])
    scores = score_answer(TICKET, TICKET, checks)
    assert scores["json_valid"] == scores["schema_valid"] == scores["exact_match"] == scores["field_accuracy"] == 1.0
    bad = score_answer("I'm sorry, I cannot do that", TICKET, checks)
    assert bad["refusal"] == 1.0
    assert bad["json_valid"] == bad["schema_valid"] == 0.0
    assert "exact_match" not in score_answer("x", "", Checks("free"))
    assert score_answer("ab12", "", Checks("free", regex=re.compile(r"[a-z]+\d+")))["regex_match"] == 1.0


def test_primary_follows_the_kind() -> None:
    assert [primary_metric(Checks(kind)) for kind in ("json", "label", "free")] == [
        "field_accuracy",
        "normalized_match",
        "token_f1",
    ]


@given(st.text(), st.text())
def test_scores_are_shares(answer: str, reference: str) -> None:
    for checks in (Checks("json"), Checks("label"), Checks("free")):
        for value in score_answer(answer, reference, checks).values():
            assert 0.0 <= value <= 1.0


@given(st.text(min_size=1))
def test_an_answer_equals_itself(text: str) -> None:
    assert token_f1(text, text) == 1.0
    assert score_answer(text, text, Checks("label"))["normalized_match"] == 1.0

"""What is printed and written: text, Markdown, templates, method, glossary."""

from __future__ import annotations

import ast
import json
import re

import pytest
from decide_kit import ANY_ANSWERS, SCENARIOS
from hypothesis import given

from ftui.core.decide.answers import Answers, parse_answers
from ftui.core.decide.choose import choose
from ftui.core.decide.glossary import explain
from ftui.core.decide.glossary_terms import TERMS, Term
from ftui.core.decide.methods import METHODS, recommend_method
from ftui.core.decide.report import REPORT_TITLE, terms_in, to_markdown, to_text
from ftui.core.decide.risks import RISKS
from ftui.core.decide.steps import STEPS, marks_of
from ftui.core.decide.table import COST
from ftui.core.decide.verdict import decide
from ftui.errors import FtuiError

VOICE = parse_answers(
    {
        "needs": ["private_knowledge", "style_tone"],
        "tried": ["prompting"],
        "examples": 1500,
        "example_quality": "reviewed",
        "change_rate": "monthly",
        "eval_set": False,
    }
)


@given(ANY_ANSWERS)
def test_text_and_page_hold_the_whole_verdict(answers: Answers) -> None:
    verdict = decide(answers)
    text = re.sub(r"\s+", " ", to_text(verdict, 80))
    page = to_markdown(answers, verdict, "Made by a test.")
    assert page.startswith(REPORT_TITLE + "\n")
    assert verdict.title in text and verdict.title in page
    for sentence in (*(reason.text for reason in verdict.reasons), *verdict.next_steps):
        assert sentence in text and sentence in page
    for heading in ("The need", "Why", "Plan", "Next steps", "Risks", "What would change this verdict", "Words used"):
        assert f"\n## {heading}\n" in page
    assert page.endswith("Made by a test.\n")
    assert terms_in(verdict)


@given(ANY_ANSWERS)
def test_prose_fits_the_terminal(answers: Answers) -> None:
    verdict = decide(answers)
    prose = to_text(verdict, 60).split(verdict.templates[0].title)[0]
    assert max(len(line) for line in prose.split("\n")) <= 60


def test_the_page_shows_answers_steps_and_whose_word_it_is() -> None:
    page = to_markdown(VOICE, decide(VOICE), "Made by a test.")
    assert "| How many examples do you have, input with the answer you want? | 1,500 |" in page
    assert "arXiv:2312.05934" in page
    assert "1. Use retrieval (RAG): for facts of your own." in page
    assert "| QLoRA |" in page
    assert "**LoRA**:" in page
    assert "against this verdict" not in page
    assert "against this verdict" in to_markdown(VOICE, decide(VOICE), "x", overridden=True)


def test_every_verdict_that_does_not_train_has_something_to_start_from() -> None:
    titles = {}
    for scenario in SCENARIOS:
        verdict = decide(parse_answers(scenario["answers"]))
        titles.setdefault(verdict.approach, verdict.templates[0].title)
    assert "prompt" in titles["prompting"].lower()
    assert "few-shot" in titles["few_shot"].lower()
    assert "schema" in titles["structured_output"].lower()
    assert "retrieval" in titles["rag"].lower()
    assert "Rows" in titles["collect_data"]


def test_code_and_rows_in_templates_are_valid() -> None:
    for scenario in SCENARIOS:
        for deployment in ("api", "local"):
            answers = parse_answers({**scenario["answers"], "deployment": deployment})
            for template in decide(answers).templates:
                if template.language == "python":
                    ast.parse(template.body)
                if template.language == "json":
                    json.loads(template.body)


def test_the_schema_example_follows_the_deployment() -> None:
    local = decide(parse_answers({"needs": ["output_format"], "deployment": "local"})).templates[0].body
    api = decide(parse_answers({"needs": ["output_format"], "deployment": "api"})).templates[0].body
    assert "base_url" in local
    assert "base_url" not in api


@pytest.mark.parametrize(
    ("data", "name", "rank"),
    [
        ({"needs": ["style_tone"], "examples": 80}, "lora", 8),
        ({"needs": ["style_tone"], "examples": 1200}, "lora", 16),
        ({"needs": ["style_tone"], "examples": 8000}, "lora", 64),
        ({"needs": ["preference_alignment"], "preference_pairs": 900}, "lora", 16),
        ({"needs": ["language"], "examples": 3000}, "lora", 16),
        ({"needs": ["language"], "examples": 40000, "example_quality": "reviewed"}, "full", 0),
    ],
)
def test_the_method_follows_data_and_breadth(data: dict[str, object], name: str, rank: int) -> None:
    advice = recommend_method(parse_answers(data))
    assert (advice.name, advice.rank) == (name, rank)
    assert "ftui fit" in advice.reason


def test_every_method_says_when_it_is_right_and_when_not() -> None:
    assert {method.name for method in METHODS} == {"lora", "qlora", "full"}
    for method in METHODS:
        assert (
            method.right_when and method.wrong_when and "bytes a weight" in method.memory and "arXiv" in method.source
        )


def test_every_risk_has_a_remedy_and_every_approach_has_risks() -> None:
    assert all(risk.what and risk.remedy for risk in RISKS)
    assert {approach for risk in RISKS for approach in risk.approaches} == set(COST)
    names = {risk.name for risk in RISKS}
    assert {"overfitting", "catastrophic forgetting", "bad data", "no evaluation", "maintenance"} <= names


def test_the_lack_of_an_evaluation_set_is_a_risk_only_where_there_is_none() -> None:
    for scenario in SCENARIOS:
        for there in (None, False, True):
            answers = parse_answers({**scenario["answers"], "eval_set": there})
            verdict = decide(answers)
            named = {risk.name for risk in verdict.risks}
            assert ("no evaluation" in named) == (there is not True) and named - {"no evaluation"}
            for text in (to_text(verdict), to_markdown(answers, verdict, "ftui")):
                assert ("no evaluation" in text) == (there is not True)


def test_every_step_is_said_for_some_scenario() -> None:
    said = set()
    for scenario in SCENARIOS:
        for more in ({}, {"eval_set": True}, {"eval_set": False}, {"deployment": "api"}, {"deployment": "local"}):
            for rate in ({}, {"change_rate": "daily"}, {"change_rate": "weekly"}, {"change_rate": "monthly"}):
                answers = parse_answers({**scenario["answers"], **more, **rate})
                choice = choose(answers)
                marks = marks_of(answers, choice)
                said |= {step.text for step in STEPS if choice.approach in step.approaches and step.when <= marks}
    assert said == {step.text for step in STEPS}


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.name)
def test_a_term_is_two_sentences_and_more(term: Term) -> None:
    assert len(re.findall(r"[.!?](?= [A-Z0-9]|$)", term.short)) == 2
    assert len(term.more) > 100
    assert term.source


def test_no_name_means_two_things() -> None:
    names = [name.casefold() for term in TERMS for name in (term.name, *term.aliases)]
    assert len(names) == len(set(names))


def test_the_glossary_has_what_appears_on_the_way() -> None:
    names = {term.name for term in TERMS}
    assert {"three stages", "pretraining", "SFT", "RLHF", "feature extraction", "LoRA", "QLoRA", "DPO"} <= names
    assert {"perplexity", "BLEU", "ROUGE", "LLM as a judge"} <= names
    assert "sigmoid" in explain("DPO")[0].more
    for scenario in SCENARIOS:
        for name in terms_in(decide(parse_answers(scenario["answers"]))):
            assert explain(name) == (explain(name)[0], True)


@pytest.mark.parametrize(
    ("query", "name", "exact"),
    [
        ("lora", "LoRA", True),
        ("Q-LoRA", "QLoRA", True),
        ("LLM-as-a-judge", "LLM as a judge", True),
        ("retrieval augmented generation", "RAG", True),
        ("json mode", "structured output", True),
        ("perplexty", "perplexity", False),
        ("forget", "catastrophic forgetting", False),
    ],
)
def test_terms_are_found_also_when_misspelt(query: str, name: str, exact: bool) -> None:
    term, found_exactly = explain(query)
    assert (term.name, found_exactly) == (name, exact)


@pytest.mark.parametrize("query", ["zzzz", "\x1b[31m", "[/]", "", "q" * 100_000], ids=lambda query: repr(query[:9]))
def test_an_unknown_term_lists_the_known_ones(query: str) -> None:
    with pytest.raises(FtuiError) as caught:
        explain(query)
    assert "LoRA" in caught.value.hint
    assert len(str(caught.value)) < 200
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("query", "name", "exact"),
    [
        ("the three stages of a model's life", "three stages", False),
        ("feature extraction against fine-tuning", "feature extraction", False),
        ("DPO loss", "DPO", True),
        ("reward_rlhf", "RLHF", True),
        ("sft_then_dpo", "DPO", True),
        ("llm-judge", "LLM as a judge", True),
        ("rouge-1", "ROUGE", False),
        ("qlaro", "QLoRA", False),
        ("retreival", "RAG", False),
        ("early stopping", "overfitting", True),
    ],
)
def test_a_term_is_found_by_what_people_call_it(query: str, name: str, exact: bool) -> None:
    term, is_exact = explain(query)
    assert (term.name, is_exact) == (name, exact)


@pytest.mark.parametrize("query", ["temperature", "gradient accumulation", "x", "\x1b[31m"])
def test_a_word_of_another_kind_is_not_taken_for_a_term(query: str) -> None:
    with pytest.raises(FtuiError, match="No such term"):
        explain(query)


def test_no_name_of_a_term_means_two_terms() -> None:
    names = [name.casefold() for term in TERMS for name in (term.name, *term.aliases)]
    assert len(set(names)) == len(names)

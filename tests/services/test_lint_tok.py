"""Rules about tokenizer, template and loss, with real templates and small tokenizers."""

import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from chat_templates_kit import CHATML, VICUNA, template_source, write_model

from ftui.core.lint.catalogue import all_fixes, all_rules
from ftui.core.lint.engine import Checker, check_rows
from ftui.core.lint.examples import chat, conversation, rows
from ftui.core.lint.model import Context, Facts, Finding, Severity
from ftui.core.render import Options, render_row
from ftui.services.tokenizer import load_tokenizer

RULES = {code: rule for code, rule in all_rules().items() if code.startswith("TOK") or code == "TOL461"}
BAD_MARKERS = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['role'] == 'assistant' and loop.index0 > 1 %}"
    "{% generation %}{{ m['content'] }}<|im_end|>{% endgeneration %}{% else %}{{ m['content'] }}<|im_end|>{% endif %}\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("models")

    @cache
    def make(name: str) -> Any:
        place = folder / name
        if name == "no end":
            write_model(place, VICUNA)
            config = json.loads((place / "tokenizer_config.json").read_text())
            config.pop("eos_token")
            (place / "tokenizer_config.json").write_text(json.dumps(config))
        elif name == "pad is eos":
            write_model(place, CHATML)
            config = json.loads((place / "tokenizer_config.json").read_text())
            (place / "tokenizer_config.json").write_text(json.dumps({**config, "pad_token": "</s>"}))
        elif name == "bos":
            write_model(place, CHATML, bos=True)
        elif name == "bad markers":
            write_model(place, BAD_MARKERS)
        elif name == "words":
            write_words(place)
        else:
            write_model(place, template_source(name))
        return load_tokenizer(place)

    return make


def write_words(folder: Path) -> None:
    """A tokenizer of whole words, with an unknown token for all others."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    write_model(folder, CHATML)
    words = [
        "<unk>",
        "<s>",
        "</s>",
        "<pad>",
        "<|im_start|>",
        "<|im_end|>",
        "user",
        "assistant",
        "Where",
        "?",
        "It",
        "is",
    ]
    tokenizer = Tokenizer(
        models.WordLevel({word: n for n, word in enumerate([*words, "here", "."])}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(words[:6])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "unk_token": "<unk>"}))


MODEL = {
    "TOK504": "no end", "TOK505": "pad is eos", "TOK506": "gemma", "TOK507": "gemma", "TOK509": "bad markers",
    "TOK510": "bos",
    "TOK513": "smollm2", "TOK514": "words", "TOK520": "qwen3", "TOL461": "llama3",
}  # fmt: skip
LIMIT = {"TOK502": 64, "TOK503": 64, "TOK517": 4096}
NOT_IN_THE_ROW = {"TOK504", "TOK505", "TOK508", "TOK509", "TOK513", "TOK517", "TOK520", "TOL461"}
"""Rules that a row cannot break or keep: it takes another model."""


def found(text: str, context: Context) -> list[Finding]:
    rules = {code: rule for code, rule in all_rules().items() if code[:3] in ("TOK", "TOL")}
    checker = Checker(rules, context)
    data = [json.loads(line) for line in text.splitlines()]
    for index, row in enumerate(data):
        checker.row(index, index + 1, row)
    checker.finish(Facts(len(data), "chat"))
    assert checker.failures == []
    return checker.take_findings()


def context_of(code: str, models: Any) -> Context:
    trainer = "together" if code in ("TOK505", "TOK508") else "ftui"
    return Context(tokenizer=models(MODEL.get(code, "chatml")), max_length_tokens=LIMIT.get(code), trainer=trainer)


@pytest.mark.parametrize("code", RULES)
def test_examples(code: str, models: Any) -> None:
    rule, context = RULES[code], context_of(code, models)
    hits = [finding for finding in found(rule.bad, context) if finding.code == code]
    assert hits and {finding.severity for finding in hits} == {rule.severity.value}
    if code not in NOT_IN_THE_ROW:
        assert [finding for finding in found(rule.good, context) if finding.code == code] == []
    assert rule.explanation and rule.summary.endswith(".")


@pytest.mark.parametrize("code", sorted(set(RULES) & set(all_fixes())))
def test_fixes(code: str, models: Any) -> None:
    context = context_of(code, models)
    (finding,) = [finding for finding in found(RULES[code].bad, context) if finding.code == code]
    fixed = all_fixes()[code](json.loads(RULES[code].bad), finding.pointer)
    assert fixed is None or code not in {again.code for again in found(json.dumps(fixed), context)}


def test_a_clean_set_gives_nothing_above_info(models: Any) -> None:
    data = rows(*[conversation(f"Where is case {n}?", f"It is in place number {n}.") for n in range(40)])
    for name in ("chatml", "llama3", "qwen3", "gemma", "mistral", "smollm2", "phi3"):
        worse = [f for f in found(data, Context(tokenizer=models(name), max_length_tokens=512)) if f.severity != "info"]
        assert worse == [], name


def test_what_lint_says_of_length_is_what_training_does(models: Any) -> None:
    tokenizer = models("chatml")
    for words in (5, 20, 60, 200):
        row = conversation("Where is it? " * words, "It is here. " * 10)
        (made,) = render_row(tokenizer.dialect, row)
        limit = made.prompt_tokens
        codes = {f.code for f in found(rows(row), Context(tokenizer=tokenizer, max_length_tokens=limit))}
        assert "TOK503" in codes
        codes = {f.code for f in found(rows(row), Context(tokenizer=tokenizer, max_length_tokens=limit + 1))}
        assert "TOK502" in codes and "TOK503" not in codes
        codes = {f.code for f in found(rows(row), Context(tokenizer=tokenizer, max_length_tokens=len(made.ids)))}
        assert codes.isdisjoint({"TOK502", "TOK503"})
        (cut,) = render_row(tokenizer.dialect, row, Options(max_length=limit))
        assert cut.dropped or len(cut.ids) <= limit


def test_pairs_and_kto_rows_are_looked_at_too(models: Any) -> None:
    context = Context(tokenizer=models("chatml"), max_length_tokens=64)
    long = "It is here. " * 60
    text = rows(
        {"prompt": "Where?", "chosen": "Here.", "rejected": long},
        {"prompt": "Where?", "completion": long, "label": True},
        {"prompt": [{"role": "user", "content": long}], "ground_truth": "x"},
    )
    assert [f.row for f in found(text, context) if f.code == "TOK502"] == [0, 1, 2]


def test_long_texts_are_a_note_for_they_are_trained_in_pieces(models: Any) -> None:
    context = Context(tokenizer=models("chatml"), max_length_tokens=64)
    noted = [f for f in found(rows({"text": "It is here. " * 60}), context) if f.code == "TOK502"]
    assert [f.severity for f in noted] == [Severity.INFO] and "in pieces of at most 64" in noted[0].message


def test_stretches_of_a_file_add_up(models: Any) -> None:
    context = Context(tokenizer=models("smollm2"), batch_rows=4)
    data = [json.loads(line) for line in (RULES["TOK515"].bad + "\n" + RULES["TOK512"].bad).splitlines()]
    rules = {code: rule for code, rule in all_rules().items() if code.startswith("TOK")}
    whole, first, second = (Checker(rules, context) for _ in range(3))
    for index, row in enumerate(data):
        whole.row(index, None, row)
        (first if index < 20 else second).row(index if index < 20 else index - 20, None, row)
    first.flush()
    second.flush()
    first.merge(second.state, 20)
    for checker in (whole, first):
        checker.flush()
        checker.take_findings()
        checker.finish(Facts(len(data), "chat"))
    assert whole.take_findings() == first.take_findings() != []


def test_half_a_surrogate_pair_does_not_keep_the_other_rows_from_being_looked_at(models: Any) -> None:
    data = [conversation("Half?", "a \ud83d pair"), conversation("And this?", "word " * 600)]
    found = check_rows(data, Context(tokenizer=models("chatml"), max_length_tokens=64))
    assert [finding.row for finding in found if finding.code == "TOK502"] == [1]


def test_without_a_tokenizer_only_the_space_rule_runs() -> None:
    assert {f.code for f in check_rows([json.loads(RULES["TOK519"].bad)]) if f.code.startswith("TOK")} == {"TOK519"}
    assert not [f for f in check_rows([json.loads(chat("a" * 10_000, "b"))]) if f.code.startswith("TOK")]


def test_a_thousand_rows_take_little_more_than_encoding_them(models: Any) -> None:
    """The benchmark has the figures; this only catches a rule that became slow."""
    tokenizer = models("smollm2")
    data = [
        conversation(f"Case {n}: " + "where is the answer " * 8, "you can train a model " * 12) for n in range(1000)
    ]
    texts = [render_row(tokenizer.dialect, row)[0].text for row in data]
    start = time.process_time()
    tokenizer.encode_batch(texts)
    bare = time.process_time() - start
    rules = {code: rule for code, rule in all_rules().items() if code.startswith("TOK")}
    checker = Checker(rules, Context(tokenizer=tokenizer, max_length_tokens=512))
    start = time.process_time()
    for index, row in enumerate(data):
        checker.row(index, None, row)
    checker.flush()
    assert time.process_time() - start < 4 * bare + 0.5

"""The sample data are what their README says, and their generators still give them byte for byte."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ftui.services.paths import sample_data

SAMPLES = sample_data()
MODEL = SAMPLES / "tiny-model"


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text().splitlines()]


def asked(row: dict[str, Any]) -> str:
    """The user's words of a chat, preference or KTO row."""
    turns = row.get("messages") or row["prompt"]
    return next(turn["content"] for turn in turns if turn["role"] == "user")


def triples(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return set(zip(words, words[1:], words[2:], strict=False))


def test_the_generators_give_the_same_bytes_again(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SAMPLES / "make_datasets.py"), "--out", str(tmp_path)], check=True)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    for path in sorted(made):
        assert (tmp_path / path).read_bytes() == (SAMPLES / path).read_bytes(), path
    shipped = {
        path.relative_to(SAMPLES)
        for folder in {path.parts[0] for path in made if len(path.parts) > 1}
        for path in (SAMPLES / folder).rglob("*")
        if path.is_file()
    }
    assert shipped <= made, "a dataset that no generator makes"


def test_every_ticket_is_valid_and_says_what_it_was_asked_for() -> None:
    schema = json.loads((SAMPLES / "tickets/schema.json").read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert schema["additionalProperties"] is False
    assert len(rows("tickets/train.jsonl")) >= 400
    assert len(rows("tickets/eval.jsonl")) >= 60
    for row in rows("tickets/train.jsonl") + rows("tickets/eval.jsonl"):
        assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant"]
        ticket = json.loads(row["messages"][2]["content"])
        validator.validate(ticket)
        # The prompt names every value that the ticket may take: an untuned model gets a fair chance.
        for key in ("category", "product", "priority"):
            assert ticket[key] in row["messages"][0]["content"]


def test_every_value_of_the_schema_occurs_in_training_and_evaluation() -> None:
    schema = json.loads((SAMPLES / "tickets/schema.json").read_bytes())
    for name in ("tickets/train.jsonl", "tickets/eval.jsonl"):
        tickets = [json.loads(row["messages"][2]["content"]) for row in rows(name)]
        for key in ("category", "product", "priority"):
            assert {ticket[key] for ticket in tickets} == set(schema["properties"][key]["enum"])


@pytest.mark.parametrize("kind", ["tickets", "preferences"])
def test_nothing_leaks_from_training_into_evaluation(kind: str) -> None:
    trained = [triples(asked(row)) for row in rows(f"{kind}/train.jsonl")]
    for row in rows(f"{kind}/eval.jsonl"):
        words = triples(asked(row))
        assert all(2 * len(words & other) < len(words | other) for other in trained), asked(row)


def test_no_two_messages_are_nearly_the_same() -> None:
    everything = [triples(asked(row)) for row in rows("tickets/train.jsonl") + rows("tickets/eval.jsonl")]
    for index, words in enumerate(everything):
        assert all(2 * len(words & other) < len(words | other) for other in everything[:index])


def test_the_probe_holds_nothing_that_the_model_read_or_replays() -> None:
    sys.path.insert(0, str(SAMPLES))
    try:
        from writing.pretraining import held_out
    finally:
        sys.path.remove(str(SAMPLES))
    probe, replay = rows("general/probe.jsonl"), rows("general/replay.jsonl")
    assert len(probe) == 40
    assert len(replay) == 120
    assert all(held_out(asked(row)) for row in probe)
    assert not any(held_out(asked(row)) for row in replay)


@pytest.mark.parametrize(("name", "count"), [("preferences/train.jsonl", 128), ("preferences/eval.jsonl", 32)])
def test_preference_pairs_do_not_reward_length(name: str, count: int) -> None:
    pairs = [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows(name)]
    assert len(pairs) == count
    longer = sum(len(chosen) > len(rejected) for chosen, rejected in pairs) / count
    assert 0.35 < longer < 0.65
    for chosen, rejected in pairs:
        assert chosen != rejected
        assert 1 / 6 < len(chosen) / len(rejected) < 6


def test_kto_labels_are_booleans_in_equal_parts() -> None:
    labels = [row["label"] for row in rows("kto/train.jsonl")]
    assert len(labels) == 120
    assert labels.count(True) == labels.count(False) == 60


def test_alpaca_rows_have_the_three_columns() -> None:
    found = json.loads((SAMPLES / "alpaca/support.json").read_bytes())
    assert len(found) >= 100
    assert all(row.keys() == {"instruction", "input", "output"} and row["output"] for row in found)


def test_text_rows_are_text() -> None:
    found = rows("text/manuals.jsonl")
    assert len({row["text"] for row in found}) == len(found) == 64


def test_answers_use_only_what_the_questionnaire_knows() -> None:
    answers = json.loads((SAMPLES / "answers.json").read_bytes())
    assert answers["needs"] == ["output_format"]
    assert answers["examples"] == len(rows("tickets/train.jsonl"))


def test_no_row_holds_an_address_a_number_to_call_or_a_control_character() -> None:
    for path in [*SAMPLES.glob("*/*.jsonl"), SAMPLES / "alpaca/support.json"]:
        if path.parent.name == "broken":
            continue
        text = path.read_text(encoding="ascii")
        assert not re.search(r"[\w.]+@[\w.]+|https?:|\d[\d ()-]{6,}\d|\\u00[01]", text), path


def test_broken_files_are_many_and_small() -> None:
    found = list((SAMPLES / "broken").iterdir())
    assert len(found) >= 12
    assert all(path.stat().st_size < 4096 for path in found)
    assert (SAMPLES / "broken/gzip-named.jsonl").read_bytes()[:2] == b"\x1f\x8b"
    with pytest.raises(ValueError):
        (SAMPLES / "broken/latin1.jsonl").read_text(encoding="utf-8")


def test_the_tiny_model_is_small_and_has_no_pickles() -> None:
    sizes = {path.name: path.stat().st_size for path in MODEL.iterdir()}
    assert sum(sizes.values()) <= 10_000_000
    assert set(sizes) == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_the_tiny_model_reads_writes_and_marks_its_answers() -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
    assert len({tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, None}) == 4
    text = 'Tabs\tand "quotes", {braces}, Gr\u00fc\u00dfe \U0001f600 1234.\n'
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False).input_ids) == text

    messages = rows("tickets/train.jsonl")[0]["messages"]
    marked = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    pairs = zip(marked["input_ids"], marked["assistant_masks"], strict=True)
    answer = [token for token, trained in pairs if trained]
    assert tokenizer.decode(answer) == messages[2]["content"] + tokenizer.eos_token
    assert marked["input_ids"].count(tokenizer.bos_token_id) == 1
    longest = max(rows("tickets/train.jsonl") + rows("tickets/eval.jsonl"), key=lambda row: len(str(row)))["messages"]
    assert len(tokenizer.apply_chat_template(longest, return_dict=False)) <= 384

    model = transformers.AutoModelForCausalLM.from_pretrained(MODEL)
    assert model.dtype == torch.float32
    assert model.config.vocab_size == len(tokenizer)
    said = "I have had enough of this. The electric kettle leaks, water drips onto my table. What now?"
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": f"{said}\n\nWhat does the customer write about?"}],
        add_generation_prompt=True, return_tensors="pt", return_dict=True,
    )  # fmt: skip
    written = model.generate(**prompt, max_new_tokens=20)[0, prompt["input_ids"].shape[1] :]
    assert tokenizer.decode(written) == "The customer writes about the kettle." + tokenizer.eos_token


def test_the_template_shows_tools_and_calls() -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
    tool = {"type": "function", "function": {"name": "find_order", "parameters": {"type": "object", "properties": {}}}}
    call = {"type": "function", "function": {"name": "find_order", "arguments": {"number": "A1"}}}
    text = tokenizer.apply_chat_template(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Where is it?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "on its way"},
        ],
        tools=[tool],
        tokenize=False,
    )
    assert text.count("<|im_start|>system") == 1
    assert "Be brief." in text
    assert '"find_order"' in text
    assert '<tool_call>{"name": "find_order", "arguments": {"number": "A1"}}</tool_call><|im_end|>' in text
    assert "<|im_start|>tool\non its way<|im_end|>" in text

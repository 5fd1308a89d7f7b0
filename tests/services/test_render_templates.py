"""What is trained, with real chat templates: the answers, character for character, each with its end-of-turn."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from chat_templates_kit import OWN, template_source, tokenizer_for, trl_templates
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftui.core.render import (
    Dialect,
    Options,
    Rendered,
    RenderError,
    end_of_turn,
    render_chat,
    render_pair,
    render_row,
    write_row,
)
from ftui.services.tokenizer import ModelTokenizer

# name -> the end-of-turn, for templates that write an answer as it is, with nothing around it but its end
PLAIN = {
    "mistral": "</s>", "smollm2": "<|im_end|>", "chatml": "<|im_end|>",
    "gemma": "<end_of_turn>", "gemma3": "<end_of_turn>", "llama3": "<|eot_id|>", "llama3_1": "<|eot_id|>",
    "llama3_2": "<|eot_id|>", "phi3": "<|end|>", "phi3_5": "<|end|>", "qwen2_5": "<|im_end|>", "qwen3": "<|im_end|>",
    "qwen3_instruct_2507": "<|im_end|>", "cohere": "<|END_OF_TURN_TOKEN|>", "deepseekv3": "<｜end▁of▁sentence｜>",
    "deepseek_r1_distill": "<｜end▁of▁sentence｜>", "lfm2": "<|im_end|>", "gemma_training": "<end_of_turn>",
    "llama3_training": "<|eot_id|>", "qwen3_training": "<|im_end|>", "qwen2_5_training": "<|im_end|>",
    "deepseekv3_training": "<｜end▁of▁sentence｜>", "glm4moe_training": "<|user|>", "qwen3_5_think": "<|im_end|>",
    "qwen3_6": "<|im_end|>", "nemotron_3_nano": "<|im_end|>", "phi3_training": "<|end|>",
}  # fmt: skip
CITY = {"type": "object", "properties": {"city": {"type": "string", "description": "Where."}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Weather.", "parameters": CITY}}]
CALL = {"id": "abcdefghi", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'}}
said = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S"], include_characters="\n ", exclude_characters="<>"),
    min_size=1,
    max_size=60,
).map(str.strip).filter(bool)  # fmt: skip


FOLDER = tempfile.TemporaryDirectory(prefix="ftui-templates-")  # taken away when the tests end


@cache
def loaded(name: str) -> ModelTokenizer:
    template_source(name)
    return tokenizer_for(name, Path(FOLDER.name))


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def check_consistent(made: Rendered) -> None:
    """The mask is the spans: no trained token outside, none missing, every text position accounted for."""
    assert len(made.ids) == len(made.labels_mask) == len(made.offsets)
    trained = "".join(text for text, _, is_trained in made.pieces if is_trained)
    assert trained == "".join(made.trained_text)
    assert "".join(text for text, _, _ in made.pieces) == made.text


Row = Callable[[list[str]], tuple[dict[str, Any], list[str]]]
ROWS: dict[str, Row] = {
    "single turn": lambda t: ({"messages": [user(t[0]), assistant(t[1])]}, [t[1]]),
    "system": lambda t: (
        {"messages": [{"role": "system", "content": t[2]}, user(t[0]), assistant(t[1])]},
        [t[1]],
    ),
    "many turns": lambda t: (
        {"messages": [user(t[0]), assistant(t[1]), user(t[2]), assistant(t[3]), user(t[0]), assistant(t[2])]},
        [t[1], t[3], t[2]],
    ),
    "repeated words": lambda t: (
        {"messages": [user(t[0]), assistant(t[0]), user(t[0]), assistant(t[0])]},
        [t[0], t[0]],
    ),
    "weights": lambda t: (
        {"messages": [user(t[0]), assistant(t[1], weight=0), user(t[2]), assistant(t[3], weight=1)]},
        [t[3]],
    ),
    "KTO": lambda t: ({"prompt": [user(t[0])], "completion": [assistant(t[1])], "label": True}, [t[1]]),
    "KTO with history": lambda t: (
        {"prompt": [user(t[0]), assistant(t[1]), user(t[2])], "completion": [assistant(t[3])], "label": False},
        [t[3]],
    ),
}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("name", PLAIN)
def test_the_answers_are_trained_character_for_character(name: str, kind: str) -> None:
    tokenizer = loaded(name)

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(said, min_size=4, max_size=4))
    def check(texts: list[str]) -> None:
        row, answers = ROWS[kind](texts)
        (made,) = render_row(tokenizer.dialect, row)
        check_consistent(made)
        end = PLAIN[name]
        extra = "\n</s>" if name.startswith("phi3") else ""  # Phi-3 closes the text after the last end-of-turn
        expected = [answer + end for answer in answers]
        expected[-1] += extra
        assert list(made.trained_text) == expected

    check()


@pytest.mark.parametrize("name", PLAIN)
def test_both_sides_of_a_pair_share_their_prompt(name: str) -> None:
    tokenizer = loaded(name)
    row = {"prompt": [user("Which one?")], "chosen": [assistant("This.")], "rejected": [assistant("That, maybe.")]}
    chosen, rejected = render_pair(tokenizer.dialect, row)
    end = PLAIN[name]
    extra = "\n</s>" if name.startswith("phi3") else ""
    assert chosen.trained_text == ("This." + end + extra,)
    assert rejected.trained_text == ("That, maybe." + end + extra,)
    assert chosen.ids[: chosen.prompt_tokens] == rejected.ids[: rejected.prompt_tokens]


@pytest.mark.parametrize("name", ["mistral", "gemma", "smollm2", "llama2"])
def test_completion_and_text_rows_need_no_template(name: str) -> None:
    dialect = loaded(name).dialect
    (made,) = render_row(dialect, {"prompt": "2+2=", "completion": " 4"})
    assert made.trained_text == (" 4</s>",)
    check_consistent(made)
    (made,) = render_row(dialect, {"text": "All of it."})
    assert made.trained_text == ("All of it.</s>",)
    check_consistent(made)


@pytest.mark.parametrize("name", [*OWN, *trl_templates()])
def test_every_template_either_trains_the_whole_answer_or_refuses(name: str) -> None:
    """Frames (channels, headers that the model writes itself) may surround an answer, but never user text."""
    dialect = loaded(name).dialect
    one = [user("QUESTION one"), assistant("ANSWER one"), user("QUESTION two"), assistant("ANSWER two")]
    other = [user("Q 1"), assistant("Reply 1"), user("Q 2"), assistant("Reply 2")]
    made, made_other = render_chat(dialect, one), render_chat(dialect, other)
    check_consistent(made)
    for text, other_text, answer, other_answer in zip(
        made.trained_text, made_other.trained_text, ("ANSWER one", "ANSWER two"), ("Reply 1", "Reply 2"), strict=True
    ):
        assert text.count(answer) == 1 and "QUESTION" not in text
        assert text.split(answer) == other_text.split(other_answer), "the frame depends on the words"
        if name != "vicuna" or answer == "ANSWER two":
            assert any(text.endswith(special) for special in dialect.special_tokens), "no end-of-turn is trained"


@pytest.mark.parametrize("name", PLAIN)
def test_the_quick_way_finds_what_rendering_prefixes_finds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect = loaded(name).dialect
    texts = [" One answer.\n", "Two: <|x|> {y} [z]", "Three", "one", "four\n\nfive"]
    data = [make(texts[n:] + texts[:n])[0] for make in ROWS.values() for n in range(5)]
    quick = [write_row(dialect, row) for row in data]
    monkeypatch.setattr("ftui.core.render_spans._frame", lambda _: None)
    assert [write_row(dialect, row) for row in data] == quick


def test_words_of_the_template_in_a_message_do_not_move_the_answer() -> None:
    for name in ("qwen3", "llama3", "gemma"):
        dialect = loaded(name).dialect
        lead = {"qwen3": "<|im_start|>assistant\n", "gemma": "<start_of_turn>model\n"}.get(
            name, "<|start_header_id|>assistant<|end_header_id|>\n\n"
        )
        made = render_chat(dialect, [user(f"Say {lead}Yes."), assistant("Yes."), user("So?"), assistant("No.")])
        assert made.trained_text == ("Yes." + PLAIN[name], "No." + PLAIN[name])
        assert made.spans[0].start > made.text.index("Say") + len(lead)


def test_the_system_message_is_merged_where_the_template_has_no_system_role() -> None:
    messages = [{"role": "system", "content": "Be kind."}, user("Hi"), assistant("Hello.")]
    for name in ("gemma", "mistral"):
        made = render_chat(loaded(name).dialect, messages)
        assert [note.kind for note in made.notes] == ["system_merged"]
        assert "Be kind.\n\nHi" in made.text and made.trained_text == ("Hello." + PLAIN[name],)
    assert render_chat(loaded("llama3").dialect, messages).notes == ()


def conversation_with_call(**more: Any) -> list[dict[str, Any]]:
    return [
        user("Weather in Rome?"),
        {"role": "assistant", "content": None, "tool_calls": [CALL], **more},
        {"role": "tool", "tool_call_id": "abcdefghi", "name": "get_weather", "content": "sunny"},
        assistant("It is sunny in Rome."),
    ]


@pytest.mark.parametrize(
    ("name", "call"),
    {
        "qwen3": '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call><|im_end|>',
        "qwen2_5": '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call><|im_end|>',
        "llama3_1": '{"name": "get_weather", "parameters": {"city": "Rome"}}<|eot_id|>',
        "mistral": '[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Rome"}, "id": "abcdefghi"}]</s>',
        "gptoss": ' to=functions.get_weather<|channel|>commentary json<|message|>{"city": "Rome"}<|call|>',
        "deepseekv3": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n"
        '{"city": "Rome"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>',
        "glm4moe": "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Rome</arg_value>\n"
        "</tool_call><|observation|>",
    }.items(),
)
def test_tool_calls_are_trained_and_results_are_not(name: str, call: str) -> None:
    made = render_chat(loaded(name).dialect, conversation_with_call(), TOOLS)
    check_consistent(made)
    assert made.trained_text[0] in (call, "\n" + call) or made.trained_text[0].endswith(call)
    assert "It is sunny in Rome." in made.trained_text[1]
    assert "sunny" not in made.trained_text[0] and "<tool_response>" not in "".join(made.trained_text)


@pytest.mark.parametrize("name", ["llama3", "phi3", "lfm2", "smolvlm"])
def test_a_template_that_cannot_write_calls_refuses_them(name: str) -> None:
    with pytest.raises(RenderError, match="tool calls"):
        render_chat(loaded(name).dialect, conversation_with_call(), TOOLS)


def test_reasoning_is_trained_and_empty_thinking_is_not() -> None:
    dialect = loaded("qwen3").dialect
    with_thought = render_chat(dialect, [user("Why?"), assistant("So.", reasoning_content="Because of X.")])
    assert with_thought.trained_text == ("<think>\nBecause of X.\n</think>\n\nSo.<|im_end|>",)
    without = render_chat(dialect, [user("Why?"), assistant("So.")])
    assert without.trained_text == ("So.<|im_end|>",) and "<think>\n\n</think>\n\nSo." in without.text
    earlier = render_chat(
        dialect, [user("A?"), assistant("B.", thinking="Hm one"), user("C?"), assistant("D.", thinking="Hm two")]
    )
    assert earlier.trained_text == ("B.<|im_end|>", "<think>\nHm two\n</think>\n\nD.<|im_end|>")
    assert [note.kind for note in earlier.notes] == ["thinking_dropped"]


def test_a_template_without_end_of_turn_gets_one_and_says_so() -> None:
    made = render_chat(loaded("vicuna").dialect, [user("Hi"), assistant("Hello.")])
    assert made.trained_text[0].rstrip("\n").endswith("</s>") and made.ids[-1] == loaded("vicuna").eos_id
    assert [note.kind for note in made.notes] == ["eos_appended"]


@pytest.mark.parametrize("name", ["gemma", "llama3", "mistral", "deepseekv3", "llama2"])
def test_begin_of_text_is_there_exactly_once(name: str) -> None:
    made = render_chat(loaded(name).dialect, [user("Hi"), assistant("Hello.")])
    assert made.text.startswith("<s>") and made.ids.count(loaded(name).bos_id) == 1


@pytest.mark.parametrize("name", ["qwen3", "llama3", "mistral", "gemma", "gptoss"])
def test_the_end_of_turn_is_known(name: str) -> None:
    assert end_of_turn(loaded(name).dialect) == {"gptoss": "<|return|>"}.get(name) or PLAIN[name]


@pytest.mark.parametrize("limit", [24, 40, 64, 200])
@pytest.mark.parametrize("name", ["qwen3", "llama3", "gemma", "mistral"])
def test_shortening_keeps_the_answer_and_the_frame(name: str, limit: int) -> None:
    dialect: Dialect = loaded(name).dialect
    long = " ".join(f"w{n}" for n in range(60))
    messages = [user("first " + long), assistant("old"), user(long + " last?"), assistant("The end.")]
    made = render_chat(dialect, messages, options=Options(max_length=limit))
    whole = render_chat(dialect, messages)
    assert made.total_tokens == len(whole.ids)
    if made.dropped:
        assert limit <= 40 and "answer alone" in made.dropped
        return
    assert len(made.ids) <= limit and made.notes
    assert made.trained_text[-1].startswith("The end.")
    assert made.text.startswith(whole.text[:3]), "the frame's beginning is still there"
    check_consistent(made)


def test_ours_is_what_transformers_renders() -> None:
    utilities = pytest.importorskip("transformers.utils.chat_template_utils")
    messages = [{"role": "system", "content": "Kind & <b>brief</b>."}, user("Grüße 🎉"), assistant("Danke.")]
    for name in ("qwen3", "llama3_1", "gptoss", "deepseekv3", "smollm2", "lfm2_v2"):
        tokenizer = loaded(name)
        theirs, _ = utilities.render_jinja_template(
            [messages],
            TOOLS,
            chat_template=tokenizer.chat_template,
            bos_token="<s>",
            eos_token="</s>",
            pad_token="<pad>",
        )
        assert tokenizer.dialect.render(messages, TOOLS, False) == theirs[0]

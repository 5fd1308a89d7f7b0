"""Rendering and masking with a toy model: lengths, policies, losses; nothing is ever cut in silence."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.core.render import (
    Dialect,
    Options,
    Rendered,
    RenderError,
    end_of_turn,
    render_chat,
    render_completion,
    render_pair,
    render_prompt,
    render_row,
    render_text,
    write_row,
)

TOKEN = re.compile(r"<[a-z/]+>|\s?\w+|\s|.", re.S)


def encode(text: str) -> tuple[list[int], list[tuple[int, int]]]:
    found = list(TOKEN.finditer(text))
    return [sum(map(ord, each.group())) for each in found], [each.span() for each in found]


def render(messages: Sequence[Any], tools: Sequence[Any] | None, add_generation_prompt: bool, **_: Any) -> str:
    if any(message["role"] not in ("system", "user", "assistant") for message in messages):
        raise RenderError("only system, user and assistant")
    text = "<b>" + "".join(f"<{m['role']}>{m['content']}<end>" for m in messages)
    return text + ("<assistant>" if add_generation_prompt else "")


SPECIALS = frozenset({"<b>", "<end>", "<eos>", "<system>", "<user>", "<assistant>"})
TOY = Dialect(render, encode, bos="<b>", eos="<eos>", adds_bos=True, special_tokens=SPECIALS)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def kinds(made: Rendered) -> list[str]:
    return [note.kind for note in made.notes]


CHAT = [user("How are you"), assistant("fine"), user("And now"), assistant("still fine")]


def test_every_assistant_turn_is_trained_with_its_end() -> None:
    made = render_chat(TOY, CHAT)
    assert made.trained_text == ("fine<end>", "still fine<end>")
    assert [span.message for span in made.spans] == [1, 3]
    assert (made.prompt_tokens, made.trained_tokens, made.total_tokens) == (7, 5, len(made.ids))


@pytest.mark.parametrize(
    ("messages", "options", "trained"),
    [
        (CHAT, Options(loss="last"), ("still fine<end>",)),
        ([user("a"), assistant("b", weight=0), user("c"), assistant("d")], Options(), ("d<end>",)),
        ([user("a"), assistant("b", weight=0)], Options(), ()),
        ([user("a")], Options(), ()),
    ],
)
def test_what_is_trained_can_be_chosen(messages: list[Any], options: Options, trained: tuple[str, ...]) -> None:
    assert render_chat(TOY, messages, options=options).trained_text == trained


def test_all_tokens_can_be_trained() -> None:
    made = render_chat(TOY, CHAT, options=Options(loss="all"))
    assert all(made.labels_mask)


def test_turns_before_the_first_trained_one_are_context() -> None:
    row = {"prompt": CHAT[:3], "completion": CHAT[3:], "label": True}
    assert render_row(TOY, row)[0].trained_text == ("still fine<end>",)


def test_a_prompt_ends_where_the_model_goes_on() -> None:
    made = render_prompt(TOY, CHAT[:3])
    assert made.text.endswith("<user>And now<end><assistant>") and made.trained_tokens == 0
    assert made.prompt_tokens == len(made.ids)


def test_completion_and_text() -> None:
    made = render_completion(TOY, "two and two is", " four")
    assert (made.text, made.trained_text) == ("<b>two and two is four<eos>", (" four<eos>",))
    made = render_text(TOY, "all of this")
    assert (made.text, made.trained_text) == ("<b>all of this<eos>", ("all of this<eos>",))
    assert not made.labels_mask[0], "begin-of-text is given, not learned"


def test_begin_and_end_of_text_are_never_there_twice() -> None:
    made = render_text(TOY, "<b>all of this<eos>")
    assert made.text == "<b>all of this<eos>" and kinds(made) == ["double_bos"]
    doubled = replace(TOY, render=lambda m, t, p, **k: "<b>" + render(m, t, p))
    made = render_chat(doubled, CHAT)
    assert made.text.count("<b>") == 1 and kinds(made) == ["double_bos"]
    assert made.trained_text == ("fine<end>", "still fine<end>")


def test_a_tokenizer_without_end_of_text_is_spoken_of() -> None:
    assert kinds(render_text(replace(TOY, eos=""), "text")) == ["no_end_of_turn"]


def test_one_token_over_the_boundary_is_spoken_of_and_trained() -> None:
    made = render_completion(TOY, "an answ", "er")
    assert "boundary" in kinds(made) and made.pieces[-2] == (" answer", made.ids[-2], True)


def test_a_refusing_template_says_why() -> None:
    with pytest.raises(RenderError, match="only system"):
        render_chat(TOY, [{"role": "tool", "content": "x"}, assistant("y")])
    with pytest.raises(RenderError, match="no known kind"):
        render_row(TOY, {"question": "?"})


def test_the_end_of_a_turn_is_known() -> None:
    assert end_of_turn(TOY) == "<end>"


def test_oldest_turns_go_first_and_the_system_message_stays() -> None:
    messages = [{"role": "system", "content": "be kind"}, *CHAT]
    whole = render_chat(TOY, messages)
    made = render_chat(TOY, messages, options=Options(max_length=len(whole.ids) - 2))
    assert made.text == "<b><system>be kind<end><user>And now<end><assistant>still fine<end>"
    assert kinds(made) == ["turns_cut"] and made.total_tokens == len(whole.ids)
    assert made.trained_text == ("still fine<end>",) and [span.message for span in made.spans] == [2]


def test_then_the_longest_message_loses_its_beginning() -> None:
    long = [user(" ".join(f"w{n}" for n in range(50))), assistant("the answer")]
    made = render_chat(TOY, long, options=Options(max_length=20))
    assert len(made.ids) <= 20 and kinds(made) == ["prompt_cut"] and not made.dropped
    assert "w49<end>" in made.text and "w0 " not in made.text and made.text.startswith("<b><user>")
    assert made.trained_text == ("the answer<end>",)


def test_an_answer_that_does_not_fit_leaves_the_row_out() -> None:
    long = [user("short"), assistant(" ".join(f"w{n}" for n in range(50)))]
    made = render_chat(TOY, long, options=Options(max_length=20))
    assert "answer alone" in made.dropped


def test_the_drop_policy_leaves_long_rows_out() -> None:
    for row in ({"messages": CHAT}, {"prompt": "a b c d e f", "completion": " g"}, {"text": "a b c d e f g h"}):
        (made,) = render_row(TOY, row, Options(max_length=5, policy="drop"))
        assert "do not fit into 5" in made.dropped


def test_both_sides_of_a_pair_lose_the_same_prompt() -> None:
    row = {
        "prompt": [user("old question"), assistant("old answer"), user("new question please")],
        "chosen": [assistant("yes it is so indeed")],
        "rejected": [assistant("no")],
    }
    whole = render_pair(TOY, row)
    chosen, rejected = render_pair(TOY, row, Options(max_length=len(whole[0].ids) - 1))
    assert chosen.text.split("<assistant>")[0] == rejected.text.split("<assistant>")[0]
    assert "old" not in chosen.text + rejected.text
    assert kinds(chosen) == kinds(rejected) == ["turns_cut"]
    both = render_pair(TOY, row, Options(max_length=6))
    assert both[0].dropped == both[1].dropped != ""


def test_writing_is_rendering_without_tokens() -> None:
    for row in ({"messages": CHAT}, {"prompt": "a", "completion": " b"}, {"text": "c"}, {"prompt": CHAT[:1]},
                {"prompt": CHAT[:1], "chosen": CHAT[1:2], "rejected": [assistant("no")]}):  # fmt: skip
        for made, text in zip(render_row(TOY, row), write_row(TOY, row), strict=True):
            assert (made.text, made.spans, made.notes) == (text.text, text.spans, text.notes)


words = st.text("abcdef ", min_size=1, max_size=40).map(lambda text: "x" + text.strip())
talks = st.lists(st.tuples(words, words), min_size=1, max_size=4).map(
    lambda pairs: [message for asked, said in pairs for message in (user(asked), assistant(said))]
)


@given(talks, st.integers(1, 60), st.sampled_from(["keep_answer", "drop"]))
def test_nothing_is_cut_in_silence(messages: list[Any], limit: int, policy: str) -> None:
    whole = render_chat(TOY, messages)
    made = render_chat(TOY, messages, options=Options(max_length=limit, policy=policy))
    assert made.total_tokens == len(whole.ids)
    if made.dropped:
        assert len(whole.ids) > limit
        return
    assert len(made.ids) <= limit
    assert made.trained_text[-1] == whole.trained_text[-1], "the last answer is whole"
    assert (made == whole) == (len(whole.ids) <= limit)
    assert made == whole or made.notes
    assert "".join(piece for piece, _, _ in made.pieces) == made.text


@given(words, words, st.integers(1, 40))
def test_raw_rows_keep_their_answers_whole(prompt: str, completion: str, limit: int) -> None:
    made = render_completion(TOY, prompt, " " + completion, Options(max_length=limit))
    assert made.dropped or (len(made.ids) <= limit and made.trained_text == (f" {completion}<eos>",))
    made = render_text(TOY, prompt, Options(max_length=limit))
    assert len(made.ids) <= limit and (made.total_tokens <= limit) == (kinds(made) == [])

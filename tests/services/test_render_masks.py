"""Masks under options, with real chat templates: last answers only, tools, thinking, lengths; whatever the words."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from chat_templates_kit import OWN, trl_templates
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_render_templates import PLAIN, TOOLS, assistant, check_consistent, loaded, said, user

from ftui.core import render_spans
from ftui.core.render import Options, Rendered, RenderError, render_chat, render_pair, render_prompt, render_row

THOUGHT = re.compile(r"\s*</?think>\s*")
quick = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
four = st.lists(said, min_size=4, max_size=4)


def ended(name: str, answer: str, last: bool = True) -> str:
    """An answer as the template closes it; Phi-3 closes the text after the last end-of-turn."""
    return answer + PLAIN[name] + ("\n</s>" if last and name.startswith("phi3") else "")


@pytest.mark.parametrize("name", PLAIN)
def test_only_the_last_answer_where_that_is_asked(name: str) -> None:
    dialect = loaded(name).dialect

    @quick
    @given(four)
    def check(t: list[str]) -> None:
        messages = [user(t[0]), assistant(t[1]), user(t[2]), assistant(t[3])]
        made = render_chat(dialect, messages, options=Options(loss="last"))
        check_consistent(made)
        assert made.trained_text == (ended(name, t[3]),)
        whole = render_chat(dialect, messages, options=Options(loss="all"))
        assert all(whole.labels_mask) and whole.ids == made.ids

    check()


@pytest.mark.parametrize("name", PLAIN)
def test_a_row_that_is_cut_keeps_its_answer_whole(name: str) -> None:
    """Whatever the limit: left out with a reason, or short enough with the last answer as it was."""
    dialect = loaded(name).dialect

    @quick
    @given(four, st.integers(8, 160), st.integers(1, 12))
    def check(t: list[str], limit: int, times: int) -> None:
        messages = [user(" ".join([t[0]] * times)), assistant(t[1]), user(" ".join([t[2]] * times)), assistant(t[3])]
        whole = render_chat(dialect, messages)
        made = render_chat(dialect, messages, options=Options(max_length=limit))
        check_consistent(made)
        assert made.total_tokens == len(whole.ids)
        if made.dropped:
            return
        assert len(made.ids) <= limit
        assert made.trained_text[-1] == ended(name, t[3])
        assert made.trained_text == whole.trained_text[-len(made.trained_text) :]
        assert bool(made.notes) >= (len(whole.ids) > limit), "something was cut and nothing says so"
        if dialect.bos and whole.text.startswith(dialect.bos):
            assert made.text.startswith(dialect.bos) and not made.text.startswith(dialect.bos * 2)
        left_out = render_chat(dialect, messages, options=Options(max_length=limit, policy="drop"))
        assert bool(left_out.dropped) == (len(whole.ids) > limit)

    check()


@pytest.mark.parametrize("name", PLAIN)
def test_a_pair_that_is_cut_still_shares_its_prompt(name: str) -> None:
    dialect = loaded(name).dialect

    @quick
    @given(four, st.integers(16, 120))
    def check(t: list[str], limit: int) -> None:
        row = {
            "prompt": [user(" ".join([t[0]] * 9))],
            "chosen": [assistant(t[1])],
            "rejected": [assistant(t[2])],
        }
        sides = render_pair(dialect, row, Options(max_length=limit))
        if sides[0].dropped:
            assert sides[0].dropped == sides[1].dropped
            return
        assert [side.trained_text for side in sides] == [(ended(name, t[1]),), (ended(name, t[2]),)]
        assert all(len(side.ids) <= limit for side in sides)
        heads = [side.text[: side.spans[0].start] for side in sides]
        assert heads[0] == heads[1]

    check()


def refusing(name: str, messages: list[dict[str, Any]], tools: Any = None) -> Rendered | None:
    """The conversation as the template writes it; None where the template has no way to."""
    try:
        return render_chat(loaded(name).dialect, messages, tools)
    except RenderError:
        return None


def test_tool_calls_are_trained_and_their_results_never() -> None:
    """Over every template: the arguments are in the call's turn, the result is in none, the answer is whole."""
    able = set()

    def try_template(name: str) -> None:
        @settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.text("abcdefgh", min_size=6, max_size=9), st.text("ijklmnop", min_size=6, max_size=9), said)
        def check(city: str, weather: str, answer: str) -> None:
            call = {"name": "get_weather", "arguments": json.dumps({"city": city})}
            messages = [
                user("What is the weather?"),
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "abcdefghi", "type": "function", "function": call}],
                },
                {"role": "tool", "tool_call_id": "abcdefghi", "name": "get_weather", "content": weather},
                assistant(answer),
            ]
            made = refusing(name, messages, TOOLS)
            if made is None:
                return
            check_consistent(made)
            assert len(made.trained_text) == 2, name
            said_call, said_answer = made.trained_text
            assert city in said_call and "get_weather" in said_call and weather not in said_call, name
            assert answer in said_answer and weather not in said_answer, name
            assert made.text.count(weather) == 1 and "Where." not in "".join(made.trained_text), name
            if name in PLAIN:
                assert said_answer == ended(name, answer), name
            able.add(name)

        check()

    for name in [*OWN, *trl_templates()]:
        try_template(name)
    assert len(able) >= 12, sorted(able)


def test_reasoning_is_trained_where_the_template_writes_it_and_told_where_not() -> None:
    able = set()

    def try_template(name: str) -> None:
        @settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.text("qrstuvwx", min_size=8, max_size=12), said)
        def check(thought: str, answer: str) -> None:
            if thought in answer:
                return  # which of the two stands in the text could not be told
            made = refusing(name, [user("Why is that so?"), assistant(answer, reasoning_content=thought)])
            if made is None:
                return
            check_consistent(made)
            (text,) = made.trained_text
            assert answer in text.rpartition(thought)[2], name
            told = any(note.kind == "thinking_dropped" for note in made.notes)
            assert (thought in text) != told, name
            if thought in text:
                able.add(name)

        check()

    for name in [*OWN, *trl_templates()]:
        try_template(name)
    assert len(able) >= 8, sorted(able)


@pytest.mark.parametrize("name", PLAIN)
def test_the_model_goes_on_where_its_answer_begins_in_training(name: str) -> None:
    """What is generated from at evaluation is, token for token, what stood before the answer in training."""
    dialect = loaded(name).dialect

    @quick
    @given(four)
    def check(t: list[str]) -> None:
        messages = [user(t[0]), assistant(t[1]), user(t[2])]
        answer = assistant(t[3])
        (whole,) = render_row(dialect, {"prompt": messages, "completion": [answer], "label": True})
        before = whole.text[: whole.spans[0].start]
        prompt = render_prompt(dialect, messages, like=answer)
        assert prompt.text == before
        assert whole.ids[: len(prompt.ids)] == prompt.ids
        # Without such an answer a template that thinks may leave the thought open, or out.
        assert THOUGHT.sub("", before).rstrip() == THOUGHT.sub("", render_prompt(dialect, messages).text).rstrip()

    check()


def test_a_model_that_thinks_is_asked_as_its_rows_answer() -> None:
    dialect = loaded("qwen3").dialect
    asked = [user("Why?")]
    plain = render_prompt(dialect, asked).text
    assert render_prompt(dialect, asked, like=assistant("So.")).text == plain + "<think>\n\n</think>\n\n"
    assert render_prompt(dialect, asked, like=assistant("So.", reasoning_content="Because.")).text == plain
    open_thought = loaded("qwen3_5_think").dialect
    assert render_prompt(open_thought, asked).text.endswith("<think>\n")
    closed = render_prompt(open_thought, asked, like=assistant("So.")).text
    assert "</think>" in closed and closed.startswith(render_prompt(open_thought, asked).text.rstrip())


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("words", ["yes", " yes\n", "<think>\n\n</think>\n\nyes", "</think>yes", "one two"])
def test_the_short_way_to_the_answers_gives_the_mask_of_the_long_one(
    name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = loaded(name).dialect
    messages = [user("one"), assistant(words), user("three"), assistant(words)]
    short = refusing(name, messages)
    monkeypatch.setattr(render_spans, "_quick_spans", lambda *_: None)
    long = refusing(name, messages)
    assert (short and short.trained_text) == (long and long.trained_text), dialect

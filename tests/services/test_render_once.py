"""Answers found in a single rendering are those that rendering prefixes finds, markers or not, whatever the words."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from chat_templates_kit import OWN, trl_templates
from test_render_templates import CALL, PLAIN, TOOLS, assistant, loaded, user

from ftui.core import render_spans
from ftui.core.render import Dialect, RenderError, write_row
from ftui.services.chat_template import ChatTemplate

MARKED = [name for name, source in trl_templates().items() if "endgeneration" in source]
WORDS = [
    "yes", " yes\n", "<think>\n\n</think>\n\nyes", "</think>yes", "<think>a</think>b", "one", "two", "", "  ", "\n\n",
    "a", "<|im_start|>assistant\n", "<|im_end|>", "[/INST]", "assistant", "x{% y", "é 漢", "<|assistant|>", "<turn|>",
]  # fmt: skip


def rows(count: int) -> list[dict[str, Any]]:
    """Conversations of odd words: thoughts, calls, arguments for the template, pieces of the templates themselves."""
    source = random.Random(7)

    def text() -> str:
        return " ".join(source.choice(WORDS) for _ in range(source.choice((1, 1, 1, 2, 3))))

    made = []
    for _ in range(count):
        messages = [{"role": "system", "content": text()}] if source.random() < 0.3 else []
        for _ in range(source.randint(1, 3)):
            messages.append(user(text()))
            if source.random() < 0.1:
                messages.append({"role": "assistant", "content": text(), "tool_calls": [CALL]})
                messages.append({"role": "tool", "tool_call_id": CALL["id"], "name": "get_weather", "content": text()})
            messages.append(assistant(text(), **({"reasoning_content": text()} if source.random() < 0.1 else {})))
        row: dict[str, Any] = {"messages": messages}
        if source.random() < 0.1:
            row["chat_template_kwargs"] = {"enable_thinking": False}
        made.append({**row, "tools": TOOLS} if source.random() < 0.1 else row)
    return made


def outcome(dialect: Dialect, row: dict[str, Any]) -> Any:
    try:
        return write_row(dialect, row)
    except RenderError as refusal:
        return str(refusal)


@pytest.mark.parametrize("name", [*OWN, *trl_templates()])
def test_one_rendering_finds_what_many_find(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect = loaded(name).dialect
    data = rows(14)
    short = [outcome(dialect, row) for row in data]
    monkeypatch.setattr(render_spans, "_quick_spans", lambda *_: None)
    several = replace(dialect, marks_in_place=False)
    for row, found in zip(data, short, strict=True):
        assert outcome(several, row) == found, row


@pytest.mark.parametrize("name", sorted({*MARKED} & {*PLAIN} - {"deepseekv3_training", "phi3_training"}))
def test_a_plain_row_is_rendered_once_where_the_template_has_markers(name: str) -> None:
    tokenizer, renderings = loaded(name), 0
    template = ChatTemplate(tokenizer.chat_template, {"bos_token": "<s>", "eos_token": "</s>"})

    def counted(messages: Sequence[Any], tools: Any = None, *rest: Any, **kwargs: Any) -> str:
        nonlocal renderings
        renderings += 1
        return template.render(messages, tools, *rest, **kwargs)

    def counted_spans(messages: Sequence[Any], tools: Any = None, **kwargs: Any) -> Any:
        nonlocal renderings
        renderings += 1
        return template.render_spans(messages, tools, **kwargs)

    dialect = replace(tokenizer.dialect, render=counted, render_spans=counted_spans)
    assert dialect.marks_in_place
    row = {"messages": [user("Who?"), assistant("Me."), user("Why?"), assistant("Because.")]}
    (made,) = write_row(dialect, row)  # looks once at the template's frame
    renderings = 0
    assert write_row(dialect, row) == (made,)
    assert renderings == 1
    assert [made.text[span.start : span.end] for span in made.spans] == [
        "Me." + PLAIN[name], "Because." + PLAIN[name]
    ]  # fmt: skip


ANSWER = "{% generation %}{{ m.content }}{% endgeneration %}"
EACH = "{% for m in messages %}"


@pytest.mark.parametrize(
    ("source", "in_place"),
    [
        (EACH + "{% if m.role == 'assistant' %}" + ANSWER + "{% else %}{{ m.content }}{% endif %}{% endfor %}", True),
        ("{% macro say(m) %}" + ANSWER + "{% endmacro %}" + EACH + "{{ say(m) | length }}{% endfor %}", False),
        (EACH + "{% set text %}" + ANSWER + "{% endset %}{{ text | length }}{% endfor %}", False),
        (EACH + "{% filter upper %}" + ANSWER + "{% endfilter %}{% endfor %}", False),
        ("{% for m in messages recursive %}" + ANSWER + "{% endfor %}", False),
    ],
)
def test_marks_are_only_trusted_where_nothing_reads_between_them(source: str, in_place: bool) -> None:
    template = ChatTemplate(source, {})
    assert template.has_markers and template.marks_in_place == in_place
    hello = [user("Hello there"), assistant("Hi")]
    same = template.render_spans(hello)[0] == template.render(hello)
    assert same or not in_place

"""Models that think, tuned on answers without thought: an export asks for the answers that were trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_render_templates import assistant, loaded, user

from ftui.core.modelfile import differences, go_template, wrapping_of
from ftui.core.render import render_prompt
from ftui.core.render_thought import SILENT, empty_thought
from ftui.services.tokenizer import ModelTokenizer

ASKED = [user("Why?")]
PLAIN_ROWS: list[dict[str, Any]] = [
    {"text": "no conversation"},
    {"messages": [*ASKED, assistant("So.")]},
    {"prompt": ASKED, "chosen": [assistant("So.")], "rejected": [assistant("No.")]},
]
EMPTY = "<think>\n\n</think>\n\n"


def silent(name: str) -> ModelTokenizer:
    model = loaded(name)
    return ModelTokenizer(Path(model.path), SILENT + model.chat_template)


def test_the_empty_thought_of_training_is_found() -> None:
    dialect = loaded("qwen3").dialect
    assert empty_thought(dialect, PLAIN_ROWS) == EMPTY
    thinking = {"messages": [*ASKED, assistant("So.", reasoning_content="Because.")]}
    assert empty_thought(dialect, [*PLAIN_ROWS, thinking]) == "", "one that thinks leaves it to the model"
    assert empty_thought(dialect, [{"messages": [*ASKED, assistant("<think>Hm.</think>So.")]}]) == ""
    assert empty_thought(loaded("smollm2").dialect, PLAIN_ROWS) == ""
    assert empty_thought(dialect, []) == ""


@pytest.mark.parametrize("asked_for", [{}, {"enable_thinking": True}], ids=["by default", "by a server"])
def test_the_exported_template_asks_as_training_did(asked_for: dict[str, Any]) -> None:
    trained = render_prompt(loaded("qwen3").dialect, ASKED, like=assistant("So.")).text
    assert silent("qwen3").dialect.render(ASKED, None, True, **asked_for) == trained
    talk = [*ASKED, assistant("So."), user("And?")]
    assert silent("qwen3").dialect.render(talk, None, False) == loaded("qwen3").dialect.render(talk, None, False)


def test_ollama_writes_it_too() -> None:
    dialect = loaded("qwen3").dialect
    wrapping = wrapping_of(dialect)
    wrapping = replace(wrapping, open_answer=wrapping.open_answer + EMPTY)
    assert go_template(wrapping).endswith(EMPTY)
    talks = [ASKED, [{"role": "system", "content": "Be kind."}, *ASKED]]
    assert differences(wrapping, dialect, talks, EMPTY) == []
    assert differences(wrapping, dialect, talks) == [0, 1]

"""Models that think, tuned on answers without thought: what stands before each answer, and how an export carries it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ftui.core.render import Dialect, RenderError, render_prompt
from ftui.core.render_forms import REASONING

SILENT = (
    "{#- ftui: this model was tuned on answers without thought, so it is always asked for one. -#}"
    "{%- set enable_thinking = false -%}"
)
"""Put in front of a chat template. Servers set enable_thinking by themselves, so a default would not do."""


def empty_thought(dialect: Dialect, rows: Iterable[Mapping[str, Any]]) -> str:
    """What training wrote between a prompt and its answer beyond what the template writes when it asks for one.

    rows: canonical rows that were trained on; those that are no conversation tell nothing. "" where a row's answer
    holds a thought (then the model decides by itself), or where the template writes nothing there.
    """
    lead: str | None = None
    for row in rows:
        asked, answer = _last_turn(row)
        if answer is None:
            continue
        if any(answer.get(name) for name in REASONING) or "<think>" in str(answer.get("content")):
            return ""
        if lead is None:
            lead = _between(dialect, asked, answer)
    return lead or ""


def _last_turn(row: Mapping[str, Any]) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
    messages = row.get("messages")
    if not isinstance(messages, list):
        prompt, answers = row.get("prompt"), row.get("chosen") or row.get("completion")
        if not isinstance(prompt, list) or not isinstance(answers, list) or not answers:
            return [], None
        messages = [*prompt, answers[-1]]
    places = [place for place, message in enumerate(messages) if message.get("role") == "assistant"]
    return (messages[: places[-1]], messages[places[-1]]) if places else ([], None)


def _between(dialect: Dialect, asked: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> str:
    try:
        plain = render_prompt(dialect, asked).text
        trained = render_prompt(dialect, asked, like=answer).text
    except RenderError:
        return ""
    return trained[len(plain) :] if trained.startswith(plain) else ""

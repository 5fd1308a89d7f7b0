"""Ollama Modelfiles: the chat template that the model was trained with, said in Ollama's language, and proven equal.

Ollama's templates are Go templates, a model's are Jinja programs, so there is no translation in general. What nearly
all chat templates do is wrap each message by its role. That wrapping is read off renders with marked contents, written
as a Go template, and then checked: the Go template's text must equal the Jinja template's on real conversations,
character by character, or there is no Modelfile. (The most frequent complaint about exported models is a template
that differs from the one of the training.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ftui.core.render_dialect import Dialect, RenderError
from ftui.errors import FtuiError

_MARK = "\u27e6{}\u27e7"
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Wrapping:
    """What a chat template writes around messages.

    start: once, before everything. wrap: role -> (before, after). open_answer: what invites the answer.
    default_system: the system text that the template adds by itself where there is none, already wrapped.
    """

    start: str
    wrap: Mapping[str, tuple[str, str]]
    open_answer: str
    default_system: str = ""

    def text(self, messages: Sequence[Mapping[str, str]]) -> str:
        """What the Go template gives for a conversation that ends with a user turn."""
        lead = "" if messages and messages[0]["role"] == "system" else self.default_system
        parts = [self.wrap[m["role"]][0] + m["content"] + self.wrap[m["role"]][1] for m in messages]
        return self.start + lead + "".join(parts) + self.open_answer


def wrapping_of(dialect: Dialect) -> Wrapping:
    """Read the wrapping off the template. Raises FtuiError where it does not simply wrap messages by role."""
    asked = [_message("user", 1)]
    talk = [_message("user", 1), _message("assistant", 2), _message("user", 3), _message("assistant", 4)]
    try:
        plain = dialect.render(asked, None, False)
        prompted = dialect.render(asked, None, True)
        without_system = dialect.render(talk, None, False)
    except RenderError as error:
        raise _no_wrapping(f"it refuses an ordinary conversation: {error}") from None
    if not prompted.startswith(plain):
        raise _no_wrapping("it rewrites the conversation when an answer is asked for")
    open_answer = prompted[len(plain) :]
    try:
        pieces, has_system = _between(dialect.render([_message("system", 0), *talk], None, False), 5), True
    except (RenderError, FtuiError):
        pieces, has_system = ["", *_between(without_system, 4, first=1)], False
    return _split(dialect, plain, pieces, open_answer, has_system)


def modelfile(
    wrapping: Wrapping,
    model: str,
    stops: Sequence[str],
    *,
    adapter: str = "",
    system: str = "",
    context: int | None = None,
) -> str:
    """The Modelfile. model: what FROM names (a GGUF file, a folder, a model of Ollama's)."""
    lines = [f"FROM {model}"]
    if adapter:
        lines.append(f"ADAPTER {adapter}")
    lines.append(f'TEMPLATE """{go_template(wrapping)}"""')
    lines += [f"PARAMETER stop {json.dumps(stop, ensure_ascii=False)}" for stop in stops]
    lines.append("PARAMETER temperature 0")
    if context:
        lines.append(f"PARAMETER num_ctx {context}")
    if system:
        lines.append(f'SYSTEM """{system}"""')
    return "\n".join(lines) + "\n"


def go_template(wrapping: Wrapping) -> str:
    """The wrapping as a Go template over .Messages (Ollama's docs/template.md)."""
    branches = []
    for index, role in enumerate(ROLES):
        before, after = wrapping.wrap[role]
        word = "if" if index == 0 else "else if"
        branches.append(f'{{{{ {word} eq .Role "{role}" }}}}{_go(before)}{{{{ .Content }}}}{_go(after)}')
    default = ""
    if wrapping.default_system:
        default = f"{{{{ if not .System }}}}{_go(wrapping.default_system)}{{{{ end }}}}"
    body = "".join(branches) + "{{ end }}"
    return f"{_go(wrapping.start)}{default}{{{{ range .Messages }}}}{body}{{{{ end }}}}{_go(wrapping.open_answer)}"


def differences(
    wrapping: Wrapping, dialect: Dialect, conversations: Sequence[Sequence[Mapping[str, str]]], lead: str = ""
) -> list[int]:
    """Numbers of the conversations (each ending with a user turn) that both templates write differently.

    lead: what training wrote between the prompt and the answer beyond the template (core/render_thought.py).
    """
    wrong = []
    for number, messages in enumerate(conversations):
        try:
            if wrapping.text(messages) != dialect.render(messages, None, True) + lead:
                wrong.append(number)
        except (RenderError, KeyError):
            wrong.append(number)
    return wrong


def _split(dialect: Dialect, plain: str, pieces: list[str], open_answer: str, has_system: bool) -> Wrapping:
    """From the texts between the marked contents to what belongs before and after each role.

    pieces: before the system text, system|user, user|assistant, assistant|user, user|assistant, after the last answer.
    An answer begins with what invites it, so that tells where the user's wrapping ends; the rest follows from the
    single-turn render.
    """
    start_user, after_user = plain.split(_content(1), 1)
    between_user_answer = pieces[2]
    if not between_user_answer.endswith(open_answer):
        raise _no_wrapping("an answer in the middle begins otherwise than the one that is asked for")
    user_after = between_user_answer[: len(between_user_answer) - len(open_answer)]
    if user_after != after_user:
        raise _no_wrapping("a user's turn ends otherwise when an answer follows")
    between_answer_user, end = pieces[3], pieces[5]
    answer_after = _common_start(between_answer_user, end)
    user_before = between_answer_user[len(answer_after) :]
    if not start_user.endswith(user_before):
        raise _no_wrapping("the first user's turn begins otherwise than the later ones")
    lead = start_user[: len(start_user) - len(user_before)]
    if not has_system:
        turn = (user_before, user_after)
        # Where the template has no system role, a system text becomes a user's turn of its own.
        wrap = {"system": turn, "user": turn, "assistant": (open_answer, answer_after)}
        return Wrapping(lead, wrap, open_answer)
    start = _common_start(pieces[0], lead) if lead else ""
    if dialect.bos and pieces[0].startswith(dialect.bos):
        start = dialect.bos
    elif not lead.startswith(pieces[0][: len(start)]) or pieces[0] == lead:
        start = ""
    if not pieces[1].endswith(user_before):
        raise _no_wrapping("the user's turn after a system text begins otherwise")
    system = (pieces[0][len(start) :], pieces[1][: len(pieces[1]) - len(user_before)])
    default = lead[len(start) :] if lead.startswith(start) else lead
    if default and not default.startswith(system[0]):
        start, default = lead if not pieces[0].startswith(lead) else start, ""
    wrap = {"system": system, "user": (user_before, user_after), "assistant": (open_answer, answer_after)}
    return Wrapping(start, wrap, open_answer, default)


def _between(text: str, count: int, first: int = 0) -> list[str]:
    pieces, rest = [], text
    for number in range(first, first + count):
        before, found, rest = rest.partition(_content(number))
        if not found:
            raise _no_wrapping("it drops or changes the content of a message")
        pieces.append(before)
    return [*pieces, rest]


def _common_start(one: str, other: str) -> str:
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return one[:length]


def _content(number: int) -> str:
    return _MARK.format(f"m{number}")


def _message(role: str, number: int) -> dict[str, str]:
    return {"role": role, "content": _content(number)}


def _go(text: str) -> str:
    """Text as it stands in a Go template inside a triple-quoted Modelfile string: a literal where it could be read."""
    if "{{" in text or "}}" in text or '"""' in text or (text != text.strip(" ") and "\n" not in text):
        return "{{ " + json.dumps(text, ensure_ascii=False) + " }}"
    return text


def _no_wrapping(why: str) -> FtuiError:
    return FtuiError(
        "The chat template has no equal in Ollama",
        why,
        "Serve it with vLLM or llama.cpp, which run the Jinja template itself: ftui export RUN --to vllm",
    )

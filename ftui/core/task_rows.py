"""Which rows each task learns from, and what to do about rows that it cannot use. One table, for plan and trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from shlex import quote
from typing import Any

from ftui.core.canonical import canonical_kind

_PAIRS = "pairs of a better and a worse answer"
KINDS = {
    "chat": "conversations",
    "completion": "prompts with completions",
    "text": "plain texts",
    "preference": _PAIRS,
    "kto": "single answers, each marked good or bad",
    "prompt": "prompts without answers",
    "stepwise": "answers whose steps are marked right or wrong",
}
"""What rows of a canonical kind are, in words."""

_ANSWERED = ("chat", "completion", "text")
_ASKING = ("prompt", "chat", "preference", "kto")
_USES: dict[str, tuple[str, ...]] = {
    "sft": _ANSWERED,
    "text": _ANSWERED,
    "dpo": ("preference",),
    "orpo": ("preference",),
    "reward": ("preference",),
    "kto": ("kto",),
    "grpo": _ASKING,
    "rloo": _ASKING,
}
NEEDS = {
    "sft": "conversations (messages), prompts with completions (prompt and completion), or plain texts (text)",
    "text": "plain texts (text), or conversations (messages)",
    "dpo": f"{_PAIRS} (prompt, chosen and rejected)",
    "orpo": f"{_PAIRS} (prompt, chosen and rejected)",
    "reward": f"{_PAIRS} (prompt, chosen and rejected)",
    "kto": "single answers, each marked good or bad (prompt, completion and label)",
    "grpo": "prompts (prompt), or conversations (messages)",
    "rloo": "prompts (prompt), or conversations (messages)",
}
"""What a task learns from, with the columns, in words."""

_TASK_FOR = {"chat": "sft", "completion": "sft", "text": "text", "preference": "dpo", "kto": "kto", "prompt": "grpo"}
_BECOMES: dict[tuple[str, str], tuple[str, str]] = {
    ("preference", "sft"): ("chat", "keeps the better answers"),
    ("preference", "text"): ("chat", "keeps the better answers"),
    ("preference", "kto"): ("kto", "makes two rows of each pair"),
    ("kto", "sft"): ("chat", "keeps the good answers"),
    ("kto", "text"): ("chat", "keeps the good answers"),
    ("completion", "grpo"): ("prompt", "leaves out the answers"),
    ("completion", "rloo"): ("prompt", "leaves out the answers"),
}
"""(kind, task) -> what `ftui data convert` makes of the rows so that the task can use them, and what that does."""


@dataclass(frozen=True)
class Unusable:
    """title, message and hint of the error that says so."""

    title: str
    message: str
    hint: str


def kind_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """The kind of some canonical rows, which is the first one's; conversations that nobody answers are prompts.

    Raises ValueError where a row is not canonical, or there is none.
    """
    kind = canonical_kind(rows[0] if rows else {})
    answered = (message.get("role") == "assistant" for row in rows for message in row.get("messages", ()))
    return "prompt" if kind == "chat" and not any(answered) else kind


def unusable(kind: str, task: str, where: str, path: str) -> Unusable | None:
    """Why `task` cannot learn from rows of `kind`, and what can be done; None where it can.

    where: what holds them, the subject of the sentence ("rows.jsonl"). path: their file, for the command in the hint.
    """
    if kind in _USES[task]:
        return None
    return Unusable(
        f"These rows cannot train {task}",
        f"{where} holds {KINDS[kind]}; {task} needs {NEEDS[task]}",
        _hint(kind, task, path),
    )


def _hint(kind: str, task: str, path: str) -> str:
    fits = _TASK_FOR.get(kind)
    if fits is None:
        return "No task learns from marked steps; whole answers, each marked good or bad, can train kto."
    hint = f"Set method.task to {fits}, or name other rows."
    if (kind, task) in _BECOMES:
        target, what = _BECOMES[kind, task]
        made = PurePath(path.rstrip("/")).name.partition(".")[0] or "rows"
        command = f"ftui data convert {quote(path)} --to {target} -o {quote(f'{made}.{target}.jsonl')}"
        hint = f"Set method.task to {fits}, or convert the rows, which {what}: {command}"
    return hint

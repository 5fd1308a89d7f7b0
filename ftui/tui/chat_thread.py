"""The models' side of a conversation, in a thread of its own: loading, asking and hearing all block."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from ftui.errors import FtuiError
from ftui.services.chat import Chat, Piece, open_chat
from ftui.services.runs import Run


@dataclass(frozen=True)
class Loaded:
    """The models are there, by these names."""

    models: tuple[str, ...]


@dataclass(frozen=True)
class Answered:
    """All answers to a question are complete."""


@dataclass(frozen=True)
class Lost:
    """There are no models (any more), and why."""

    error: FtuiError


@dataclass(frozen=True)
class _Question:
    messages: Sequence[Mapping[str, str]]
    models: Sequence[str]
    max_new_tokens: int


class ChatThread:
    """Ask with `ask`, hear with `heard`; neither blocks. The thread does not keep the program from ending."""

    def __init__(self, run: Run, others: Mapping[str, Path] | None = None) -> None:
        self._run, self._others = run, others
        self._questions: SimpleQueue[_Question | None] = SimpleQueue()
        self._said: deque[Loaded | Answered | Lost | Piece] = deque()
        self._chat: Chat | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="chat", daemon=True)

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def ask(self, messages: Sequence[Mapping[str, str]], models: Sequence[str], max_new_tokens: int) -> None:
        """Put a question; its pieces come in `heard`."""
        self._questions.put(_Question(messages, models, max_new_tokens))

    def heard(self) -> list[Loaded | Answered | Lost | Piece]:
        """What came since the last call."""
        pieces = []
        while self._said:
            pieces.append(self._said.popleft())
        return pieces

    def stop(self) -> None:
        """End the answers that are being written."""
        if self._chat is not None:
            try:
                self._chat.stop()
            except FtuiError as error:
                self._said.append(Lost(error))

    def close(self) -> None:
        """Let the models go, without waiting for it."""
        self._closed = True
        self._questions.put(None)
        self.stop()

    def _serve(self) -> None:
        try:
            self._chat = open_chat(self._run, others=self._others)
        except (FtuiError, OSError) as error:
            self._said.append(Lost(error if isinstance(error, FtuiError) else FtuiError("The chat", str(error))))
            return
        try:
            self._said.append(Loaded(self._chat.models))
            while (question := self._questions.get()) is not None and not self._closed:
                pieces = self._chat.ask(
                    question.messages, models=question.models, max_new_tokens=question.max_new_tokens
                )
                self._said.extend(pieces)
                self._said.append(Answered())
        except (FtuiError, OSError) as error:
            self._said.append(Lost(error if isinstance(error, FtuiError) else FtuiError("The chat", str(error))))
        finally:
            self._chat.close()

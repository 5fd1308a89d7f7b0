"""Base and tuned (and further adapters) answering one prompt, as a process that is asked and listened to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ftui.errors import FtuiError
from ftui.services.launch import require_training_stack
from ftui.services.runs import Run, read_state


@dataclass(frozen=True, slots=True)
class Piece:
    """What a model just said; end: its answer is complete, in so many tokens and seconds. error: why there is none."""

    model: str
    text: str = ""
    end: bool = False
    tokens: int = 0
    seconds: float = 0.0
    error: str = ""


class Chat:
    """Open models. One question at a time; `stop` may be called from any thread."""

    def __init__(self, process: subprocess.Popen[str], models: tuple[str, ...], log: Path) -> None:
        self.models = models
        self._process = process
        self._log = log
        self._writing = threading.Lock()

    def ask(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        models: Sequence[str] = ("base", "tuned"),
        max_new_tokens: int = 200,
    ) -> Iterator[Piece]:
        """The pieces of all answers as they come. An iterator that is left early stops the answers.

        Raises FtuiError where the models' process is gone.
        """
        self._write({"messages": list(messages), "models": list(models), "max_new_tokens": max_new_tokens})
        finished = False
        try:
            while not finished:
                heard = _hear(self._process, self._log)
                if heard.get("done"):
                    finished = True
                elif "error" in heard:
                    yield Piece("", error=str(heard["error"]))
                else:
                    yield Piece(
                        str(heard.get("model", "")),
                        str(heard.get("text", "")),
                        bool(heard.get("end")),
                        int(heard.get("tokens", 0)),
                        float(heard.get("seconds", 0.0)),
                    )
        finally:
            if not finished and self._process.poll() is None:
                self.stop()
                while not _hear(self._process, self._log).get("done"):
                    pass

    def stop(self) -> None:
        """End the answers that are being written; their pieces end with `end`."""
        self._write({"stop": True})

    def close(self) -> None:
        """Let the models go."""
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                pass  # it is gone already
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Chat:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _write(self, record: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            with self._writing:
                self._process.stdin.write(json.dumps(record) + "\n")
                self._process.stdin.flush()
        except (OSError, ValueError):
            raise _gone(self._log) from None


def open_chat(run: Run, *, others: Mapping[str, Path] | None = None) -> Chat:
    """Load the models of a run; takes seconds. others: further adapters of the same base, by the name they answer to.

    Raises FtuiError where the run has no model, or the models cannot be loaded.
    """
    require_training_stack()
    if not (run.path / "model").is_dir():
        status = read_state(run).status
        raise FtuiError(
            "The run has no model yet", f"{run.name} is {status}", f"Finish it: ftui runs resume {run.name}"
        )
    log = run.path / "logs" / "worker.log"
    log.parent.mkdir(mode=0o700, exist_ok=True)
    named = [f"{name}={folder}" for name, folder in (others or {}).items()]
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ftui.trainer.chat", str(run.path), *named],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl+C in the terminal ends an answer, not the models
            env={**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        )
    chat = Chat(process, (), log)
    try:
        chat.models = tuple(str(name) for name in _hear(process, log).get("models", ()))
    except BaseException:
        chat.close()
        raise
    return chat


def _hear(process: subprocess.Popen[str], log: Path) -> dict[str, Any]:
    """The next word. Raises FtuiError where the process fails or ends."""
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        heard = json.loads(line)
    except ValueError:
        raise _gone(log) from None
    if not isinstance(heard, dict) or heard.get("fatal"):
        raise FtuiError("The models cannot be loaded", str(heard["error"]) if isinstance(heard, dict) else line)
    return heard


def _gone(log: Path) -> FtuiError:
    return FtuiError("The chat ended", "the models' process is gone", f"Its log: {log}")

"""`python -m ftui.trainer.chat RUN_DIR [NAME=ADAPTER_FOLDER ...]`: several models answer one prompt, word by word.

stdin, one JSON line each: {"messages": [...], "max_new_tokens": 200, "models": ["base", "tuned"]} asks; {"stop": true}
ends the answer that is being written. stdout, one JSON line each: {"ready": true, "models": [...]} at the start;
{"model": name, "text": "..."} a piece; {"model": name, "end": true, "tokens": n, "seconds": s}; {"done": true} after
all answers; {"error": "..."} where a question cannot be asked, with "fatal" where the models cannot be loaded.

The models take turns, one token each, so that the answers grow side by side. An adapter shares the base's weights:
switching costs no memory, and no reloading.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def say(record: dict[str, Any]) -> None:
    """One line on stdout, at once."""
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


@dataclass
class Voice:
    """One of the models. adapter: its name in the shared model; None switches all adapters off; "" has none."""

    name: str
    model: Any
    adapter: str | None

    @contextlib.contextmanager
    def active(self) -> Iterator[Any]:
        """The model as this voice speaks through it."""
        if self.adapter == "":
            yield self.model
        elif self.adapter is None:
            with self.model.disable_adapter():
                yield self.model
        else:
            self.model.set_adapter(self.adapter)
            yield self.model


@dataclass
class Answering:
    """An answer that is being written: greedy, with its own cache."""

    voice: Voice
    ids: list[int]
    started: float = field(default_factory=time.perf_counter)
    made: list[int] = field(default_factory=list)
    shown: str = ""
    cache: Any = None

    def step(self, tokenizer: Any, stops: Sequence[int]) -> str | None:
        """One more token: the text that became whole by it, or None where the answer ended."""
        import torch

        fed = self.made[-1:] if self.made else self.ids
        with self.voice.active() as model, torch.inference_mode():
            device = next(model.parameters()).device
            output = model(input_ids=torch.tensor([fed], device=device), past_key_values=self.cache, use_cache=True)
        self.cache = output.past_key_values
        token = int(output.logits[0, -1].argmax())
        if token in stops:
            return None
        self.made.append(token)
        text = str(tokenizer.decode(self.made, skip_special_tokens=True))
        if text.endswith("\ufffd"):
            return ""  # the bytes of a character that is not whole yet
        piece, self.shown = text[len(self.shown) :], text
        return piece


def voices(run_dir: Path, plan: Any, others: Sequence[str]) -> list[Voice]:
    """base, tuned, and one voice for each further adapter. Raises FtuiError where one belongs to another base."""
    from ftui.errors import FtuiError
    from ftui.trainer import finished

    tuned = finished.load_tuned(run_dir, plan)
    if not hasattr(tuned, "disable_adapter"):
        if others:
            raise FtuiError("No adapter can be switched in", "the run trained all weights, so it has no base of theirs")
        return [Voice("base", finished.load_base(run_dir, plan), ""), Voice("tuned", tuned, "")]
    found = [Voice("base", tuned, None), Voice("tuned", tuned, tuned.active_adapter)]
    for place, other in enumerate(others):
        name, _, folder = other.partition("=")
        try:
            tuned.load_adapter(folder, adapter_name=f"other{place}")
        except (RuntimeError, ValueError, OSError, KeyError) as error:
            words = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise FtuiError("The adapter does not belong to this base", f"{folder}: {words}") from None
        found.append(Voice(name, tuned, f"other{place}"))
    tuned.eval()
    return found


def trained_answer(run_dir: Path) -> dict[str, Any] | None:
    """The first answer that the run was trained on: models that think are asked as that one begins."""
    from ftui.trainer.job import read_rows
    from ftui.trainer.score_rows import questions

    rows = run_dir / "data" / "train.jsonl"
    found = questions(list(itertools.islice(read_rows(rows), 1)), 1) if rows.is_file() else []
    return found[0].get("answer") if found else None


def answer(
    asked: dict[str, Any],
    speakers: Sequence[Voice],
    tokenizer: Any,
    stopped: threading.Event,
    like: dict[str, Any] | None = None,
) -> None:
    """Let the asked models answer in turns, and say each piece. like: see core/render.render_prompt."""
    from ftui.core.render import Options, end_of_turn, render_prompt
    from ftui.trainer.dialect import dialect_of
    from ftui.trainer.generate import stop_ids

    dialect = dialect_of(tokenizer)
    ids = list(render_prompt(dialect, asked["messages"], None, Options(), like=like).ids)
    window = int(getattr(speakers[0].model.config, "max_position_embeddings", 0) or 1 << 30)
    limit = min(int(asked.get("max_new_tokens", 200)), window - len(ids))
    if limit < 1:
        say({"error": f"The conversation has {len(ids)} tokens, and the model's window is {window}: start a new one."})
        return
    wanted = asked.get("models") or ["base", "tuned"]
    running = [Answering(voice, ids) for voice in speakers if voice.name in wanted]
    stops = stop_ids(speakers[0].model, tokenizer, end_of_turn(dialect))
    while running:
        for one in list(running):
            piece = None if stopped.is_set() or len(one.made) >= limit else one.step(tokenizer, stops)
            if piece:
                say({"model": one.voice.name, "text": piece})
            if piece is None:
                running.remove(one)
                seconds = round(time.perf_counter() - one.started, 3)
                say({"model": one.voice.name, "end": True, "tokens": len(one.made), "seconds": seconds})


def main(arguments: list[str]) -> int:
    """Answer until stdin ends."""
    from ftui.errors import FtuiError
    from ftui.trainer import finished
    from ftui.trainer.failure import as_failed
    from ftui.trainer.result_plan import result_plan

    run_dir = Path(arguments[0])
    try:
        plan = result_plan(run_dir).plan
        if plan.method.task == "reward":
            raise FtuiError("A reward model writes no answers", "it gives numbers; there is nothing to talk to")
        tokenizer = finished.tokenizer_of(run_dir, plan)
        speakers = voices(run_dir, plan, arguments[1:])
        like = trained_answer(run_dir)
    except Exception as error:  # whatever a model or a library raises: the caller gets one sentence
        failed = as_failed(error)
        say({"error": f"{failed.title}: {failed.message}", "fatal": True})
        return 1
    say({"ready": True, "models": [voice.name for voice in speakers]})
    questions: queue.Queue[dict[str, Any] | None] = queue.Queue()
    stopped = threading.Event()
    threading.Thread(target=_listen, args=(questions, stopped), daemon=True).start()
    while (asked := questions.get()) is not None:
        stopped.clear()
        try:
            answer(asked, speakers, tokenizer, stopped, like)
        except Exception as error:
            say({"error": as_failed(error).message or str(error)})
        say({"done": True})
    return 0


def _listen(questions: queue.Queue[dict[str, Any] | None], stopped: threading.Event) -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        if asked.get("stop"):
            stopped.set()
        else:
            questions.put(asked)
    stopped.set()
    questions.put(None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Let a language model judge base against tuned: over an endpoint that the user named, or a model on this machine.

Replies are kept in eval/judge.jsonl under a fingerprint of everything that was asked, so that a second call asks only
for what is new, and an interrupted one goes on. The result is eval/judge.json.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ftui.core.events import Event, Phase
from ftui.core.judge import (
    RUBRIC_VERSION,
    Opinion,
    Pair,
    against_people,
    combine,
    messages_for,
    opinions_of,
    read_reply,
    verdict_of_judge,
)
from ftui.errors import FtuiError
from ftui.services.files import read_json, write_json
from ftui.services.judge_endpoint import Endpoint, NoAnswer, ask
from ftui.services.rating import read_ratings
from ftui.services.report import read_samples
from ftui.services.runs import Run
from ftui.services.workers import run_worker

AT_ONCE = 4
"""Questions under way at a time: most endpoints answer them together, none is flooded."""
FAILURES_IN_A_ROW = 6
Hear = Callable[[Event], None]
Scores = Mapping[str, float]
Question = tuple[Pair, bool, str]
"""Two answers, whether the tuned one is shown second, and the key that the reply is kept under."""


def pairs_of(folder: Path, rows_max: int | None = None) -> tuple[list[Pair], int]:
    """The compared answers that differ, and how many are equal (a tie by themselves). Raises FtuiError without any."""
    rows = [row for row in read_samples(folder / "eval" / "samples.jsonl") if isinstance(row.get("id"), int)]
    if not rows:
        raise FtuiError(
            "There are no answers to judge", f"{folder} was not scored yet", "Score it first: ftui eval RUN"
        )
    found = [
        Pair(row["id"], str(row["prompt"]), str(row.get("reference") or ""), str(row["base"]), str(row["tuned"]))
        for row in rows
        if str(row["base"]).strip() != str(row["tuned"]).strip()
    ]
    return found[:rows_max], len(rows) - len(found)


def judge_by_endpoint(
    folder: Path, endpoint: Endpoint, rows_max: int | None = None, hear: Hear = lambda _: None
) -> Path:
    """Judge the answers below `folder`/eval; gives the path of judge.json.

    Rows without a readable word are counted as failed and left out. Raises FtuiError where the endpoint cannot be
    used at all, or keeps giving nothing; what it said until then is kept.
    """
    pairs, _ = pairs_of(folder, rows_max)
    cache = folder / "eval" / "judge.jsonl"
    known = _read_cache(cache)
    questions = [
        (pair, side, _key(endpoint.url, endpoint.model, pair, side)) for pair in pairs for side in (True, False)
    ]
    missing = [question for question in questions if question[2] not in known]
    hear(Phase("judging", f"{len(missing)} questions to {endpoint.host}", 0.0))
    in_a_row = 0
    for number, (key, reply) in enumerate(_replies(endpoint, missing), 1):
        if isinstance(reply, str):
            in_a_row += 1
            if in_a_row >= FAILURES_IN_A_ROW:
                raise FtuiError(
                    "The judge gives no usable answers",
                    f"{endpoint.host}: {in_a_row} in a row, the last one: {reply}",
                    "What it said so far is kept; ask again later, or name another judge.",
                )
        else:
            in_a_row = 0
            known[key] = reply
            _append(cache, key, reply)
        hear(Phase("judging", f"{number} of {len(missing)} questions", number / len(missing)))
    return _conclude(folder, f"{endpoint.model} at {endpoint.host}", pairs, questions, known)


def judge_by_model(
    run: Run, folder: Path, model: Path, rows_max: int | None = None, hear: Hear = lambda _: None
) -> Path:
    """Judge with a model on this machine: its choice among the numbers 1 to 5 is read off its probabilities."""
    pairs, _ = pairs_of(folder, rows_max)
    cache = folder / "eval" / "judge.jsonl"
    known = _read_cache(cache)
    questions = [(pair, side, _key("local", str(model), pair, side)) for pair in pairs for side in (True, False)]
    asked = [
        {"key": key, "messages": messages_for(pair, tuned_is_b=side)}
        for pair, side, key in questions
        if key not in known
    ]
    out = folder / "eval" / ".judge-replies.json"
    try:
        if asked:
            run_worker("ftui.trainer.judge", run.path, {"model": str(model), "asked": asked, "out": str(out)}, hear)
            for key, scores in (read_json(out) or {}).items():
                known[key] = scores
                _append(cache, key, scores)
    finally:
        out.unlink(missing_ok=True)
    return _conclude(folder, f"{model.name} on this machine", pairs, questions, known)


def _conclude(
    folder: Path,
    judge: str,
    pairs: Sequence[Pair],
    questions: Sequence[Question],
    known: Mapping[str, Scores],
) -> Path:
    keys = {(pair.row, side): key for pair, side, key in questions}
    opinions: list[Opinion] = []
    for pair in pairs:
        both = [known.get(keys[pair.row, side]) for side in (True, False)]
        if both[0] is not None and both[1] is not None:
            opinions.append(combine(pair.row, both[0], both[1]))
    people = read_ratings(folder, read_samples(folder / "eval" / "samples.jsonl"))
    result = verdict_of_judge(judge, opinions, len(pairs) - len(opinions), people)
    path = folder / "eval" / "judge.json"
    write_json(path, {**result, "answers": answers_digest(folder)})
    return path


def current_judgement(folder: Path) -> dict[str, Any]:
    """What a judge said of the answers that are there now, with people's agreement as it stands now; {} without it."""
    verdict = read_json(folder / "eval" / "judge.json")
    if not isinstance(verdict, dict) or verdict.get("answers") != answers_digest(folder):
        return {}
    people = read_ratings(folder, read_samples(folder / "eval" / "samples.jsonl"))
    shown = {name: value for name, value in verdict.items() if name not in ("opinions", "answers")}
    return {**shown, "people": against_people(opinions_of(verdict), people)}


def answers_digest(folder: Path) -> str:
    """Of the compared answers: a judgement of other answers says nothing about these."""
    rows = read_samples(folder / "eval" / "samples.jsonl")
    texts = [[row.get("id"), row.get("base"), row.get("tuned")] for row in rows]
    return hashlib.sha256(json.dumps(texts, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _replies(endpoint: Endpoint, questions: Sequence[Question]) -> Iterator[tuple[str, dict[str, int] | str]]:
    """(key, scores or why there are none) as they come, AT_ONCE under way. Raises what a question raises.

    The threads are daemons: Ctrl+C does not wait for an endpoint that says nothing.
    """
    waiting: queue.SimpleQueue[Question] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[str, dict[str, int] | str | BaseException]] = queue.SimpleQueue()
    for question in questions:
        waiting.put(question)

    def work() -> None:
        while True:
            try:
                pair, side, key = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((key, _reply(endpoint, pair, side)))
            except BaseException as error:
                done.put((key, error))
                return

    for _ in range(min(AT_ONCE, len(questions))):
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in questions:
            key, reply = done.get()
            if isinstance(reply, BaseException):
                raise reply
            yield key, reply
    finally:
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.get_nowait()


def _reply(endpoint: Endpoint, pair: Pair, tuned_is_b: bool) -> dict[str, int] | str:
    """The scores, or why there are none."""
    try:
        text = ask(endpoint, messages_for(pair, tuned_is_b=tuned_is_b))
    except NoAnswer as error:
        return str(error)
    return read_reply(text) or "its answer holds no verdict (it refused, or kept to no form)"


def _key(where: str, model: str, pair: Pair, side: bool) -> str:
    whole = json.dumps([RUBRIC_VERSION, where, model, messages_for(pair, tuned_is_b=side)], ensure_ascii=False)
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _read_cache(path: Path) -> dict[str, Scores]:
    """Kept replies by key; a line that was cut off is passed over."""
    found: dict[str, Scores] = {}
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            record = json.loads(line)
            found[str(record["key"])] = {str(name): float(value) for name, value in record["scores"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return found


def _append(path: Path, key: str, scores: Any) -> None:
    new = not path.exists()
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"key": key, "scores": scores}) + "\n")
    if new:
        path.chmod(0o600)

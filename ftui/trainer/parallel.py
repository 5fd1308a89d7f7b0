"""The same work on many pieces, in as many processes as there are cores, with the results in the pieces' order."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from ftui.trainer.failure import TrainerError

Piece = TypeVar("Piece")
Made = TypeVar("Made")

PROCESSES_MAX = 16
AHEAD = 2
"""Pieces in flight for each process: enough to keep it busy, few enough to hold in memory."""

_work: Callable[[Any], Any] | None = None
"""What a forked process does. It inherits this: a tokenizer need not travel."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(work: Callable[[Piece], Made], pieces: Iterable[Piece], processes: int) -> Iterator[Made]:
    """`work` of each piece; in this process where `processes` is 1 or processes cannot be forked.

    Raises what `work` raises, and TrainerError where a process is killed.
    """
    processes = min(processes, PROCESSES_MAX)
    if processes < 2 or "fork" not in multiprocessing.get_all_start_methods():
        yield from map(work, pieces)
        return
    global _work
    _work = work
    waiting: deque[Future[Made]] = deque()
    context = multiprocessing.get_context("fork")
    try:
        with ProcessPoolExecutor(processes, mp_context=context, initializer=_as_a_child) as pool:
            try:
                for piece in pieces:
                    waiting.append(pool.submit(_do, piece))
                    if len(waiting) >= AHEAD * processes:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()
    except BrokenProcessPool:
        raise TrainerError(
            "A process that made tokens was killed", "probably because the memory ran out", reason="oom"
        ) from None
    finally:
        _work = None


def _do(piece: Any) -> Any:
    assert _work is not None
    return _work(piece)


def _as_a_child() -> None:
    """A request to stop is the parent's business, which then ends its children."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

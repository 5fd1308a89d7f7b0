"""A terminal that closes ends the program, also where the kernel tells it nothing.

A program with a controlling terminal gets SIGHUP. One without (`docker exec -t`, `setsid`, some web terminals) gets
nothing: its reads end at once, its writes fail, and it would wait for ever for room in a queue that nobody empties.
"""

from __future__ import annotations

import os
import select
import signal
import threading


def end_with_terminal(descriptor: int = 0) -> None:
    """Send this process SIGHUP when the terminal behind `descriptor` goes. Does nothing where it is no terminal."""
    if os.isatty(descriptor):
        threading.Thread(target=_watch, args=(descriptor,), name="hangup", daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # hangups and errors are told unasked
    poll.poll()
    os.kill(os.getpid(), signal.SIGHUP)
    os._exit(128 + signal.SIGHUP)  # nohup: the signal is ignored, and there is no screen any more

"""What supervision takes from a training: measured with the supervisor of one and the same run stopped and going on."""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import statistics
import time
from dataclasses import dataclass

import psutil
from fault_kit import Stage, begin, supervisor_pid, trainer_pid, wait_for_end

from ftui.core.events import Step
from ftui.services.run_requests import request
from ftui.services.runs import Run, last_step, read_state
from ftui.services.tail import EventTail


@dataclass(frozen=True)
class Price:
    """What supervision takes. throughput: steps per second with it over those without, one value for each pair of
    slices; core_share and rss_mib: of the supervisor while it supervised."""

    throughput: list[float]
    core_share: float
    rss_mib: float

    def line(self) -> str:
        """The finding in words."""
        ordered, count = sorted(self.throughput), len(self.throughput)
        beyond = max(0, int((count - 1.96 * math.sqrt(count)) / 2))  # of a median's interval, by the sign test
        low, high = ordered[beyond], ordered[-1 - beyond]
        return (
            f"{statistics.median(ordered):.3f} of the throughput without it (95 % interval {low:.3f} to {high:.3f}, "
            f"{count} pairs of slices), {self.core_share:.2%} of a core, {self.rss_mib:.0f} MiB"
        )


def price_of_supervision(stage: Stage, pairs: int, slice_seconds: float, one_core: bool) -> Price:
    """Train once, and stop the supervisor (SIGSTOP) in every second slice of time.

    one_core: both on one core, where each second that the supervisor takes is taken from the trainer; otherwise as
    the machine has it.
    """
    noise = random.Random(1)
    run = begin(stage.model, stage.rows, "price", steps=1_000_000, save_every=1_000_000)
    while ((step := last_step(run)) is None or step.step < 100) and read_state(run).live:
        time.sleep(0.1)
    supervisor, trainer = supervisor_pid(run), trainer_pid(run)
    assert supervisor is not None and trainer is not None
    core = {min(os.sched_getaffinity(0))}
    for thread in (*psutil.Process(supervisor).threads(), *psutil.Process(trainer).threads()):
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, thread.id, -15)  # before whatever else the machine does
        if one_core:
            os.sched_setaffinity(thread.id, core)
    process = psutil.Process(supervisor)
    ratios, busy_seconds, seconds = [], 0.0, 0.0
    try:
        for _ in range(pairs):
            pace = {}
            for supervised in noise.sample([True, False], 2):
                process.send_signal(signal.SIGCONT if supervised else signal.SIGSTOP)
                time.sleep(0.1)
                before, began = process.cpu_times(), time.monotonic()
                pace[supervised] = _steps_per_second(run, slice_seconds)
                if supervised:
                    after = process.cpu_times()
                    busy_seconds += after.user + after.system - before.user - before.system
                    seconds += time.monotonic() - began
            ratios.append(pace[True] / pace[False])
    finally:
        process.send_signal(signal.SIGCONT)
    rss = process.memory_info().rss / 2**20
    request(run, "stop")
    wait_for_end(run)
    return Price(ratios, busy_seconds / seconds, rss)


def _steps_per_second(run: Run, seconds: float) -> float:
    """Of the steps that are made from now on, by the times that they were written at."""
    tail = EventTail(run.trainer_events, run.trainer_events.stat().st_size)
    time.sleep(seconds)
    times = [stamped.time for stamped in tail.events(64 << 20) if isinstance(stamped.event, Step)]
    return (len(times) - 1) / (times[-1] - times[0]).total_seconds()

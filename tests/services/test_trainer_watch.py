"""What counts as a sign of life, for how long silence is patience, and what is passed on to the user."""

from __future__ import annotations

import pytest
from supervisor_kit import make_run

from ftui.core.events import Alert, Done, Failed, Memory, Phase, Step, to_line
from ftui.services import alerts, trainer_watch
from ftui.services.driver_words import xid_lines
from ftui.services.runs import Run
from ftui.services.trainer_watch import Ears


def write(run: Run, *events: object) -> None:
    with run.trainer_events.open("a") as file:
        file.writelines(to_line(event) for event in events)  # type: ignore[arg-type]


def step(number: int, seconds: float) -> Step:
    return Step(number, 1000, 0.0, 0, {"loss": 1.0, "step_seconds": seconds})


def test_silence_is_measured_against_the_steps_and_the_phase() -> None:
    run = make_run(["ok"], hang_minutes=10.0)
    ears = Ears(run, run.plan())
    ears.listen_from(0)
    assert ears.hang_seconds() == 3600, "importing has no steps"
    write(run, Phase("training"), step(1, 2.0))
    ears.hear()
    assert ears.hang_seconds() == 600
    write(run, *(step(number, 90.0) for number in range(2, 40)))
    ears.hear()
    assert ears.hang_seconds() == 1800, "20 median steps"
    write(run, Phase("saving"))
    ears.hear()
    assert ears.hang_seconds() == 3600
    assert ears.last_step == 39


def test_the_last_word_is_the_last_event() -> None:
    run = make_run(["ok"])
    write(run, Failed("Out of memory", "x", reason="oom"))
    ears = Ears(run, run.plan())
    ears.listen_from(run.trainer_events.stat().st_size)
    ears.hear_all()
    assert ears.failed is None, "that was another attempt"
    write(run, Done(5, "stopped", 1.0), Phase("training"))
    ears.hear_all()
    assert ears.done is None
    write(run, Done(6, "finished", 1.0))
    with run.trainer_events.open("a") as file:
        file.write('{"half')
    ears.hear_all()
    assert ears.done is not None and ears.done.step == 6


def test_an_adopter_passes_on_only_what_came_while_nobody_listened(monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime, timedelta

    passed: list[str] = []
    monkeypatch.setattr(alerts, "send", lambda plan, run, code, message: passed.append(code))
    run, began = make_run(["ok"]), datetime.now(UTC)
    at = lambda seconds: began + timedelta(seconds=seconds)  # noqa: E731
    run.trainer_events.write_text(
        to_line(Alert("warning", "old", "x"), at(1)) + to_line(Alert("warning", "new", "x"), at(9))
    )
    run.supervisor_events.write_text(to_line(Memory(), at(5)))
    ears = Ears(run, run.plan())
    ears.catch_up(0)
    assert passed == ["new"]
    write(run, Alert("info", "quiet", "x"), Alert("error", "loud", "x"))
    ears.hear()
    assert passed == ["new", "loud"]


def test_catching_up_does_not_read_a_long_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_watch, "_CATCH_UP_BYTES", 1000)
    run = make_run(["ok"])
    write(run, *(step(number, 1.0) for number in range(1, 500)))
    ears = Ears(run, run.plan())
    ears.catch_up(0)
    assert ears.last_step == 499 and ears.offset == run.trainer_events.stat().st_size


def test_the_drivers_own_words_are_found_in_a_kernel_log() -> None:
    log = (
        "[1.0] usb 1-1: new device\n[2.5] NVRM: Xid (PCI:0000:65:00): 79, pid=123, GPU has fallen off the bus.\n"
        "[2.5] NVRM: Xid (PCI:0000:65:00): 79, pid=123, GPU has fallen off the bus.\n[3] NVRM: loading\n"
    )
    assert xid_lines(log) == ["NVRM: Xid (PCI:0000:65:00): 79, pid=123, GPU has fallen off the bus."]
    assert xid_lines("") == []

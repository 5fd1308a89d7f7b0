"""A run that somebody else could have written into is refused, and so is a link that leads out of one."""

from __future__ import annotations

from pathlib import Path

import pytest
from supervisor_kit import make_run

from ftui.errors import FtuiError
from ftui.services import adoption
from ftui.services.process import identify
from ftui.services.run_safety import refuse_unsafe
from ftui.services.runs import State, find_run, recorded_state, write_state


@pytest.mark.parametrize("place", [".", "events", "plan.yaml"])
@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_what_others_can_write_to_is_refused(place: str, mode: int) -> None:
    run = make_run(["ok"])
    run.path.chmod(0o755)
    (run.path / place).chmod(mode)
    with pytest.raises(FtuiError, match="open to others") as caught:
        find_run(run.name)
    assert "chmod" in caught.value.hint


def test_modes_below_a_shut_folder_say_nothing() -> None:
    run = make_run(["ok"])
    (run.path / "plan.yaml").chmod(0o664)  # what an umask of 002 makes
    assert find_run(run.name) == run


@pytest.mark.parametrize("place", ["events", "checkpoints/step-3", "model", "data/train.jsonl"])
def test_a_link_out_of_the_run_is_refused(tmp_path: Path, place: str) -> None:
    run, outside = make_run(["ok"]), tmp_path / "outside"
    outside.mkdir()
    link = run.path / place
    if link.is_dir():
        for path in link.iterdir():
            path.unlink()
        link.rmdir()
    link.symlink_to(outside)
    with pytest.raises(FtuiError, match="leads out") as caught:
        find_run(str(run.path))
    assert str(link) in caught.value.message and str(outside) in caught.value.message


def test_a_link_that_stays_inside_is_followed() -> None:
    run = make_run(["ok"])
    (run.path / "checkpoints" / "best").symlink_to("step-3")
    refuse_unsafe(run.path)


def test_an_unsafe_run_is_not_adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    run = make_run(["ok"])
    me = identify(os.getpid())
    assert me is not None
    write_state(run, State("running", 1, me.pid, me.start_ticks, boot_id=me.boot_id))
    monkeypatch.setattr(adoption, "spawn_supervisor", lambda run, *flags, after: None)
    assert adoption.adopt_orphans() == [run]
    run.path.chmod(0o777)
    assert adoption.adopt_orphans() == []
    assert recorded_state(run).status == "running"

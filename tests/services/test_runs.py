"""Run directories through their public functions."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import pytest

from ftui.core.events import Done, Step, to_line
from ftui.core.plan import Plan, from_mapping
from ftui.errors import FtuiError
from ftui.services.run_folders import create_run, remove_run
from ftui.services.run_list import list_runs
from ftui.services.run_requests import request, take_requests
from ftui.services.runs import Run, State, find_run, read_state, write_state


def a_plan(name: str = "My run! [INST]") -> Plan:
    return from_mapping({"model": {"id": "tiny"}, "data": {"train": "rows.jsonl"}, "run": {"name": name}})


def test_a_new_run_is_private_and_has_a_readable_name() -> None:
    run = create_run(a_plan())
    assert run.name.endswith("-my-run-inst")
    assert (run.path.stat().st_mode & 0o077) == 0
    assert (run.plan_file.stat().st_mode & 0o077) == 0
    assert run.plan() == a_plan()
    assert create_run(a_plan()).name != run.name


def test_find_by_name_part_path_and_last() -> None:
    first, second = create_run(a_plan("alpha")), create_run(a_plan("beta"))
    assert find_run("alpha") == first
    assert find_run(second.name) == second
    assert find_run(str(first.path)) == first
    assert find_run("last").name == max(first.name, second.name)
    for reference, words in [("gamma", "No such run"), ("a", "Which run?"), ("", "No such run")]:
        with pytest.raises(FtuiError, match=words):
            find_run(reference)


def test_no_runs_at_all_is_a_sentence() -> None:
    with pytest.raises(FtuiError) as caught:
        find_run("x")
    assert "ftui demo" in caught.value.hint
    assert list_runs() == []


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", '{"status": "dancing"}', '{"status": 3}', "\x00\xff",
        '{"status": "running", "pid": "12"}', '{"status": "running", "attempt": []}',
    ],
)  # fmt: skip
def test_a_broken_state_is_interrupted_not_an_error(content: str) -> None:
    run = create_run(a_plan())
    run.state_file.write_text(content, encoding="latin-1")
    assert read_state(run).status == "interrupted"
    assert list_runs()[0].status == "interrupted"


def test_a_newer_state_is_refused_with_a_sentence() -> None:
    run = create_run(a_plan())
    run.state_file.write_text(json.dumps({"schema_version": 99, "status": "running"}))
    with pytest.raises(FtuiError, match="newer ftui"):
        read_state(run)
    assert "newer ftui" in list_runs()[0].reason


def test_the_trainers_own_word_counts_where_nobody_is_alive() -> None:
    run = create_run(a_plan())
    write_state(run, State("running", 1, 1, 1, 1, 1, boot_id="gone"))
    run.trainer_events.write_text(
        to_line(Step(9, 10, 0.9, 90, {"loss": 1.0})) + to_line(Done(10, "finished", 3.0)) + '{"ha'
    )
    assert read_state(run).status == "finished"
    assert list_runs()[0].step == 9


def test_requests_are_taken_once_and_strangers_are_ignored() -> None:
    run = create_run(a_plan())
    request(run, "stop")
    (run.requests / "rm -rf.json").write_text("{}")
    assert take_requests(run) == ["stop"]
    assert take_requests(run) == []


def test_a_live_run_is_not_removed() -> None:
    from ftui.services.process import identify

    run = create_run(a_plan())
    me = identify(os.getpid())
    assert me is not None
    write_state(run, State("running", 1, me.pid, me.start_ticks, boot_id=me.boot_id))
    with pytest.raises(FtuiError, match="alive"):
        remove_run(run)
    write_state(run, State("stopped", 1))
    remove_run(run)
    assert not run.path.exists()
    assert list_runs() == []


def test_a_folder_that_others_can_write_to_is_refused() -> None:
    run = create_run(a_plan())
    run.path.chmod(0o777)
    with pytest.raises(FtuiError, match="open to others"):
        find_run(run.name)


def test_links_are_not_runs(tmp_path: Path) -> None:
    run = create_run(a_plan())
    (run.path.parent / "link").symlink_to(run.path)
    assert [summary.run for summary in list_runs()] == [run.name]


def test_two_hundred_runs_are_listed_quickly(home: Path) -> None:
    for number in range(200):
        run = create_run(a_plan(f"r{number}"))
        write_state(run, State("finished", 1))
        run.trainer_events.write_text("".join(to_line(Step(n, 50, 0.1, n, {"loss": 1.0})) for n in range(50)))
    started = time.process_time()
    assert len(list_runs()) == 200
    assert time.process_time() - started < 1.0, "the target is 0.3 s on a quiet machine"


@pytest.mark.parametrize(
    ("number", "words"), [(errno.EACCES, "another place"), (errno.EROFS, "another place"), (errno.ENOSPC, "Free some")]
)
def test_a_folder_that_cannot_be_made_is_a_sentence(monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(FtuiError, match="cannot be made") as caught:
        create_run(a_plan())
    assert os.strerror(number) in caught.value.message and words in caught.value.hint


def test_run_paths_stay_inside() -> None:
    run = Run(Path("/x/y"))
    assert run.log == Path("/x/y/logs/trainer.log")

"""`ftui runs`, `ftui train --resume` and `ftui watch` as a person types them, on runs whose trainer is a script."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest

import ftui.schemas
from ftui.cli import main
from ftui.core.events import Done, Step, to_line
from ftui.core.plan import to_mapping, with_values
from ftui.services.files import write_json
from ftui.services.process import identify
from ftui.services.runs import STATUSES, Run, State, read_state, recorded_state, write_state

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "services"))

from supervisor_kit import make_run, steps, supervise, wait_until


def finished_run(name: str = "run") -> Run:
    run = make_run(["ok"], name=name)
    assert supervise(run).wait(60) == 0
    return run


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_an_empty_list_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = typed(capsys, "runs", "list")
    assert code == 0 and "ftui demo" in out
    assert typed(capsys, "runs", "list", "--json")[1].strip() == "[]"


def test_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    run = finished_run("[INST] tickets")
    code, out, _ = typed(capsys, "runs")
    assert code == 0 and out.split()[:3] == ["+", run.name, "finished"] and "10/10" in out
    listed = json.loads(typed(capsys, "runs", "list", "--json")[1])
    assert {"run", "status", "step", "steps_total", "path"} <= set(listed[0]) and listed[0]["step"] == 10
    code, out, _ = typed(capsys, "runs", "show", "tickets")
    assert code == 0 and "step     10 of 10, attempt 1" in out and str(run.path) in out
    assert json.loads(typed(capsys, "runs", "show", run.name, "--json")[1])["state"]["status"] == "finished"


def test_lists_and_states_are_what_their_schemas_say(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(ftui.schemas.__file__).parent
    lists, states = (
        jsonschema.Draft202012Validator(
            json.loads((folder / f"{name}.json").read_text()),
            format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
        )
        for name in ("runs_list", "state")
    )
    finished, queued, broken = finished_run("done"), make_run(["ok"], name="queued"), make_run(["ok"], name="broken")
    broken.state_file.write_text("{")
    me = identify(os.getpid())
    assert me is not None
    waits = State("queued", supervisor_pid=me.pid, supervisor_start_ticks=me.start_ticks, boot_id=me.boot_id)
    write_state(queued, waits)
    listed = json.loads(typed(capsys, "runs", "list", "--json")[1])
    assert {line["run"]: line["status"] for line in listed} == {
        finished.name: "finished", queued.name: "queued", broken.name: "interrupted",
    }  # fmt: skip
    lists.validate(listed)
    assert [line["queue_before"] for line in listed if line["run"] == queued.name] == [0]
    states.validate(json.loads(finished.state_file.read_text()))
    assert set(states.schema["properties"]) == {field.name for field in fields(State)}
    assert set(states.schema["properties"]["status"]["enum"]) == STATUSES
    assert not lists.is_valid([{**listed[0], "status": "dreaming"}])
    assert not lists.is_valid([{**line, "queue_before": 1} for line in listed])


def test_stop_pause_and_what_they_refuse(capsys: pytest.CaptureFixture[str]) -> None:
    for what, status in (("stop", "stopped"), ("pause", "paused")):
        run = make_run([20], name=what)
        process = supervise(run)
        wait_until(lambda run=run: len(steps(run)) > 2)  # type: ignore[misc]
        code, out, _ = typed(capsys, "runs", what, run.name, "--wait", "30")
        assert code == 0 and f"{status}. Go on with: ftui runs resume {run.name}" in out
        process.wait(30)
        code, _, errors = typed(capsys, "runs", what, run.name)
        assert code == 2 and "not alive" in errors


def test_a_live_run_is_neither_removed_nor_resumed(capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run([20])
    process = supervise(run)
    wait_until(lambda: len(steps(run)) > 2)
    code, _, errors = typed(capsys, "runs", "remove", run.name, "--yes")
    assert code == 2 and "alive" in errors and f"ftui runs stop {run.name}" in errors
    for words in (("runs", "resume", run.name), ("train", "--resume", run.name)):
        code, _, errors = typed(capsys, *words)
        assert code == 2 and "alive" in errors
    typed(capsys, "runs", "stop", run.name, "--wait", "30")
    process.wait(30)
    code, out, _ = typed(capsys, "runs", "remove", run.name, "--yes")
    assert code == 0 and "Removed" in out and not run.path.exists()


def test_a_removal_asks_first(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished_run()
    code, _, errors = typed(capsys, "runs", "remove", run.name)
    assert code == 2 and "--yes" in errors and run.path.exists()


def test_resuming_what_has_finished_or_changed_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    run = finished_run()
    code, _, errors = typed(capsys, "runs", "resume", run.name)
    assert code == 2 and "has finished" in errors
    write_state(run, State("stopped", 1))
    asked = to_mapping(with_values(run.plan(), {"train.micro_batch": 1}))
    write_json(run.path / "environment.json", {"plan_sha256": "other", "plan": asked, "model": {}})
    code, _, errors = typed(capsys, "train", "--resume", run.name)
    assert code == 2 and "train.micro_batch: 1 -> 4" in errors and "--force" in errors
    assert recorded_state(run).status == "stopped"


def test_a_run_of_a_newer_ftui_is_a_sentence_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    run = finished_run()
    run.state_file.write_text('{"schema_version": 99, "status": "dreaming"}')
    for words in (
        ("runs", "show"), ("runs", "stop"), ("runs", "resume"), ("watch", "--plain"), ("runs", "remove", "--yes"),
    ):  # fmt: skip
        code, _, errors = typed(capsys, *words, run.name)
        assert code == 2 and "newer ftui" in errors and "pip install -U" in errors, words
    assert "newer ftui" in typed(capsys, "runs", "list")[1]


def test_adopt_says_what_it_did(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from ftui.services import adoption

    assert "Nothing to adopt" in typed(capsys, "runs", "adopt")[1]
    run = make_run([20])
    process = supervise(run)
    wait_until(lambda: len(steps(run)) > 2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    adopters: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(
        adoption, "spawn_supervisor", lambda run, *flags, after: adopters.append(supervise(run, *flags))
    )
    assert f"Adopted {run.name}" in typed(capsys, "runs", "adopt")[1]
    monkeypatch.undo()
    wait_until(lambda: recorded_state(run).supervisor_pid == adopters[0].pid)
    (run.path / "requests" / "stop.json").write_text("{}")
    assert adopters[0].wait(30) == 0 and read_state(run).status == "stopped"


def test_watching_in_lines_from_any_point(capsys: pytest.CaptureFixture[str]) -> None:
    run = finished_run()
    code, out, _ = typed(capsys, "watch", run.name, "--plain")
    assert code == 0 and "step 1/10" in out and out.rstrip().endswith(f"{run.name}: finished")
    _, out, _ = typed(capsys, "watch", "--plain", "--from-step", "8")
    assert "step 7/10" not in out and "step 8/10" in out
    lines = typed(capsys, "watch", run.name, "--json")[1].splitlines()
    assert {json.loads(line)["kind"] for line in lines} >= {"step", "done", "attempt", "phase"}


def test_a_reader_that_leaves_is_no_error() -> None:
    run = finished_run()
    code = f"{sys.executable} -m ftui watch {run.path} --plain | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {code}"], capture_output=True, text=True, check=False)
    assert len(done.stdout.splitlines()) == 1 and "Traceback" not in done.stderr and "Exception" not in done.stderr


def test_a_queued_run_whose_plan_is_damaged_ends_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ftui.services import adoption

    monkeypatch.setattr(adoption, "SUPERVISOR_START_SECONDS", 600.0)  # nobody waits for a supervisor that has ended
    run = make_run(["ok"])
    write_state(run, State("queued", supervisor_pid=2**22 + 1, supervisor_start_ticks=5, boot_id="another"))
    run.plan_file.write_text("model: [")
    code, out, _ = typed(capsys, "runs", "list")
    assert code == 0 and "failed" in out and "not YAML" in out
    code, out, _ = typed(capsys, "watch", run.name, "--plain")
    assert code == 1 and "FAILED The plan is not YAML" in out and f"{run.name}: failed" in out.splitlines()[-1]
    assert recorded_state(run).status == "failed"
    for words in (("runs", "resume", run.name), ("train", "--resume", run.name, "--force")):
        code, _, errors = typed(capsys, *words)
        assert code == 2 and "not YAML" in errors and "plan.yaml:1" in errors, words


def test_a_trainer_whose_plan_is_damaged_is_named_and_left_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ftui.services import adoption

    monkeypatch.setattr(adoption, "SUPERVISOR_START_SECONDS", 600.0)
    run = make_run(["ok"])
    me = identify(os.getpid())
    assert me is not None
    state = State("running", 1, me.pid, me.start_ticks, 2**22 + 1, 5, me.boot_id)
    write_state(run, state)
    run.plan_file.write_text("model: [")
    code, _, errors = typed(capsys, "runs", "adopt")
    assert code == 1 and f"{run.name} could not be adopted" in errors and "not YAML" in errors
    assert recorded_state(run) == state


def test_a_pipe_in_a_run_is_waited_for_by_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("state.json", "eval/verdict.json", "events/trainer.jsonl"):
        run = finished_run(name.rpartition("/")[2].replace(".", "-"))
        (run.path / name).unlink(missing_ok=True)
        os.mkfifo(run.path / name, 0o600)
        code, out, _ = typed(capsys, "runs", "list")
        assert code == 0 and run.name in out
        for words in (("watch", run.name, "--plain"), ("runs", "show", run.name), ("train", "--resume", run.name)):
            code, _, errors = typed(capsys, *words)
            assert code == 2 and f"{run.path / name} is a pipe" in errors, words


def test_a_state_that_cannot_be_said_in_utf8_or_is_endless_still_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    run = finished_run()
    run.state_file.write_bytes(b'{"status": "failed", "reason": "half \\ud800 of it", "schema_version": 1}')
    state = recorded_state(run)
    write_state(run, state)
    assert recorded_state(run) == state and state.reason == "half \ud800 of it"
    code, out, _ = typed(capsys, "watch", run.name, "--plain")
    assert code == 1 and "failed: half" in out.splitlines()[-1]
    run.state_file.write_text(json.dumps({"status": "failed", "reason": "x" * 10_000_000}))
    _, out, _ = typed(capsys, "watch", run.name, "--plain")
    assert len(out) < 20_000


def test_a_damaged_verdict_is_called_damaged(capsys: pytest.CaptureFixture[str]) -> None:
    run = finished_run()
    for text in ('{"verdict": "SHIP", "reasons": {"a": 1}}', '{"verdict": 7, "reasons": null}', "[1]", "{", ""):
        run.verdict_file.write_text(text)
        code, out, _ = typed(capsys, "runs", "show", run.name)
        assert code == 0 and f"{run.verdict_file} is damaged" in out and f"ftui eval {run.name}" in out, text
        listed = json.loads(typed(capsys, "runs", "list", "--json")[1])
        assert listed[0]["verdict"] in ("", "SHIP")


def test_a_prepared_run_says_so_until_its_job_begins(capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(["ok"], name="cluster")
    write_state(run, State("prepared", created="2026-11-22T04:00:00+00:00"))
    os.utime(run.state_file, (1, 1))
    folder = Path(ftui.schemas.__file__).parent
    for name, document in (
        ("runs_list", json.loads(typed(capsys, "runs", "list", "--json")[1])),
        ("state", json.loads(run.state_file.read_text())),
    ):
        jsonschema.Draft202012Validator(json.loads((folder / f"{name}.json").read_text())).validate(document)
    code, out, _ = typed(capsys, "runs", "list")
    assert code == 0 and out.split()[:3] == [".", run.name, "prepared"] and "nothing of it runs yet" in out
    assert "prepared (nothing of it runs yet)" in typed(capsys, "runs", "show", run.name)[1]
    code, out, _ = typed(capsys, "watch", run.name, "--plain")
    assert code == 0 and out == f"{run.name}: prepared: nothing of it runs yet\n"
    for what in ("stop", "pause"):
        code, _, errors = typed(capsys, "runs", what, run.name)
        assert code == 2 and "has not begun" in errors and f"ftui runs remove {run.name}" in errors
    code, _, errors = typed(capsys, "train", "--resume", run.name, "--queue")
    assert code == 2 and "Not both" in errors
    assert recorded_state(run).status == "prepared" and not list(run.requests.iterdir())
    code, out, _ = typed(capsys, "runs", "remove", run.name, "--yes")
    assert code == 0 and not run.path.exists()


def test_a_run_at_work_in_the_hands_of_others_is_theirs_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(["ok"], name="cluster")
    write_state(run, State("prepared"))
    run.trainer_events.write_text(to_line(Step(3, 10, 0.3, 30, {"loss": 1.0})))
    listed = json.loads(typed(capsys, "runs", "list", "--json")[1])
    assert (listed[0]["status"], listed[0]["step"]) == ("running", 3) and "by others" in listed[0]["reason"]
    for words in (("runs", "stop", run.name), ("runs", "pause", run.name), ("runs", "remove", run.name, "--yes")):
        code, _, errors = typed(capsys, *words)
        assert code == 2 and "scancel" in errors, words
    assert typed(capsys, "train", "--resume", run.name)[0] == 2
    assert not list(run.requests.iterdir()) and recorded_state(run).status == "prepared"
    run.trainer_events.write_text(to_line(Done(10, "finished", 3.0)))
    code, out, _ = typed(capsys, "watch", run.name, "--plain")
    assert code == 0 and out.splitlines()[-1] == f"{run.name}: finished"


def test_a_prepared_run_can_be_started_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ftui.services import inputs, launch

    run = make_run(["ok"], name="cluster")
    write_state(run, State("prepared"))
    begun: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(inputs, "changed_inputs", lambda run: [])
    monkeypatch.setattr(launch, "spawn_supervisor", lambda run, *flags, after: begun.append(supervise(run, *flags)))
    code, out, _ = typed(capsys, "runs", "resume", run.name)
    assert code == 0 and f"{run.name} begins." in out
    assert begun[0].wait(60) == 0 and read_state(run).status == "finished" and steps(run)[-1] == 10

"""Secrets stay out of plans, reports, crash files and the command line of every process of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from supervisor_kit import make_run, steps, supervise, wait_until

from ftui.core.plan import from_mapping
from ftui.errors import FtuiError
from ftui.services.crash import save_traceback
from ftui.services.launch import check_inputs
from ftui.services.run_requests import request
from ftui.services.runs import recorded_state

TOKEN = "h" + "f_" + "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA2b"
HOOK = "https://hooks." + "slack.com/services/T0AAAAAAA/B0BBBBBBB/" + "aB3dE5gH7jK9mN1pQ3rS5tU7"


@pytest.mark.parametrize(
    ("field", "value"),
    [("alert_webhook", HOOK), ("alert_command", f"curl -H 'Authorization: Bearer {TOKEN}' x"), ("notes", TOKEN)],
)
def test_a_plan_with_a_secret_is_not_started(tmp_path: Path, field: str, value: str) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.touch()
    mapping = {"model": {"id": "m"}, "data": {"train": str(rows)}}
    with pytest.raises(FtuiError, match="secret in the plan") as caught:
        check_inputs(from_mapping({**mapping, "run": {field: value}}))
    assert f"run.{field}" in caught.value.message and TOKEN not in str(caught.value) and "$" in caught.value.hint
    check_inputs(from_mapping({**mapping, "run": {field: "$MY_HOOK"}}))


def test_a_crash_file_is_private_and_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "of-no-known-shape")
    path = save_traceback(ValueError(f"{TOKEN} and of-no-known-shape"))
    text = path.read_text()
    assert "ValueError" in text and TOKEN[6:] not in text and "known-shape" not in text
    assert (path.stat().st_mode & 0o777) == 0o600 and (path.parent.stat().st_mode & 0o077) == 0


def test_no_secret_is_on_a_command_line_or_in_a_file_of_a_run() -> None:
    run = make_run([20])
    process = supervise(run, HF_TOKEN=TOKEN, JUDGE_KEY="irregular-secret")
    wait_until(lambda: len(steps(run)) > 3)
    state = recorded_state(run)
    for pid in (state.pid, state.supervisor_pid):
        assert TOKEN.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    request(run, "stop")
    process.wait(60)
    for path in run.path.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
            assert not path.stat().st_mode & 0o077 or path.name in ("script.json", "manifest.json"), path


def test_the_bell_rings_for_what_comes_and_not_for_what_was() -> None:
    from ftui.core.events import Alert, Failed, Step
    from ftui.services.follow import rings

    assert rings(Failed("x", "y")) and rings(Alert("warning", "overfitting", "x"))
    assert not rings(Alert("info", "resumed", "x")) and not rings(Step(1, 2, 0.0, 0))
    run = make_run(["crash"], max_restarts=0)
    assert supervise(run).wait(60) == 1
    command = [sys.executable, "-m", "ftui", "watch", str(run.path), "--plain", "--bell"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "\a" not in done.stdout + done.stderr


def test_a_report_shows_answers_without_the_secrets_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from ftui.core.report import ReportData
    from ftui.services import report

    monkeypatch.setenv("CUSTOMER_SECRET", "not-of-any-shape")
    run = make_run(["ok"])
    for name in ("markdown_report", "html_report"):
        monkeypatch.setattr(report, name, lambda data: f"an answer with {TOKEN} and not-of-any-shape in {type(data)}")
    for path in report.write_reports(run):
        text = path.read_text()
        assert f"an answer with {TOKEN[:4]}" in text and ReportData.__name__ in text
        assert TOKEN[6:] not in text and "of-any-shape" not in text

"""Alerts leave the machine whole: the last one too, without secrets, and without a shell reading any text of a run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from supervisor_kit import make_run, supervise, wait_until

from ftui.services import alerts
from ftui.services.runs import recorded_state


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A web server that takes a second to answer, and what it was told."""
    told: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            threading.Event().wait(1.0)
            told.append({**json.loads(body), "path": self.path})
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", told
    server.shutdown()


def test_the_end_of_a_run_reaches_the_webhook_before_its_supervisor_leaves(
    hook: tuple[str, list[dict[str, Any]]],
) -> None:
    url, told = hook
    run = make_run(["ok"], alerts={"alert_webhook": "$MY_HOOK"})
    assert supervise(run, MY_HOOK=f"{url}/s3cret").wait(60) == 0
    assert [(post["run"], post["alert"], post["path"]) for post in told] == [(run.name, "finished", "/s3cret")]
    assert not any("s3cret" in path.read_text() for path in (run.plan_file, run.supervisor_events, run.state_file))


def test_the_command_gets_the_words_in_its_environment_and_never_in_the_shell(tmp_path: Path) -> None:
    out = tmp_path / "said"
    run = make_run(
        ["crash"],
        max_restarts=0,
        alerts={"alert_command": f'printf "%s|%s|%s" "$FTUI_RUN" "$FTUI_ALERT" "$FTUI_MESSAGE" > {out}'},
    )
    assert supervise(run).wait(60) == 1
    wait_until(lambda: out.exists() and out.read_text().count("|") == 2)
    name, code, words = out.read_text().split("|")
    assert (name, code) == (run.name, "failed") and "exit code 3" in words


def test_words_with_shell_in_them_stay_words(tmp_path: Path) -> None:
    out, trap = tmp_path / "said", tmp_path / "trap"
    run = make_run(["ok"], alerts={"alert_command": f'printf %s "$FTUI_MESSAGE" > {out}'})
    alerts.send(run.plan(), run, "diverging", f"$(touch {trap}); `touch {trap}` password=hunter2")
    wait_until(lambda: out.exists() and "hu" in out.read_text())
    assert not trap.exists() and "hunter2" not in out.read_text() and "$(touch" in out.read_text()


def test_a_hook_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(["ok"], alerts={"alert_webhook": "http://127.0.0.1:9/nobody"})
    alerts.send(run.plan(), run, "finished", "x")
    alerts.wait(5.0)


def test_a_slow_hook_does_not_keep_the_run_from_being_resumed(hook: tuple[str, list[dict[str, Any]]]) -> None:
    url, told = hook
    run = make_run(["crash", "ok"], max_restarts=0, alerts={"alert_webhook": url})
    first = supervise(run)
    wait_until(lambda: recorded_state(run).status == "failed")
    assert supervise(run).wait(60) == 0
    assert first.wait(60) == 1
    assert sorted(post["alert"] for post in told) == ["failed", "finished"]

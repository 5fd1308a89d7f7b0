"""Machines whose logind ends what a user leaves running are recognised, and only those."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftui.services import logout


@pytest.mark.parametrize(
    ("answer", "cgroup", "kills"),
    [
        ("b true", "0::/user.slice/user-1000.slice/session-3.scope", True),
        ("b false", "0::/user.slice/user-1000.slice/session-3.scope", False),
        ("b true", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope", False),
        ("Failed to connect to bus", "0::/session-3.scope", False),
    ],
)
def test_what_logind_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, cgroup: str, kills: bool
) -> None:
    busctl = tmp_path / "busctl"
    busctl.write_text(f"#!/bin/sh\necho '{answer}'\n")
    busctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    file = tmp_path / "cgroup"
    file.write_text(cgroup)
    real = logout._in_session_scope
    monkeypatch.setattr(logout, "_in_session_scope", lambda: real(str(file)))
    assert logout.logout_kills() is kills


def test_without_systemd_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert logout.logout_kills() is False

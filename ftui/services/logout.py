"""Whether this machine ends a user's processes at logout: then no session of one's own keeps a run alive."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_PATIENCE_SECONDS = 2.0
_PROPERTY = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "KillUserProcesses")
WARNING = (
    "This machine ends your processes when you log out (KillUserProcesses=yes in logind.conf), runs included. "
    "Start ftui inside a scope that outlives the login: "
    "loginctl enable-linger && systemd-run --user --scope ftui train PLAN"
)


def logout_kills() -> bool:
    """What systemd-logind says, if there is one: its setting, unless ftui runs outside of a login session's scope."""
    if shutil.which("busctl") is None or not _in_session_scope():
        return False
    try:
        done = subprocess.run(
            ["busctl", "get-property", *_PROPERTY],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.split() == ["b", "true"]


def _in_session_scope(file: str = "/proc/self/cgroup") -> bool:
    """logind ends what is in session-N.scope; a scope of the user's manager is not in it."""
    try:
        return "/session-" in Path(file).read_text(encoding="utf-8")
    except OSError:
        return False

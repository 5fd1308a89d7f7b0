"""The supervisor's side of making a run's data: the reason of a failure, a full disk, a request to stop."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

import pytest
from supervisor_kit import make_run

from ftui.errors import FtuiError
from ftui.services import preparing


def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """Let this code be what `python` runs."""
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\n{code}\n")
    python.chmod(0o755)
    monkeypatch.setattr(preparing.sys, "executable", str(python))


def test_the_last_line_is_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch, tmp_path, "import sys; sys.exit('a warning\\nNo rows: the file is empty')")
    with pytest.raises(FtuiError, match="No rows") as caught:
        preparing.prepare_data(make_run(["ok"]), lambda: False)
    assert caught.value.message == "the file is empty"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_as_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int) -> None:
    words = f"The data could not be prepared: /x: {os.strerror(number)}"
    stand_in(monkeypatch, tmp_path, f"import sys; sys.exit({words!r})")
    with pytest.raises(OSError) as caught:
        preparing.prepare_data(make_run(["ok"]), lambda: False)
    assert caught.value.errno == number


def test_a_request_ends_it_and_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sign = tmp_path / "pid"
    code = (
        f"import os, time; from pathlib import Path; Path({str(sign) + '.new'!r}).write_text(str(os.getpid()));"
        f"os.rename({str(sign) + '.new'!r}, {str(sign)!r}); time.sleep(600)"
    )
    stand_in(monkeypatch, tmp_path, code)
    began = time.monotonic()
    preparing.prepare_data(make_run(["ok"]), sign.exists)
    assert time.monotonic() - began < 30
    assert not Path(f"/proc/{sign.read_text()}").exists()

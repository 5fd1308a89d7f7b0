"""`ftui doctor`: the verdict first, what is amiss with its remedy, the rest in few lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftui.cli import main
from ftui.commands.doctor import page
from ftui.services import doctor
from ftui.services.doctor import Check

WELL = [
    Check("python", "ok", "3.12.1"),
    *(Check(f"package-{number}", "ok", f"1.{number}", "", "packages") for number in range(9)),
    *(Check(f"library-{number}", "ok", f"2.{number}", "", "training") for number in range(9)),
    Check("terminal", "ok", "xterm"),
]


@pytest.mark.parametrize("width", [80, 120])
def test_a_sound_installation_takes_few_lines_with_the_verdict_first(width: int) -> None:
    lines = list(page(WELL, width))
    assert lines[0] == "Sound." and len(lines) < 12
    assert all(len(line) <= width for line in lines)
    text = " ".join(" ".join(lines).split())
    assert all(f"{check.name} {check.words}" in text for check in WELL)


def test_what_fails_is_named_first_and_its_remedy_stands_below_it() -> None:
    amiss = [
        Check("gpu", "warn", "No GPU here.", "Training works on the CPU."),
        Check("package-3", "fail", "not installed", "pip install package-3", "packages"),
    ]
    lines = list(page([*WELL, *amiss], 80))
    assert lines[0] == "Not sound: package-3."
    assert lines[2].split() == ["FAIL", "package-3", "not", "installed"] and "pip install package-3" in lines[3]
    assert lines[4].startswith("WARN  gpu") and "on the CPU" in lines[5]


def test_things_to_know_are_counted() -> None:
    assert next(page([*WELL, Check("gpu", "warn", "none")], 80)) == "Sound, with 1 thing to know."


def test_names_from_outside_are_made_safe() -> None:
    assert "\x1b" not in "\n".join(page([Check("gpu", "warn", "evil \x1b[31m", "\x1b]0;x\x07")], 80))


def test_the_command_fits_a_terminal_and_its_exit_code_is_the_verdict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code = main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Sound" if code == 0 else "Not sound") and len(lines) <= 23
    monkeypatch.setattr(doctor, "examine", lambda: [Check("runs", "fail", "cannot be written to")])
    assert main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["sound"] is False


def test_a_home_that_is_a_file_is_not_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "file" / "below"))
    check = next(check for check in doctor.examine() if check.name == "runs")
    assert check.status == "fail" and "is not a folder" in check.words and "FTUI_HOME" in check.hint

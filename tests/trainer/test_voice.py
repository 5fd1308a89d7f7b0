"""What the trainer says reaches its file whole and without secrets, whatever the disk does meanwhile."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from trainer_kit import MakeRun, chat_rows, events_of, train

from ftui.core.events import Alert, Failed, Phase, Step
from ftui.trainer.emit import Emitter
from ftui.trainer.failure import as_failed
from ftui.trainer.masked_output import MaskedStream

TOKEN = "h" + "f_" + "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA2b"


def test_lines_that_a_full_disk_refused_come_later_whole_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emitter = Emitter(tmp_path / "events" / "trainer.jsonl")
    room = 100  # bytes that still fit

    def scarce_write(handle: int, block: bytes, write: object = os.write) -> int:
        nonlocal room
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        part, room = block[:room], room - len(block)
        return write(handle, part)  # type: ignore[operator, no-any-return]

    monkeypatch.setattr(os, "write", scarce_write)
    for step in range(1, 6):
        emitter.emit(Step(step, 10, 0.1, step, {"loss": 1.0}))
    assert not emitter.flush()
    assert [e.step for e in events_of(tmp_path)] in ([], [1])
    room = 10**6
    emitter.emit(Step(6, 10, 0.1, 6, {"loss": 1.0}))
    assert [e.step for e in events_of(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert emitter.flush()


def test_a_file_size_limit_does_not_end_the_voice(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from pathlib import Path
from ftui.core.events import Phase
from ftui.trainer.emit import Emitter
emitter = Emitter(Path(sys.argv[1]) / "events" / "trainer.jsonl")
resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
for number in range(20): emitter.emit(Phase("training", str(number)))
assert not emitter.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert emitter.flush()
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert [event.detail for event in events_of(tmp_path)] == [str(number) for number in range(20)]


def test_half_a_line_of_a_killed_trainer_swallows_no_event(tmp_path: Path) -> None:
    path = tmp_path / "events" / "trainer.jsonl"
    path.parent.mkdir()
    path.write_bytes(b'{"schema_version":1,"ti')
    Emitter(path).emit(Phase("training"))
    assert events_of(tmp_path) == [Phase("training")]


def test_a_link_in_place_of_the_events_is_not_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "trainer.jsonl").symlink_to(outside)
    with pytest.raises(OSError):
        Emitter(tmp_path / "events" / "trainer.jsonl")
    assert outside.read_text() == "mine"


def test_no_event_carries_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_API_KEY", "plain-words-of-nobody")
    emitter = Emitter(tmp_path / "events" / "trainer.jsonl")
    emitter.emit(Failed("No access", f"401 for {TOKEN}", "key=plain-words-of-nobody"))
    emitter.emit(Alert("warning", "x", f"Authorization: Bearer {TOKEN}"))
    text = (tmp_path / "events" / "trainer.jsonl").read_text()
    assert TOKEN[6:] not in text and "words-of-nobody" not in text and "401 for " + TOKEN[:4] in text


def test_what_is_printed_is_masked_on_its_way_to_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "unusual-shape-1")
    out = io.StringIO()
    stream = MaskedStream(out)
    print("a line", TOKEN, "unusual-shape-1", file=stream)
    stream.writelines(["password=hunter2\n"])
    stream.flush()
    assert out.getvalue().startswith("a line ") and out.getvalue().count("\n") == 2
    assert TOKEN[6:] not in out.getvalue() and "shape-1" not in out.getvalue() and "hunter2" not in out.getvalue()


def test_a_traceback_of_the_trainer_is_masked_in_its_log(make_run: MakeRun) -> None:
    run = make_run(chat_rows(8, 1), **{"train.max_steps": 1})
    (run / "data" / "train.jsonl").write_text(json.dumps({"messages": TOKEN}) + "\n")
    log = run / "logs" / "trainer.log"
    with log.open("wb") as out:
        subprocess.run(
            [sys.executable, "-P", "-m", "ftui.trainer", str(run)], stdout=out, stderr=out, check=False, timeout=300
        )
    assert isinstance(events_of(run)[-1], Failed)
    assert TOKEN[6:] not in log.read_text() + (run / "events" / "trainer.jsonl").read_text()
    assert "Failed to load" not in log.read_text(), "a library misses something that nothing here needs"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk"),
        (OSError(errno.EROFS, "Read-only file system"), "disk"),
        (RuntimeError("PytorchStreamWriter failed writing file data/1"), "disk"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "oom"),
        (RuntimeError("CUDA error: GPU is lost"), "gpu_lost"),
        (RuntimeError("CUDA error: uncorrectable ECC error encountered"), "gpu_lost"),
        (RuntimeError("CUDA error: device-side assert triggered"), "error"),
        (KeyError("x"), "error"),
    ],
)
def test_failures_have_the_reason_that_the_recovery_policy_needs(error: Exception, reason: str) -> None:
    assert as_failed(error).reason == reason


def test_a_damaged_row_is_no_crash(make_run: MakeRun) -> None:
    run = make_run(chat_rows(8, 1))
    (run / "data" / "train.jsonl").write_text("{\n")
    assert train(run) == 1
    assert events_of(run)[-1].reason == "data"

"""Two processes find what one finds: the same rows, lines, totals and duplicates; a million findings need no memory."""

from __future__ import annotations

import json
import multiprocessing
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ftui.services import lint as lint_module
from ftui.services import lint_stretch
from ftui.services.dataset_sniff import Source
from ftui.services.lint import LintOptions, Progress, lint, lint_files
from ftui.services.lint_findings import IN_MEMORY, FindingStore
from ftui.services.lint_targets import targets

BROKEN = [
    '{"messages": [', "", "  ", "17", '{"a": 1, "a": 2}', '{"text": "\\ud800"}', "<<<<<<< HEAD",
    '{"x": 1}{"x": 2}', '{"messages": [{"role": "user", "content": "only"}]}', '{"text": "one\u2028two"}',
]  # fmt: skip


@pytest.fixture
def dirty(tmp_path: Path) -> Path:
    source = random.Random(4)
    lines = []
    for number in range(3000):
        if source.random() < 0.05:
            lines.append(source.choice(BROKEN))
        said = number if source.random() < 0.9 else source.randrange(200)
        turns = [
            {"role": "user", "content": f"Please tell the story of traveller number {said} in a few words."},
            {"role": "assistant", "content": f"Traveller {said} went out and came home again, {said * 7} days later."},
        ]
        lines.append(json.dumps({"messages": turns}) + source.choice(["", "", "\r"]))
    path = tmp_path / "dirty.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    return path


def everything(report: Any) -> Any:
    rows = sorted(
        (f.code, f.severity, -1 if f.row is None else f.row, f.line or 0, f.pointer, f.message) for f in report.findings
    )
    return report.rows, report.unreadable, report.sha256, report.format, rows


def test_stretches_add_up_to_the_whole(dirty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [alone] = lint_files([str(dirty)], options=LintOptions(workers=1))
    monkeypatch.setattr(lint_stretch, "STRETCH_BYTES", 40_000)
    monkeypatch.setattr(lint_module, "PARALLEL_BYTES", 1)
    said: list[Progress] = []
    [target] = targets([str(dirty)], None, LintOptions())
    together = lint(target, LintOptions(workers=2), said.append)
    assert everything(together) == everything(alone)
    assert not together.failures
    assert len(said) > 10 and said[-1].done_bytes == dirty.stat().st_size
    compared = [progress.compared for progress in said if progress.compared is not None]
    assert len(compared) >= 8 and compared == sorted(compared) and 0 <= compared[0] <= compared[-1] <= 1
    assert [progress.compared for progress in said[: -len(compared)]] == [None] * (len(said) - len(compared))
    wanted = {"JSN201", "JSN206", "JSN212", "JSN213", "ENC106", "ENC104", "ENC107", "FIL011", "DUP701", "MSG406"}
    assert wanted <= set(alone.findings.summary)


def test_stretches_cover_the_file_and_end_at_line_ends(dirty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint_stretch, "STRETCH_BYTES", 7_000)
    content = dirty.read_bytes()
    parts = list(lint_stretch.stretches(Source(dirty, "jsonl", size_bytes=len(content))))
    assert b"".join(content[start:end] for start, end, _ in parts) == content
    assert all(content[end - 1 : end] == b"\n" for _, end, _ in parts)
    assert [last for _, _, last in parts] == [False] * (len(parts) - 1) + [True]


def test_findings_beyond_memory_come_back_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    count = IN_MEMORY + 500
    path.write_text("7\n" * count)
    [report] = lint_files([str(path)], options=LintOptions(workers=1))
    assert report.findings.summary["JSN213"] == count
    assert len(report.findings._held) < IN_MEMORY, "they are not all held"
    again = [finding.row for finding in report.findings if finding.code == "JSN213"]
    assert again == list(range(count))
    assert len(report.findings.samples["JSN213"]) == 100


def test_an_empty_store() -> None:
    store = FindingStore()
    assert (len(store), store.worst(), list(store)) == (0, None, [])


SECOND_FILE = """
import sys
from ftui.services import lint, lint_stretch
lint.PARALLEL_BYTES, lint_stretch.STRETCH_BYTES = 400_000, 200_000
for report in lint.lint_files(sys.argv[1:3], sys.argv[3], lint.LintOptions(workers=2)):
    print(report.rows, report.findings.summary.get("DUP705", 0))
"""


def test_processes_start_after_a_library_has_threads_of_its_own(tmp_path: Path) -> None:
    """Sketching the eval split or a first file leaves threads behind; forking then would wait for ever."""
    source = random.Random(2)
    files = []
    for name, rows in (("small", 300), ("large", 1200)):
        files.append(tmp_path / f"{name}.jsonl")
        texts = (" ".join(str(source.randrange(10**6)) for _ in range(60)) for _ in range(rows))
        lines = [json.dumps({"prompt": f"{text}?", "completion": "A number."}) + "\n" for text in texts]
        files[-1].write_text("".join(lines), encoding="utf-8")
    small, large = map(str, files)
    command = [sys.executable, "-c", SECOND_FILE, small, large, small]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["300", "300", "1200", "0"]


class GivenUp(Exception):
    """Stands for Ctrl-C: raised where the linter says how far it is."""


def test_what_is_interrupted_leaves_no_process_and_checks_nothing_more(
    dirty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lint_stretch, "STRETCH_BYTES", 40_000)
    monkeypatch.setattr(lint_module, "PARALLEL_BYTES", 1)
    [target] = targets([str(dirty)], None, LintOptions())

    def interrupt(progress: Progress) -> None:
        raise GivenUp

    with pytest.raises(GivenUp):
        lint(target, LintOptions(workers=2), interrupt)
    assert multiprocessing.active_children() == []

    how = lint_module._how(target, LintOptions(), None)
    source = Source(dirty, "jsonl", size_bytes=dirty.stat().st_size)
    assert lint_stretch.check_stretch(how, source, 0, source.size_bytes, True).formats["chat"] > 2000
    given_up = multiprocessing.Event()
    given_up.set()
    monkeypatch.setattr(lint_stretch, "_given_up", given_up)
    assert lint_stretch.check_stretch(how, source, 0, source.size_bytes, True).formats == {}

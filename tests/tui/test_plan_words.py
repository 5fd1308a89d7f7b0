"""The plan's rows: what a long value, a path and a reason do to each other, at every width."""

from __future__ import annotations

import pytest

from ftui.core.text import cell_width
from ftui.services.run_list import RunSummary
from ftui.tui.glyphs import UNICODE, to_ascii
from ftui.tui.plan_words import Entry, about, entry_row
from ftui.tui.screens.pick_run import run_line


def row(value: str, reason: str, width: int, name: str = "data.train") -> str:
    entry = Entry(name=name, value=value, reason=reason, proposed=value, yours=False)
    return "".join(text for text, _ in entry_row(entry, width, UNICODE))


def test_a_long_value_takes_the_room_that_its_reason_leaves() -> None:
    model = "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert model in row(model, "", 77, "model.id")
    beside = row(model, "it is the smallest that converses, and the rows are few", 77, "model.id")
    assert "…" in beside.split("  it is")[0] and "135M-Instruct" in beside and "it is the smallest" in beside


@pytest.mark.parametrize("width", [57, 77, 97, 117])
@pytest.mark.parametrize("value", ["256", "日本語" * 30, "/a/" + "b" * 200 + "/rows.jsonl", "[INST] [/] \x1b[31m"])
@pytest.mark.parametrize("reason", ["", "default", "a reason that is longer than any row has room for, " * 4])
def test_no_row_is_wider_than_the_list(value: str, reason: str, width: int) -> None:
    said = row(value, reason, width)
    assert cell_width(said) <= width and "\x1b" not in said


def test_paths_begin_at_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert "~/rows.jsonl" in row("/home/ada/rows.jsonl", "", 77)
    path = "/home/ada/eval.jsonl"
    words = about(Entry(name="data.eval", value=path, reason="it lies beside", proposed=path, yours=False))
    assert "Why ~/eval.jsonl: it lies beside." in words


def test_ascii_keeps_the_width_of_units_and_keys() -> None:
    assert to_ascii("71 °C ⏎ ⌫") == "71  C < <"


def test_a_list_of_runs_keeps_its_columns_and_the_end_of_each_name() -> None:
    runs = [
        RunSummary("20261122-113254-demo-tiny", "stopped", 7, 100, "", "", "", ""),
        RunSummary("20261122-103534-support-tickets-qwen3-0-6b", "interrupted", 12_000, 15_000, "", "", "", "SHIP"),
    ]
    short, long = (run_line(run, 64).plain for run in runs)
    assert "20261122-113254-demo-tiny" in short and "tickets-qwen3-0-6b" in long
    assert short.index("stopped") == long.index("interrupted") and short.rstrip().endswith("7/100")
    assert max(cell_width(line) for line in (short, long)) <= 64

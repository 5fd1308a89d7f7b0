"""`ftui data`: show, convert, split, mix, fingerprint, review."""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from ftui.cli import main

CHAT = [{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"What is {n}?"},
                      {"role": "assistant", "content": f"{n} is a number."}]} for n in range(40)]  # fmt: skip
PAIRS = [{"prompt": f"Q{n}", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in range(6)]


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def data(*arguments: str | Path) -> int:
    return main(["data", *map(str, arguments)])


def test_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.jsonl", [*CHAT, {"messages": [{"role": "user", "content": "\x1b[31mred [INST]"}]}])
    assert data("show", path, "--rows", "38:41") == 0
    out = capsys.readouterr().out
    assert "-- row 38 (line 39)" in out and "[assistant] 39 is a number." in out
    assert "\x1b" not in out and "red [INST]" in out
    assert data("show", path, "--grep", "WHAT IS 7?", "--json") == 0
    assert [row["index"] for row in json.loads(capsys.readouterr().out)["rows"]] == [7]
    assert data("show", path, "--grep", "what is 33?", "--json") == 0, "beyond the rows that are shown without a word"
    assert [row["index"] for row in json.loads(capsys.readouterr().out)["rows"]] == [33]
    assert data("show", path, "--grep", "is a number") == 0
    assert capsys.readouterr().out.count("-- row ") == 10
    assert data("show", path, "--grep", "is a number", "--rows", "20:35") == 0
    assert capsys.readouterr().out.count("-- row ") == 15
    assert data("show", path, "--grep", "no such words") == 1 and "holds 'no such words'" in capsys.readouterr().err
    assert data("show", path, "--grep", "messages") == 1, "a column's name is no text of the row"
    quoted = write(tmp_path / "quoted.jsonl", [{"text": 'He said "no"\nand left'}])
    assert data("show", quoted, "--grep", 'SAID "no"') == 0
    assert data("show", path, "--rows", "99") == 1
    assert data("show", path, "--rows", "x") == 2
    assert data("show", tmp_path / "none.jsonl") == 2


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("alpaca", {"instruction": "What is 0?", "input": "", "output": "0 is a number.", "system": "Be brief."}),
        ("completion", {"prompt": "Be brief.\n\nWhat is 0?", "completion": "0 is a number."}),
        ("prompt", {"prompt": CHAT[0]["messages"][:2]}),
        ("sharegpt", {"system": "Be brief.", "conversations": [{"from": "human", "value": "What is 0?"},
                                                               {"from": "gpt", "value": "0 is a number."}]}),
        ("kto", {"prompt": CHAT[0]["messages"][:2], "completion": CHAT[0]["messages"][2:], "label": True}),
        ("chat", CHAT[0]),
    ],
)  # fmt: skip
def test_convert(tmp_path: Path, to: str, expected: dict[str, Any]) -> None:
    out = tmp_path / "out.jsonl"
    assert data("convert", write(tmp_path / "a.jsonl", CHAT), "--to", to, "-o", out) == 0
    rows = rows_of(out)
    assert len(rows) == 40 and rows[0] == expected


def test_convert_there_and_back_loses_nothing(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", CHAT)
    for to in ("sharegpt", "alpaca", "openai"):
        assert data("convert", source, "--to", to, "-o", tmp_path / f"{to}.jsonl") == 0
        assert data("convert", tmp_path / f"{to}.jsonl", "-o", tmp_path / f"{to}.back.jsonl") == 0
        assert rows_of(tmp_path / f"{to}.back.jsonl") == CHAT, to


def test_convert_pairs_and_what_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = write(tmp_path / "p.jsonl", PAIRS)
    assert data("convert", pairs, "--to", "kto", "-o", tmp_path / "kto.jsonl") == 0
    assert [row["label"] for row in rows_of(tmp_path / "kto.jsonl")] == [True, False] * 6
    assert data("convert", pairs, "-o", tmp_path / "chat.jsonl") == 0
    assert rows_of(tmp_path / "chat.jsonl")[0]["messages"][1]["content"] == "good 0"
    assert data("convert", write(tmp_path / "a.jsonl", CHAT), "--to", "preference", "-o", tmp_path / "x.jsonl") == 1
    assert "40 rows left out" in capsys.readouterr().err
    assert data("convert", pairs, "-o", tmp_path / "chat.jsonl") == 2, "no file is replaced without --force"
    assert data("convert", pairs, "-o", tmp_path / "chat.jsonl", "--force") == 0
    assert data("convert", pairs, "-o", tmp_path / "chat.docx") == 2


@pytest.mark.parametrize("name", ["out.json", "out.csv", "out.tsv", "out.jsonl.gz", "out.parquet"])
def test_every_kind_of_file_reads_back(tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    rows = [{"prompt": f'Say "{n}",\nplease', "completion": f"ünï {n}"} for n in range(9)]
    source, out, back = write(tmp_path / "a.jsonl", rows), tmp_path / name, tmp_path / "back.jsonl"
    assert data("convert", source, "--to", "completion", "-o", out) == 0
    assert data("convert", out, "--to", "completion", "-o", back) == 0
    assert rows_of(back) == rows
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["a.jsonl", name, "back.jsonl"])


def test_split_keeps_near_duplicates_on_one_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stories = [" ".join(f"word{(n * 7919 + k * 104729) % 9973}" for k in range(40)) for n in range(20)]
    rows = [{"prompt": f"Story {n} please", "completion": f"{stories[n // 4]} {n}"} for n in range(80)]
    path = write(tmp_path / "all.jsonl", rows)
    before = path.read_bytes()
    assert data("split", path, "--eval", "0.2", "--seed", "3", "--json") == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert sum(files.values()) == 80
    assert main(["lint", "--no-config", str(tmp_path / "all.train.jsonl"), "--eval", str(tmp_path / "all.eval.jsonl"),
                 "--select", "DUP705,DUP706", "--fail-on", "info"]) == 0  # fmt: skip
    capsys.readouterr()
    assert path.read_bytes() == before
    assert data("split", path) == 2, "the files are there already"
    assert data("split", path, "--force", "--eval", "0.2", "--seed", "3") == 0
    assert data("split", path, "--eval", "1.5") == 2


def test_split_into_three(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", CHAT)
    assert data("split", path, "--eval", "0.2", "--test", "0.1", "--no-near", "--output-dir", tmp_path) == 0
    parts = [rows_of(tmp_path / f"a.{name}.jsonl") for name in ("train", "eval", "test")]
    assert [len(part) for part in parts] == [28, 8, 4]
    assert sorted(json.dumps(row) for part in parts for row in part) == sorted(json.dumps(row) for row in CHAT)


def test_mix_gives_the_share_and_one_format(tmp_path: Path) -> None:
    main_file = write(tmp_path / "a.jsonl", CHAT)
    general = write(tmp_path / "g.jsonl", [{"instruction": f"I{n}", "output": f"O{n}"} for n in range(50)])
    out, again = tmp_path / "mix.jsonl", tmp_path / "mix2.jsonl"
    assert data("mix", main_file, general, "--share", "0.2", "-o", out) == 0
    rows = rows_of(out)
    assert len(rows) == 50 and sum(row["messages"][0]["role"] == "system" for row in rows) == 40
    assert rows[:40] != CHAT, "they are mixed"
    assert data("mix", main_file, f"{general}:0.2", "-o", again) == 0
    assert again.read_bytes() == out.read_bytes()
    assert data("mix", main_file, general, "--share", "1.5", "-o", tmp_path / "x.jsonl") == 2


def test_fingerprint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = write(tmp_path / "a.jsonl", CHAT), write(tmp_path / "b.jsonl", CHAT[::-1])
    assert data("fingerprint", one, two, "--json") == 0
    first, second = json.loads(capsys.readouterr().out)["datasets"]
    assert first["rows"] == 40 and first["unordered"] == second["unordered"] and first["ordered"] != second["ordered"]
    assert data("fingerprint", one) == 0
    assert first["ordered"] in capsys.readouterr().out


def test_review_saves_each_decision_at_once_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.jsonl", CHAT[:4])
    editor = tmp_path / "editor.py"
    editor.write_text(
        "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text().replace('number', 'digit'))"
    )
    monkeypatch.setenv("VISUAL", f"{sys.executable} {editor}")
    monkeypatch.setattr(sys, "stdin", StringIO("k\nd\nq\n"))
    assert data("review", path) == 0
    assert "1 kept, 0 edited, 1 dropped, 2 open" in capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", StringIO("what\ne\n"))  # an unknown key asks again; the input ends
    assert data("review", path) == 0
    out = capsys.readouterr().out
    assert "-- row 2 of 4" in out and "1 edited" in out and "1 open" in out
    reviewed = tmp_path / "reviewed.jsonl"
    assert data("review", path, "-o", reviewed) == 0
    texts = [row["messages"][2]["content"] for row in rows_of(reviewed)]
    assert texts == ["0 is a number.", "2 is a digit.", "3 is a number."]
    assert data("review", path, "-o", path) == 2
    assert rows_of(path) == CHAT[:4]


def test_the_input_is_never_the_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.train.jsonl", CHAT)
    other = write(tmp_path / "b.jsonl", CHAT[:5])
    before = path.read_bytes()
    (tmp_path / "link.jsonl").symlink_to(path)
    for arguments in (
        ("convert", path, "-o", path, "--force"),
        ("convert", path, "-o", tmp_path / "link.jsonl", "--force"),
        ("mix", other, path, "-o", path, "--force"),
        ("split", path, "--force"),  # writes a.train.jsonl
    ):
        assert data(*arguments) == 2, arguments
        assert "never overwritten" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_folder_for_the_splits_is_made(tmp_path: Path) -> None:
    assert data("split", write(tmp_path / "a.jsonl", CHAT), "--output-dir", tmp_path / "new" / "folder") == 0
    assert len(rows_of(tmp_path / "new" / "folder" / "a.train.jsonl")) == 36


def test_csv_has_the_columns_of_all_rows(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    path = write(tmp_path / "a.jsonl", [CHAT[0], {**CHAT[1], "tools": tools}])
    assert data("convert", path, "-o", tmp_path / "a.csv") == 0
    header, first, *_ = (tmp_path / "a.csv").read_text().splitlines()
    assert header == "messages,tools" and first.endswith(",")


def test_chains_of_near_duplicates_stay_together(tmp_path: Path) -> None:
    """Thousands of rows that resemble one another are joined in a moment."""
    words = [f"word{n}" for n in range(60)]
    rows = []
    for n in range(3000):
        words[n % 60] = f"other{n}"
        rows.append({"prompt": " ".join(words), "completion": "yes"})
    assert data("split", write(tmp_path / "a.jsonl", [*rows, *CHAT]), "--eval", "0.2") == 0
    held = rows_of(tmp_path / "a.eval.jsonl")
    assert held and sum("prompt" in row for row in held) in (0, 3000)


def test_a_split_that_fails_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.jsonl", CHAT)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ftui.services.dataset_edit.split_dataset", interrupted)
    assert data("split", path, "--output-dir", tmp_path / "parts") == 130
    assert not (tmp_path / "parts").exists()
    monkeypatch.undo()
    assert data("split", path, "--output-dir", tmp_path / "parts") == 0
    assert sorted(part.name for part in (tmp_path / "parts").iterdir()) == ["a.eval.jsonl", "a.train.jsonl"]

"""`ftui lint --fix`: into a new file, with a record, and a second time there is nothing left to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftui.cli import main
from ftui.core.lint.catalogue import all_fixes, all_rules


def turn(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


GOOD = [{"messages": [turn("user", f"What is {n} plus {n}?"), turn("assistant", f"It makes {2 * n}, clearly.")]}
        for n in range(12)]  # fmt: skip


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def fix(path: Path, *arguments: str) -> int:
    return main(["lint", "--no-config", "--exit-zero", str(path), "--fix", *arguments])


def rows_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def summary(capsys: pytest.CaptureFixture[str], path: Path) -> dict[str, Any]:
    capsys.readouterr()
    main(["lint", "--no-config", "--json", str(path)])
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


def test_safe_fixes_keep_every_row_but_repeats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trimmed = {"messages": [*GOOD[0]["messages"], turn("user", "And then?")]}
    swapped = {"conversations": [{"role": "human", "value": "a question"}, {"from": "gpt", "content": "an answer"}]}
    rows = [
        *GOOD,
        GOOD[3],
        trimmed,
        swapped,
        "{broken",
        {"messages": [turn("User", "Case?"), turn("ASSISTANT", "Yes, case.")]},
    ]
    path = write(tmp_path / "train.jsonl", rows)
    before = path.read_bytes()
    assert fix(path) == 0
    assert path.read_bytes() == before
    out = tmp_path / "train.fixed.jsonl"
    lines = out.read_text().splitlines()
    assert lines[:12] == [json.dumps(row) for row in GOOD], "rows without a fault are copied byte for byte"
    assert "{broken" in lines, "an unreadable line is not lost"
    assert len(lines) == 12 + 3, "the repeat went, and the trimmed row, which then equals row 0"
    record = [json.loads(line) for line in (tmp_path / "train.fixed.jsonl.changes.jsonl").read_text().splitlines()]
    by_row = {entry["row"]: entry for entry in record}
    assert by_row[12]["action"] == "dropped" and by_row[12]["codes"] == ["DUP701"]
    assert set(by_row) == {12, 13, 14, 16}
    assert all(len(entry["before_sha256"]) == 64 for entry in record)
    assert summary(capsys, out)["fixable"]["safe"] == 0
    again = tmp_path / "again.jsonl"
    assert fix(out, "--output", str(again)) == 0
    assert not again.exists(), "a second run has nothing to do"


def test_format_faults_become_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents = {
        "array.jsonl": json.dumps(GOOD, indent=1),
        "windows.jsonl": "\ufeff" + "\r\n".join(json.dumps(row) for row in GOOD) + "\r\n\r\n",
        "glued.jsonl": "".join(json.dumps(row) for row in GOOD),
        "twice.jsonl": "\n".join(json.dumps(json.dumps(row)) for row in GOOD),
    }
    for name, content in contents.items():
        path = tmp_path / name
        path.write_text(content, encoding="utf-8", newline="")
        fix(path)
        out = path.with_name(name.replace(".jsonl", ".fixed.jsonl"))
        assert rows_of(out) == GOOD, name
        left = summary(capsys, out)
        assert not [code for code in left["summary"] if code[:3] in ("ENC", "JSN")], (name, left["summary"])


def test_unsafe_fixes_need_the_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        *GOOD,
        str({"messages": [turn("user", "Python?"), turn("assistant", "It is a language.")]}),
        '{"messages": [',
    ]
    path = write(tmp_path / "a.jsonl", rows)
    fix(path, "--output", str(tmp_path / "safe.jsonl"))
    assert not (tmp_path / "safe.jsonl").exists(), "nothing here is safe to fix"
    fix(path, "--unsafe-fixes")
    fixed = rows_of(tmp_path / "a.fixed.jsonl")
    assert len(fixed) == 13 and fixed[12]["messages"][0]["content"] == "Python?"


def test_duplicate_keys_are_never_decided_for_the_user(tmp_path: Path) -> None:
    odd = (
        '{"messages": [{"role": "user", "content": "good", "content": "evil"}, {"role": "assistant", "content": "a"}]}'
    )
    path = write(tmp_path / "a.jsonl", [*GOOD, odd, GOOD[0]])
    fix(path)
    assert odd in (tmp_path / "a.fixed.jsonl").read_text().splitlines()


def test_leaked_rows_leave_training_not_evaluation(tmp_path: Path) -> None:
    train, held = write(tmp_path / "t.jsonl", GOOD), write(tmp_path / "e.jsonl", GOOD[4:6])
    fix(train, "--eval", str(held))
    assert rows_of(tmp_path / "t.fixed.jsonl") == GOOD[:4] + GOOD[6:]
    assert rows_of(held) == GOOD[4:6]


def test_a_fix_never_overwrites_its_input_or_loses_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.jsonl", [*GOOD, GOOD[0]])
    assert fix(path, "--output", str(path)) == 2
    assert "never overwrites" in capsys.readouterr().err
    ragged = tmp_path / "a.csv"
    ragged.write_text(
        "prompt,completion\n Hi there ,Hello friend\nlost\nHi there,Hello friend\nHi there,Hello friend\n"
    )
    assert fix(ragged) == 2
    assert "would be lost" in capsys.readouterr().err
    assert fix(ragged, "--unsafe-fixes") == 0


def test_diff_shows_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(
        tmp_path / "a.jsonl", [*GOOD, GOOD[0], {"messages": [turn("User", "Case?"), turn("assistant", "Yes, it is.")]}]
    )
    capsys.readouterr()
    assert main(["lint", "--no-config", "--exit-zero", str(path), "--diff"]) == 0
    out = capsys.readouterr().out
    assert "row 12 (line 13): DUP701" in out
    assert "MSG401" in out and "- User" in out and "+ user" in out
    assert "would change 1 row and drop 1 row" in out
    assert main(["lint", "--no-config", "--exit-zero", str(path), "--diff", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["schema_version"] and "row 12 (line 13): DUP701" in said.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl"]


def test_every_fixable_rule_has_a_fixer_and_no_other() -> None:
    reader_fixes = {"ENC", "JSN", "CSV"}
    for code, rule in all_rules().items():
        if rule.safety != "none" and code[:3] not in reader_fixes:
            assert code in all_fixes(), f"{code} promises a fix"
        if rule.safety == "none":
            assert code not in all_fixes(), f"{code} has a fixer that nothing offers"


_TEXTS = st.text(max_size=30) | st.sampled_from(
    ["  edge  ", "N/A", "", "<|im_end|>", "Sure! Here is it", "a\u200bb", "caf\u00c3\u00a9", "\x1b[31mred", "**bold",
     "### Response:\nx", "<noinput>", "key sk-" + "a1B2" * 12, "mail me@corp.io", "\ud800", "```python\nx"]
)  # fmt: skip
_ROLE = st.sampled_from(["user", "assistant", "system", "User", "human", "gpt", "tool", "bot", ""])
_MESSAGE = st.fixed_dictionaries({"role": _ROLE, "content": _TEXTS | st.none() | st.integers()})
_ROW = st.one_of(
    st.fixed_dictionaries({"messages": st.lists(_MESSAGE, max_size=5)}),
    st.fixed_dictionaries({"prompt": _TEXTS, "completion": _TEXTS | st.integers()}),
    st.fixed_dictionaries({"instruction": _TEXTS, "input": _TEXTS, "output": _TEXTS}),
    st.fixed_dictionaries({"prompt": _TEXTS, "chosen": _TEXTS, "rejected": _TEXTS}),
    st.fixed_dictionaries(
        {"prompt": _TEXTS, "completion": _TEXTS, "label": st.sampled_from([True, False, "false", 1])}
    ),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(_ROW, min_size=1, max_size=6), st.booleans())
def test_a_second_fix_finds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[dict[str, Any]], unsafe: bool
) -> None:
    path, out, again = (tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.jsonl"))
    for old in (out, again):
        old.unlink(missing_ok=True)
    write(path, rows)
    flags = ["--unsafe-fixes"] if unsafe else []
    assert fix(path, "--output", str(out), *flags) == 0
    if out.exists() and out.stat().st_size:
        assert fix(out, "--output", str(again), *flags) == 0
        capsys.readouterr()
        assert not again.exists() or again.read_bytes() == out.read_bytes()

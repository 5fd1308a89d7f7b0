"""A run's own copy of its data: canonical, split without leaks, the same every time, with its origins written down."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.errors import FtuiError
from ftui.services.dataset import fingerprint, open_dataset, prepare_run_data
from ftui.services.dataset_split import Groups, choose_eval
from ftui.services.dataset_write import RowWriter, row_bytes

ROWS = [{"instruction": f"Say the number {n}", "input": "", "output": f"The number is {n}."} for n in range(100)]


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_are_canonical_and_every_row_is_somewhere(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", ROWS)
    manifest = prepare_run_data(source, None, tmp_path / "run", eval_fraction=0.2, eval_rows=None, seed=7)
    train, held = rows_of(tmp_path / "run/train.jsonl"), rows_of(tmp_path / "run/eval.jsonl")
    assert (len(train), len(held)) == (80, 20)
    assert {"messages"} == {key for row in train + held for key in row}
    assert len({json.dumps(row) for row in train + held}) == 100
    written = json.loads((tmp_path / "run/manifest.json").read_text())
    assert written["kind"] == manifest.kind == "chat"
    [described] = written["sources"]["train"]
    assert described["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert written["parts"]["train"]["rows"] == 80 and written["dropped_rows"] == {}
    assert written["parts"]["eval"]["fingerprint_ordered"] == fingerprint(held).ordered
    assert not list((tmp_path / "run").glob(".*")), "no temporary file is left"


def test_the_split_is_the_same_again_and_another_with_another_seed(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", ROWS)
    held = []
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        prepare_run_data(source, None, tmp_path / name, seed=seed)
        held.append((tmp_path / name / "eval.jsonl").read_bytes())
    assert held[0] == held[1] != held[2]


def test_rows_that_share_a_prompt_or_their_content_stay_together(tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {n // 4}", "completion": f"Answer {n % 4} to {n // 4}"} for n in range(200)] + [
        {"prompt": "  question   7 ", "completion": "in other white space and case"}] * 3  # fmt: skip
    prepare_run_data(write(tmp_path / "a.jsonl", rows), None, tmp_path / "run", eval_fraction=0.3, eval_rows=None)
    prompts = [{" ".join(row["prompt"].lower().split()) for row in rows_of(tmp_path / "run" / name)}
               for name in ("train.jsonl", "eval.jsonl")]  # fmt: skip
    assert not prompts[0] & prompts[1]
    assert prompts[1]


def test_classes_keep_their_shares(tmp_path: Path) -> None:
    rows = [{"prompt": f"Review number {n}", "completion": "good" if n % 10 else "bad"} for n in range(300)]
    prepare_run_data(write(tmp_path / "a.jsonl", rows), None, tmp_path / "run", eval_fraction=0.2, eval_rows=None)
    held = [row["completion"] for row in rows_of(tmp_path / "run/eval.jsonl")]
    assert held.count("bad") == 6 and held.count("good") == 54


def test_an_eval_file_or_the_folders_own_split_is_used(tmp_path: Path) -> None:
    train, held = write(tmp_path / "t.jsonl", ROWS[:50]), write(tmp_path / "e.jsonl", ROWS[50:60])
    prepare_run_data(train, held, tmp_path / "run")
    assert [len(rows_of(tmp_path / "run" / f"{name}.jsonl")) for name in ("train", "eval")] == [50, 10]
    folder = tmp_path / "set"
    folder.mkdir()
    write(folder / "train.jsonl", ROWS[:50])
    write(folder / "test.jsonl", ROWS[50:55])
    prepare_run_data(folder, None, tmp_path / "run")
    assert [len(rows_of(tmp_path / "run" / f"{name}.jsonl")) for name in ("train", "eval")] == [50, 5]


def test_rows_that_cannot_be_used_are_counted_with_their_reasons(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    lines = [json.dumps(ROWS[0]), "{broken", '{"text": "another format"}', '{"instruction": "a", "output": ["a list"]}',
             '"text"', '{"instruction": "\\ud800", "output": "x"}', json.dumps(ROWS[1])]  # fmt: skip
    source.write_text("\n".join(lines) + "\n")
    manifest = prepare_run_data(source, None, tmp_path / "run", eval_fraction=0)
    assert manifest.parts["train"].rows == 2
    reasons = " | ".join(manifest.dropped_rows)
    assert sum(manifest.dropped_rows.values()) == 5
    assert all(word in reasons for word in ("JSN201", "is text", "/output", "JSN213", "surrogate"))
    assert {entry["line"] for entry in manifest.dropped} == {2, 3, 4, 5, 6}


def test_nothing_usable_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FtuiError, match="No row of the training data"):
        prepare_run_data(write(tmp_path / "a.jsonl", [{"x": 1}]), None, tmp_path / "run")
    with pytest.raises(FtuiError, match="cannot be read"):
        prepare_run_data(tmp_path / "none.jsonl", None, tmp_path / "run")


def test_replay_rows_make_their_share(tmp_path: Path) -> None:
    turns = [("user", "q"), ("assistant", "a")]
    chats = [{"messages": [{"role": role, "content": f"{text}{n}"} for role, text in turns]} for n in range(90)]
    train = write(tmp_path / "t.jsonl", chats)
    general = write(tmp_path / "g.jsonl", ROWS)
    prepare_run_data(train, None, tmp_path / "run", eval_fraction=0, replay_path=general, replay_fraction=0.1)
    assert len(rows_of(tmp_path / "run/replay.jsonl")) == 10
    prepare_run_data(train, None, tmp_path / "run", eval_fraction=0)
    assert not (tmp_path / "run/replay.jsonl").exists(), "a second preparation leaves nothing of the first"


def test_the_columns_named_for_the_training_rows_are_not_those_of_the_general_rows(tmp_path: Path) -> None:
    train = write(tmp_path / "t.jsonl", [{"q": f"{n}?", "a": f"it is {n}"} for n in range(90)])
    general = write(tmp_path / "g.jsonl", [{"prompt": f"What is {n}?", "completion": f"{n}"} for n in range(40)])
    made = prepare_run_data(train, None, tmp_path / "run", mapping={"prompt": "q", "completion": "a"}, eval_fraction=0,
                            replay_path=general, replay_fraction=0.1)  # fmt: skip
    assert made.parts["replay"].rows == 10 and not made.dropped_rows


def test_mapping_format_and_task_decide_how_rows_are_read(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", [{"q": f"{n}?", "a": "yes"} for n in range(12)])
    made = prepare_run_data(source, None, tmp_path / "run", mapping={"prompt": "q", "completion": "a"}, eval_fraction=0)
    assert made.kind == "completion"
    source = write(tmp_path / "b.jsonl", [{"prompt": f"{n}?", "answer": "yes"} for n in range(12)])
    assert prepare_run_data(source, None, tmp_path / "run", format="prompt", eval_fraction=0).kind == "prompt"
    assert prepare_run_data(source, None, tmp_path / "run", task="grpo", eval_fraction=0).kind == "prompt"
    assert prepare_run_data(source, None, tmp_path / "run", eval_fraction=0).kind == "completion"


def test_fingerprints_know_content_and_order_not_the_file(tmp_path: Path) -> None:
    def marks(path: Path) -> tuple[str, str]:
        made = fingerprint(row.data for row in open_dataset(path).canonical_rows())
        return made.ordered, made.unordered

    lines = write(tmp_path / "a.jsonl", ROWS)
    array = tmp_path / "a.json"
    array.write_text(json.dumps([dict(reversed(row.items())) for row in ROWS], indent=2))
    shuffled = write(tmp_path / "b.jsonl", ROWS[::-1])
    other = write(tmp_path / "c.jsonl", [*ROWS[:-1], {**ROWS[-1], "output": "The number is 99!"}])
    doubled = write(tmp_path / "d.jsonl", [*ROWS, ROWS[0]])
    assert marks(lines) == marks(array)
    assert marks(lines)[0] != marks(shuffled)[0] and marks(lines)[1] == marks(shuffled)[1]
    assert marks(lines)[1] != marks(other)[1] and marks(lines)[1] != marks(doubled)[1]


def test_a_writer_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("old\n")
    with pytest.raises(RuntimeError), RowWriter(path) as out:
        out.write({"a": 1})
        raise RuntimeError
    assert path.read_text() == "old\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]
    assert row_bytes({"n": 1 << 70, "x": float("nan")}) == b'{"n":1180591620717411303424,"x":null}\n'


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["yes", "no", "a story " * 8])), min_size=2, max_size=60),
    st.integers(1, 30),
    st.integers(0, 5),
)
def test_a_split_never_takes_all_rows_and_never_parts_a_group(
    pairs: list[tuple[int, str]], wanted: int, seed: int
) -> None:
    groups = Groups()
    for prompt, answer in pairs:
        groups.add({"prompt": str(prompt), "completion": answer})
    held = choose_eval(groups, wanted, seed)
    assert len(held) < len(pairs)
    assert not {pairs[row][0] for row in held} & {pair[0] for row, pair in enumerate(pairs) if row not in held}
    assert held or len({prompt for prompt, _ in pairs}) == 1

"""Every kind of file becomes rows with physical lines; every fault becomes a finding."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftui.errors import FtuiError
from ftui.services import dataset_lines
from ftui.services.dataset import open_dataset, readable_dataset

ROWS: list[dict[str, Any]] = [{"prompt": f"Question {n}?", "completion": f"Answer {n}, ünï."} for n in range(20)]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def read(path: Path | str) -> tuple[list[dict[str, Any]], list[str]]:
    data = open_dataset(path)
    return [row.data for row in data.rows()], [finding.code for finding in data.findings]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def as_csv(delimiter: str) -> str:
    import csv

    out = io.StringIO()
    writer = csv.DictWriter(out, ["prompt", "completion"], delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(ROWS)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "codes"),
    [
        ("a.jsonl", LINES, []),
        ("a.json", json.dumps(ROWS, indent=1), []),
        ("a.json", json.dumps({"data": ROWS}), []),
        ("a.json", json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]}), []),
        ("a.jsonl.gz", gzip.compress(LINES.encode(), mtime=0), []),
        ("a.csv", as_csv(","), []),
        ("a.tsv", as_csv("\t"), []),
        ("a.csv", as_csv(";"), ["CSV224"]),
        ("a.jsonl", LINES.encode("utf-16"), ["ENC105"]),
        ("a.jsonl", LINES.encode("utf-16-le"), ["ENC105"]),
        ("a.jsonl", b"\xef\xbb\xbf" + LINES.encode(), ["ENC101"]),
        ("a.json", LINES, ["JSN204"]),
        ("a.jsonl", json.dumps(ROWS), ["JSN203"]),
        ("a.jsonl", "\n".join(json.dumps(row, indent=2) for row in ROWS), ["JSN205"]),
        ("a.jsonl", LINES.replace("\n", "\r\n"), ["ENC104"]),
        ("a.jsonl", "\n\n" + LINES, ["JSN211"]),
        ("a", LINES, ["FIL004"]),
        ("a.jsonl.gz", LINES, ["FIL004"]),
        ("a.parquet", LINES, ["FIL004"]),
    ],
)  # fmt: skip
def test_the_same_rows_come_out_of_every_kind_of_file(
    tmp_path: Path, name: str, content: str | bytes, codes: list[str]
) -> None:
    path = write(tmp_path / name, content)
    before = path.read_bytes()
    rows, found = read(path)
    assert rows == ROWS
    assert found == codes
    assert path.read_bytes() == before


def test_parquet_arrow_and_saved_folders(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.ipc
    import pyarrow.parquet

    table = arrow.Table.from_pylist(ROWS)
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pyarrow.ipc.new_stream(tmp_path / "stream.arrow", table.schema) as out:
        out.write_table(table)
    with pyarrow.ipc.new_file(tmp_path / "file.arrow", table.schema) as out:
        out.write_table(table)
    for name in ("a.parquet", "stream.arrow", "file.arrow"):
        assert read(tmp_path / name) == (ROWS, []), name
    saved = tmp_path / "saved"
    for split, count in (("train", 2), ("test", 1)):
        (saved / split).mkdir(parents=True)
        files = []
        for shard in range(count):
            files.append({"filename": f"data-{shard}.arrow"})
            with pyarrow.ipc.new_stream(saved / split / files[-1]["filename"], table.schema) as out:
                out.write_table(table)
        (saved / split / "state.json").write_text(json.dumps({"_data_files": files}))
    (saved / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    data = open_dataset(saved)
    assert [row.data for row in data.rows()] == ROWS * 3
    assert [row.data for row in data.only_split("test").rows()] == ROWS
    assert read(saved / "train") == (ROWS * 2, [])


def test_a_truncated_binary_file_is_a_finding(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    pyarrow.parquet.write_table(arrow.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    assert read(write(tmp_path / "b.parquet", whole[: len(whole) // 2]))[1] == ["FIL013"]
    many = gzip.compress(os.urandom(0) + LINES.encode() * 200)
    rows, codes = read(write(tmp_path / "c.jsonl.gz", many[: len(many) * 3 // 4]))
    assert codes == ["FIL013"]
    assert rows and rows[:20] == ROWS, "rows before the cut are read"


def test_offsets_that_point_nowhere_are_damage(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.ipc

    offsets = arrow.py_buffer(b"".join(n.to_bytes(4, "little") for n in (0, 6, 2, 8)))
    texts = arrow.StringArray.from_buffers(3, offsets, arrow.py_buffer(b"abcdefgh"))
    batch = arrow.RecordBatch.from_arrays([texts], ["text"])
    with pyarrow.ipc.new_stream(tmp_path / "a.arrow", batch.schema) as out:
        out.write_batch(batch)
    rows, codes = read(tmp_path / "a.arrow")[:2]
    assert not rows and codes == ["FIL013"]


def test_zstd_reads_like_gzip_and_a_cut_is_seen(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    packed = zstandard.compress(LINES.encode())
    assert read(write(tmp_path / "a.jsonl.zst", packed + packed)) == (ROWS * 2, [])
    assert read(write(tmp_path / "b.jsonl.zst", packed[:-20]))[1] == ["FIL013"]


def test_bombs_stop(tmp_path: Path) -> None:
    bomb = gzip.compress(b"0" * (80 << 20))
    assert "FIL014" in read(write(tmp_path / "a.jsonl.gz", bomb))[1]


def test_a_folder_with_splits_links_and_a_script(tmp_path: Path) -> None:
    data = tmp_path / "set"
    (data / "data").mkdir(parents=True)
    write(data / "data" / "train-00000-of-00001.jsonl", LINES)
    write(data / "data" / "validation.jsonl", LINES.split("\n")[0])
    write(data / "README.md", "# set")
    write(data / "set.py", "raise SystemExit('never run')")
    (data / "again").symlink_to(data)
    dataset = open_dataset(data)
    assert {source.path.name: source.split for source in dataset.sources} == {
        "train-00000-of-00001.jsonl": "train",
        "validation.jsonl": "validation",
    }
    assert len(list(dataset.rows())) == 21
    assert sorted(finding.code for finding in dataset.findings) == ["FIL007", "FIL016"]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda p: p / "nothing.jsonl", "FIL001"),
        (lambda p: str(p / "*.nothing"), "FIL001"),
        (lambda p: p, "FIL006"),
        (lambda p: write(p / "a.jsonl", ""), "FIL002"),
        (lambda p: write(p / "a.jsonl", "\n \n"), "FIL003"),
        (lambda p: write(p / "a.jsonl", b"PK\x03\x04 rest"), "FIL004"),
        (lambda p: write(p / "a.txt", "Dear diary, today I did nothing at all.\nNor yesterday."), "FIL004"),
        (lambda p: write(p / "a.json", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"), "FIL005"),
        (lambda p: write(p / "a.jsonl", "<!DOCTYPE html><html>login</html>"), "FIL012"),
        (lambda p: write(p / "a.json", "[]"), "FIL002"),
    ],
)  # fmt: skip
def test_what_is_no_dataset_says_why(tmp_path: Path, make: Any, code: str) -> None:
    rows, codes = read(make(tmp_path))
    assert rows == []
    assert codes == [code]


def test_links_pipes_and_permissions(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "x").symlink_to(tmp_path / "y")
    (tmp_path / "y").symlink_to(tmp_path / "x")
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert [read(tmp_path / name)[1] for name in ("dangling", "x", "pipe.jsonl")] == [
        ["FIL001"],
        ["FIL007"],
        ["FIL010"],
    ]
    closed = write(tmp_path / "closed.jsonl", LINES)
    closed.chmod(0)
    if not os.access(closed, os.R_OK):  # root reads everything
        assert read(closed)[1] == ["FIL008"]


def test_a_glob_takes_all_its_files(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl", "c.txt"):
        write(tmp_path / name, LINES)
    assert len(read(str(tmp_path / "*.jsonl"))[0]) == 40


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(gzip.compress(LINES.encode()))

        @staticmethod
        def isatty() -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Stdin())
    assert read("-") == (ROWS, [])


def test_broken_lines_keep_their_row_numbers_and_physical_lines(tmp_path: Path) -> None:
    good = json.dumps(ROWS[0])
    text = f'{good}\n\n{{"a": 1,}}\n"text"\n{good}{good}\n{good}\n{good[:-5]}'
    data = open_dataset(write(tmp_path / "a.jsonl", text))
    assert [(row.index, row.line) for row in data.rows()] == [(0, 1), (3, 5), (4, 5), (5, 6)]
    assert [(f.code, f.row, f.line) for f in data.findings] == [
        ("JSN201", 1, 3), ("JSN213", 2, 4), ("JSN212", 3, 5), ("JSN202", 6, 7), ("JSN211", None, 2),
    ]  # fmt: skip
    assert list(data.rows()) == list(data.rows()), "reading again gives the same"
    assert len(data.findings) == 5


def test_row_faults_in_lines_and_in_arrays(tmp_path: Path) -> None:
    faults = {
        "JSN206": '{"text": "a", "text": "b"}',
        "JSN207": '{"text": "a", "n": NaN}',
        "JSN208": '{"text": "a", "n": 1e999}',
        "JSN209": '{"text": ' + "[" * 200 + "]" * 200 + "}",
        "ENC106": '{"text": "\\ud800"}',
        "JSN213": "17",
        "JSN214": json.dumps(json.dumps({"text": "a"})),
    }
    for code, line in faults.items():
        assert read(write(tmp_path / "a.jsonl", line + "\n" + LINES))[1] == [code], code
        array = "[\n" + line + ",\n" + json.dumps(ROWS[0]) + "]"
        rows, codes = read(write(tmp_path / "a.json", array))
        assert codes == [code], code
        assert rows[-1] == ROWS[0]


def test_why_a_line_is_not_json_is_said(tmp_path: Path) -> None:
    causes = {
        '{"a": 1,}': "comma",
        "{'a': 1": "single ones",
        '{"a": True}': "Python",
        '{"a": 1} # note': "follows",
        "// note": "comments",
        '{"a": "x\ty"}': "escaped",
        '{"a": "\\x"}': "backslash",
    }
    for line, word in causes.items():
        data = open_dataset(write(tmp_path / "a.jsonl", LINES + line + "\n" + LINES))
        assert len(list(data.rows())) == 40
        assert word in data.findings[0].message, (line, data.findings[0])
        assert data.findings[0].line == 21


def test_python_repr_is_named(tmp_path: Path) -> None:
    rows, codes = read(write(tmp_path / "a.jsonl", str({"text": "it's", "ok": True}) + "\n"))
    assert (rows, codes) == ([], ["JSN215"])


def test_a_line_too_long_is_skipped_and_memory_stays_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_lines, "MAX_LINE_BYTES", 1 << 20)
    good = json.dumps(ROWS[0])
    rows, codes = read(write(tmp_path / "a.jsonl", good + "\n" + "x" * (3 << 20) + "\n" + good + "\n"))
    assert (rows, codes) == ([ROWS[0]] * 2, ["JSN210"])


def test_csv_faults(tmp_path: Path) -> None:
    text = 'prompt,completion\na,b\nc\nd,e,f\n"multi\nline",NA\ng,"open\nx,y\n'
    data = open_dataset(write(tmp_path / "a.csv", text))
    rows = [(row.line, row.data) for row in data.rows()]
    assert rows == [(2, {"prompt": "a", "completion": "b"}), (5, {"prompt": "multi\nline", "completion": "NA"}),
                    (7, {"prompt": "g", "completion": "open\nx,y\n"})]  # fmt: skip
    assert [(f.code, f.line) for f in data.findings] == [("CSV221", 3), ("CSV221", 4), ("CSV225", 5)]
    assert read(write(tmp_path / "b.csv", "prompt,prompt,completion\na,b,c\n"))[1] == ["SCH306"]
    assert read(write(tmp_path / "c.csv", "text\n" + "x" * 300_000 + "\n")) == ([{"text": "x" * 300_000}], [])


def test_mapping_that_makes_no_format_and_missing_data_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(FtuiError, match="column mapping"):
        open_dataset(write(tmp_path / "a.jsonl", LINES), mapping={"nonsense": "x"})
    with pytest.raises(FtuiError, match="there is no file"):
        readable_dataset(tmp_path / "b.jsonl")


PIECES = [b'{"text": "a"}', b"\n", b"\r", b"[", b"]", b",", b"{", b'"', b"\0", b"\xff", b"NaN", b"1e999", b"a,b\n",
          b"\xe2\x80\xa8", b'{"a":{"a":1,"a":2}}', b"\\ud800", b"PAR1", b"\x1f\x8b"]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass"))
    | st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join),
    st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.tsv", "a", "a.jsonl.gz", "a.parquet", "a.arrow", "a.zst"]),
)  # fmt: skip
def test_any_bytes_under_any_name_give_rows_or_findings(tmp_path: Path, content: bytes, name: str) -> None:
    path = write(tmp_path / name, content)
    data = open_dataset(path)
    rows = list(data.rows())
    assert rows or data.findings
    assert all(isinstance(row.data, dict) for row in rows)
    assert path.read_bytes() == content


DAMAGE = """
import sys
from pathlib import Path
from ftui.core.lint.model import Reporter
from ftui.services.dataset_arrow import ArrowReader

path = Path(sys.argv[1])
whole, read, damaged = path.read_bytes(), 0, 0
for place in range(0, len(whole), 4):
    path.write_bytes(whole[:place] + b"\\x00\\x00\\x00\\x70" + whole[place + 4 :])
    reader = ArrowReader(Reporter({}), "arrow")
    rows = list(reader.rows(path))
    read, damaged = read + bool(rows), damaged + bool(reader.tally.counts)
print(read, damaged)
"""


def test_no_damaged_number_in_an_arrow_file_leads_astray(tmp_path: Path) -> None:
    """Offsets are followed by libarrow: one that points out of its buffer must be found before that, not after."""
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.ipc

    rows = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}] * 3
    table = arrow.Table.from_pylist(rows)
    path = tmp_path / "a.arrow"
    with pyarrow.ipc.new_stream(path, table.schema) as out:
        out.write_table(table)
    done = subprocess.run([sys.executable, "-c", DAMAGE, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read, damaged = map(int, done.stdout.split())
    assert read > 20 and damaged > 20

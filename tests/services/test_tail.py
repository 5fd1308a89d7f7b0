"""Following a file that grows, shrinks, is replaced, or holds garbage."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ftui.core.events import Phase, to_line
from ftui.services.tail import EventTail, LineTail, last_lines


def test_half_a_line_waits_for_its_rest(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = LineTail(path)
    assert tail.poll() == []
    path.write_bytes(b"one\ntw")
    assert tail.poll() == [b"one"]
    assert tail.poll() == []
    with path.open("ab") as file:
        file.write(b"o\nthree\n")
    assert tail.poll() == [b"two", b"three"]
    assert tail.at_end()


def test_a_shorter_or_replaced_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\ntwo\n")
    tail = LineTail(path)
    tail.poll()
    path.write_bytes(b"new\n")
    assert tail.poll() == [b"new"]
    other = tmp_path / "other"
    other.write_bytes(b"replaced and longer\n")
    other.replace(path)
    assert tail.poll() == [b"replaced and longer"]


@given(chunks=st.lists(st.binary(max_size=40), max_size=20), block=st.integers(64, 200))
def test_any_cutting_gives_the_same_lines(tmp_path_factory, chunks: list[bytes], block: int) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("tail") / "file"
    path.touch()
    tail, got = LineTail(path), []
    for chunk in chunks:
        with path.open("ab") as file:
            file.write(chunk.replace(b"\r", b"") + b"\n")
        while batch := tail.poll(block):
            got += batch
    want = b"".join(chunk.replace(b"\r", b"") + b"\n" for chunk in chunks).split(b"\n")[:-1]
    assert b"".join(got) == b"".join(want)


def test_an_endless_line_does_not_fill_memory_or_stop_the_tail(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    good = to_line(Phase("after"))
    path.write_bytes(b"x" * 3_000_000 + b"\n" + good.encode())
    tail, events = EventTail(path), []
    while not tail.at_end():
        events += tail.events(max_bytes=1 << 20)
    assert [stamped.event for stamped in events] == [Phase("after")]


def test_last_lines_reads_only_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"".join(b"%06d\n" % number for number in range(10_000)) + b"half")
    assert last_lines(path, 100)[-1] == b"009999"
    assert len(last_lines(path, 100)) == 13
    assert last_lines(tmp_path / "none") == []

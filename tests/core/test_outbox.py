"""Whatever the disk takes and refuses, the file holds the lines in order, each once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ftui.core.outbox import Outbox


@given(lines=st.lists(st.binary(max_size=20)), takes=st.lists(st.integers(0, 30)))
def test_every_way_of_writing_gives_the_same_file(lines: list[bytes], takes: list[int]) -> None:
    outbox, file = Outbox(), b""
    room = iter(takes)
    for line in lines:
        outbox.put(line.replace(b"\n", b"") + b"\n")
        block = outbox.waiting()
        count = min(next(room, 10**6), len(block))
        file += block[:count]
        outbox.wrote(count)
    file += outbox.waiting()
    assert file == b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)


def test_too_many_lines_lose_the_oldest_whole_ones_and_never_half_a_line() -> None:
    outbox = Outbox(limit_lines=3)
    outbox.put(b"first\n")
    outbox.wrote(2)
    for line in (b"a\n", b"b\n", b"c\n", b"d\n"):
        outbox.put(line)
    assert b"fi" + outbox.waiting() == b"first\nc\nd\n"
    outbox.wrote(len(outbox.waiting()))
    assert not outbox and outbox.waiting() == b""

"""Texts cut and filled to terminal cells, whatever characters they are made of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ftui.core.text import cell_width, clip_start, pad


@given(st.text(max_size=300), st.integers(2, 60))
def test_what_is_cut_at_its_beginning_keeps_its_end_and_fits(text: str, cells: int) -> None:
    shown = clip_start(text, cells)
    assert cell_width(shown) <= cells
    assert cell_width(pad(shown, cells)) == cells
    if text.isascii() and text.isprintable():
        assert text.endswith(shown.removeprefix("…"))
        assert len(text) > cells or shown == text


def test_the_end_of_a_path_is_what_tells_it_from_others() -> None:
    assert clip_start("/very/long/folder/train.jsonl", 14) == "…r/train.jsonl"
    assert clip_start("a" * 1_000_000 + "/rows.jsonl", 12) == "…/rows.jsonl"
    assert clip_start("/データ/行.jsonl", 10) == "…/行.jsonl"
    assert pad("日本", 6) == "日本  " and pad("too long", 3) == "too long"

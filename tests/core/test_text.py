"""What a terminal would obey must never come out of safe(); what a reader needs must."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.core.text import cell_width, clip, duration, gib, plural, safe, safe_log


@given(st.text(alphabet=st.characters()))
def test_nothing_that_a_terminal_obeys_survives(text: str) -> None:
    shown = safe(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in shown)
    assert not any(c in shown for c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff\u200e\u200f")
    assert safe(shown) == shown or "\\" in shown


@given(st.text(alphabet=st.characters()), st.integers(1, 120))
def test_clip_never_exceeds_its_cells(text: str, cells: int) -> None:
    assert cell_width(clip(text, cells)) <= cells


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("[INST] hi [/INST]", "[INST] hi [/INST]"),
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\x", "x"),
        ("bell\x07", "bell\\u{7}"),
        ("abc\u202edcb", "abc\\u{202e}dcb"),
        ("a\u200bb", "a\\u{200b}b"),
        ("tag\U000e0041", "tag\\u{e0041}"),
        ("10%\r20%", "10%\\r20%"),
        ("two\nlines\ttab", "two\\nlines\\ttab"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\u200db", "a\\u{200d}b"),
        ("\x9b31mx", "x"),
        ("lone \ud800", "lone \\u{d800}"),
    ],
)
def test_examples(raw: str, shown: str) -> None:
    assert safe(raw) == shown


def test_a_progress_bar_leaves_its_last_word_in_a_log() -> None:
    assert safe_log("10%\r50%\r100%\nnext\r\n") == "100%\nnext\n"


def test_clip_of_a_megabyte_is_quick_and_short() -> None:
    assert len(clip("\x1b[31mx" * 1_000_000, 80)) <= 80


def test_words_for_quantities() -> None:
    assert plural(1, "row") == "1 row"
    assert plural(1200, "row") == "1,200 rows"
    assert gib(512) == "512 B"
    assert gib(5.5 * 2**30) == "5.5 GiB"
    assert duration(0.41) == "0.4 s"
    assert duration(185) == "3 min 05 s"
    assert duration(7800) == "2 h 10 min"

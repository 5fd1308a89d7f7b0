"""The format of a row is told by its columns; `test_canonical.py` has what becomes of each."""

from __future__ import annotations

import pytest

from ftui.core.formats import detect_format, format_from_mapping

USER = {"role": "user", "content": "Hi"}
BOT = {"role": "assistant", "content": "Hello"}


def test_a_row_that_fits_several_formats_says_so() -> None:
    format = detect_format({"messages": [USER, BOT], "prompt": "p", "completion": "c", "text": "t"})
    assert format.name == "chat"
    assert {"completion", "text"} <= set(format.also)
    assert detect_format({"prompt": "p", "completion": "c"}).also == ()


def test_a_mapping_that_makes_no_format_is_refused() -> None:
    with pytest.raises(ValueError, match="no format has the columns"):
        format_from_mapping({"nonsense": "frage"})

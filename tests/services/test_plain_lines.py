"""What a run's events say as lines: whole sentences, also where a hint follows."""

from __future__ import annotations

import pytest

from ftui.core.events import Alert, Failed
from ftui.services.follow import plain_line


@pytest.mark.parametrize(
    ("message", "hint", "said"),
    [
        ("dpo needs chosen and rejected", "Choose other rows.", "dpo needs chosen and rejected. Choose other rows."),
        ("It is over.", "Begin again.", "It is over. Begin again."),
        ("It is over", "", "It is over"),
    ],
)
def test_message_and_hint_are_sentences(message: str, hint: str, said: str) -> None:
    assert plain_line(Failed("Wrong rows", message, hint)) == f"FAILED Wrong rows: {said}"
    assert plain_line(Alert("warning", "code", message, hint)) == f"WARNING {said}"

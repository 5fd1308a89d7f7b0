"""Files that live for a moment: private, and gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_file(name: str, text: str) -> Iterator[Path]:
    """A file of that name with that text in a private folder of its own; both go when the block ends."""
    with tempfile.TemporaryDirectory(prefix="ftui-") as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        yield path

"""What the trainer and its libraries print ends up in a log: secrets are masked on the way there."""

from __future__ import annotations

import os
import sys
from typing import Any

from ftui.core.secrets import redact, secrets_of


class MaskedStream:
    """A text stream in front of another one that masks what looks like a secret, or is one of the environment's."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._secrets = secrets_of(os.environ)

    def write(self, text: str) -> int:
        self._inner.write(redact(text, known=self._secrets))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def mask_output() -> None:
    """Put a masking stream in front of stdout and stderr of this process."""
    sys.stdout, sys.stderr = MaskedStream(sys.stdout), MaskedStream(sys.stderr)

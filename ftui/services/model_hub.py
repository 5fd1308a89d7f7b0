"""Small files and parts of files from the hub, with the standard library and short timeouts."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

TIMEOUT_SECONDS = 4.0
"""For each wait on the network; `DEADLINE_SECONDS` is for the whole answer."""
DEADLINE_SECONDS = 12.0


class HubError(Exception):
    """The hub could not be asked, or said no. `status` is the HTTP status, 0 when there was none."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def hub_url(model_id: str, path: str) -> str:
    """The address of a file of a model's main revision; HF_ENDPOINT names a mirror."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    return f"{endpoint}/{urllib.parse.quote(model_id)}/resolve/main/{urllib.parse.quote(path)}"


def fetch(url: str, max_bytes: int, first_byte: int | None = None) -> bytes:
    """Up to `max_bytes` of what is at `url`, from `first_byte` on if given. Raises HubError."""
    request = urllib.request.Request(url, headers={"User-Agent": "ftui"})
    if not url.startswith(("https://", "http://")):
        raise HubError(0, f"{url} is no web address")
    token = os.environ.get("HF_TOKEN", "").strip()
    if token:
        # Unredirected: the hub redirects to storage hosts, which must not see the token.
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    if first_byte is not None:
        request.add_header("Range", f"bytes={first_byte}-{first_byte + max_bytes - 1}")
    deadline = time.monotonic() + DEADLINE_SECONDS
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            if first_byte and answer.status != 206:
                raise HubError(answer.status, f"{url} does not give parts of files")
            return _read(answer, max_bytes, deadline, url, whole=first_byte is None)
    except urllib.error.HTTPError as error:
        raise HubError(error.code, f"the hub answered {error.code} ({error.reason})") from None
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise HubError(0, f"the hub could not be reached ({reason})") from None


def _read(answer: Any, max_bytes: int, deadline: float, url: str, whole: bool) -> bytes:
    parts: list[bytes] = []
    size = 0
    while size <= max_bytes:
        part = answer.read(min(65536, max_bytes + 1 - size))
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline:
            raise HubError(0, f"{url} took longer than {DEADLINE_SECONDS:g} s")
    if whole:
        raise HubError(0, f"{url} is larger than {max_bytes:,} bytes")
    return b"".join(parts)[:max_bytes]

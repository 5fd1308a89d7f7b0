"""Hashes by which rows are known to be equal, and the texts that they are compared by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from ftui.core.lint.model import Row

ID_COLUMNS = ("id", "uuid", "_id", "row_id", "example_id")
_BOOKKEEPING = frozenset(ID_COLUMNS) | {"meta", "metadata", "source", "index", "created", "timestamp", "split"}


def digest(text: str, size: int = 8) -> bytes:
    """A hash of a text, half surrogate pairs included."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogatepass")
    return blake2b(data, digest_size=size).digest()


def digests(texts: Iterable[str]) -> list[bytes]:
    """`digest` of each text; a hasher is copied sooner than made."""
    hasher = blake2b(digest_size=8).copy
    made = []
    for text in texts:
        hashed = hasher()
        hashed.update(text.encode("utf-8", "surrogatepass"))
        made.append(hashed.digest())
    return made


def hash64(text: str) -> int:
    """`digest` as a number."""
    return int.from_bytes(digest(text), "little")


def content_key(row: Row) -> bytes:
    """16 bytes that are equal for rows that train the same thing; ids, key order and bookkeeping do not count."""
    return content_key_of(row, b"", b"")


def content_key_of(row: Row, prompt: bytes, answer: bytes) -> bytes:
    """`content_key`, given the digests of prompt and first answer where they are known."""
    turns, start = row.turns, row.answer_start
    simple = row.plain or _is_simple(row)
    if simple and len(turns) == start + 1:
        prompt, answer = prompt or digest(prompt_text(row)), answer or digest(turns[start].text)
        return content_of(prompt, answer, start, turns[0].role)
    text = with_roles(row.joined, [turn.role for turn in turns], [turn.text for turn in turns])
    if row.label is not None:
        text += f"\0{row.label!r}"
    if row.rejected:
        text += f"\0{[turn.role for turn in row.rejected]}{len(row.rejected[0].text)}"
    if not simple and not row.rejected and row.label is None:
        kept = {key: value for key, value in row.data.items() if key not in _BOOKKEEPING}
        text += "\0" + json.dumps(kept, sort_keys=True, default=str)
    return digest(text, 16)


def content_of(prompt: bytes, answer: bytes, start: int, first_role: str) -> bytes:
    """The key of one exchange, from the digests of its prompt and its answer: each half holds something of both, the
    last bytes say how many turns come before the answer, and whether a system prompt does."""
    before = BYTES[start if start < 255 else 255] + (b"s" if first_role == "system" else b"u")
    return prompt[:4] + answer[:4] + prompt[4:] + answer[4:6] + before


def with_roles(joined: str, roles: Sequence[str], texts: Sequence[str]) -> str:
    """What a conversation is known by: its texts, and who said how much of them."""
    return joined + "".join([f"\0{role}{len(text)}" for role, text in zip(roles, texts, strict=True)])


BYTES = tuple(bytes([number]) for number in range(256))


def _is_simple(row: Row) -> bool:
    """Whether the texts and roles of a row are all that is trained of it: no tools, no pictures, no label."""
    if row.tools is not None or row.label is not None or row.rejected or row.format.kind == "prompt" or not row.turns:
        return False
    return all(
        turn.message is None or (len(turn.message) <= 2 and type(turn.message.get("content", "")) is str)
        for turn in row.turns
    )


def prompt_text(row: Row) -> str:
    """Everything before the first answer; "" where there is no prompt."""
    return "\n".join(turn.text for turn in row.turns[: row.answer_start])


def without_system(row: Row, text: str) -> str:
    """A text that begins with all turns of the row (its prompt, or `joined`), without a system prompt in front."""
    turns = row.turns
    return text[len(turns[0].text) + 1 :] if len(turns) > 1 and turns[0].role == "system" else text


def near_text(row: Row) -> str:
    """What near duplicates are judged by: the system prompt is the same in many rows that have nothing in common."""
    return without_system(row, row.joined)

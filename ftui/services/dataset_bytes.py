"""Bytes of a data file in large blocks: decompressed as they come, decoded to UTF-8, guarded against bombs."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ftui.errors import FtuiError

BLOCK_BYTES = 1 << 20
_PACKED_BYTES = 1 << 16
_ZSTD_BITE_BYTES = 1 << 10
BOMB_BYTES = 64 << 20
"""Only output beyond this can be a bomb: small files may compress as well as they like."""
BOMB_RATIO = 200
"""Text compresses 3 to 20 times, very repetitive data 100 times; deflate cannot do more than 1,032."""


class CorruptFile(Exception):
    """A compressed stream that ends early or holds nonsense. What came before it was given already."""


class DecompressionBomb(Exception):
    """A compressed file that would grow without measure."""


def blocks(path: Path, compression: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Give the file's content in blocks of about 1 MiB; `start` and `end` are for uncompressed files.

    compression: "", "gzip" or "zstd". Raises CorruptFile, DecompressionBomb, OSError.
    """
    with path.open("rb") as raw:
        if not compression:
            yield from _plain(raw, start, end)
            return
        pieces = _gzip(raw) if compression == "gzip" else _zstd(raw)
        given = 0
        for piece in pieces:
            given += len(piece)
            if given > BOMB_BYTES and given > BOMB_RATIO * raw.tell():
                raise DecompressionBomb(f"{raw.tell():,} bytes became more than {given:,}")
            yield piece


def _plain(raw: IO[bytes], start: int, end: int | None) -> Iterator[bytes]:
    raw.seek(start)
    left = None if end is None else end - start
    while left is None or left > 0:
        block = raw.read(BLOCK_BYTES if left is None else min(BLOCK_BYTES, left))
        if not block:
            return
        if left is not None:
            left -= len(block)
        yield block


def _gzip(raw: IO[bytes]) -> Iterator[bytes]:
    """Unpack gzip members one after another; what can be read of a damaged stream is given before the error."""
    member = zlib.decompressobj(wbits=31)
    begun = False
    while packed := raw.read(_PACKED_BYTES):
        while packed:
            if member.eof:
                if not packed.strip(b"\0"):  # some tools pad the file with zeros
                    break
                member, begun = zlib.decompressobj(wbits=31), False
            try:
                piece = member.decompress(packed, BLOCK_BYTES)
            except zlib.error as error:
                raise CorruptFile(str(error)) from error
            begun = True
            packed = member.unused_data if member.eof else member.unconsumed_tail
            if piece:
                yield piece
    if begun and not member.eof:
        raise CorruptFile("the end of the stream is missing")


def _zstd(raw: IO[bytes]) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError as missing:
        raise FtuiError(
            "This file is compressed with zstd",
            "the package zstandard is not installed",
            "Run: pip install zstandard, or decompress the file first.",
        ) from missing
    # A frame may ask for a window of gigabytes; 128 MiB is what the zstd program itself accepts.
    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    frame, begun = unpacker.decompressobj(), False
    # Small bites: a zstd block of four bytes can stand for 128 KiB, and one call unpacks all that it is given.
    while packed := raw.read(_ZSTD_BITE_BYTES):
        while packed:
            if frame.eof:
                frame, begun = unpacker.decompressobj(), False
            try:
                piece = frame.decompress(packed)
            except zstandard.ZstdError as error:
                raise CorruptFile(str(error)) from error
            begun = True
            packed = frame.unused_data if frame.eof else b""
            if piece:
                yield piece
    if begun and not frame.eof:
        raise CorruptFile("the end of the stream is missing")


def as_utf8(source: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Recode blocks of another encoding ("utf-16", "cp1252" ...) to UTF-8; what cannot be decoded becomes U+FFFD."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    for block in source:
        yield decoder.decode(block).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def wide_encoding(head: bytes) -> str:
    """ "utf-16" or "utf-32" (with byte order where there is no BOM) when the first bytes show it, else ""."""
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "utf-32"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    sample = head[:64]
    if len(sample) < 8:
        return ""
    nul = [sample[place::4].count(0) * 4 >= len(sample) - 4 for place in range(4)]
    shapes = {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }
    return shapes.get((nul[0], nul[1], nul[2], nul[3]), "")

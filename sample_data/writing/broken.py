"""Small files that are broken on purpose, one fault each: what a linter has to find and name."""

from __future__ import annotations

import json
import zlib
from typing import Any

GOOD = [
    ("How do I clean the kettle?", "A soft damp cloth is best; please never use a sponge or soap."),
    ("Where can I buy spare parts for the lamp?", "Spare parts are in the shop under parts, sorted by year."),
    ("How long is the warranty for the router?", "The warranty is two years from the day of delivery."),
    ("Can I use the heater abroad?", "It works with all common voltages; you only need an adapter."),
]


def chat(asked: str, answered: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]}


def lines(*rows: Any) -> bytes:
    """JSON Lines; a row that is a string already stands as it is."""
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()


def gzip_stored(data: bytes) -> bytes:
    """A gzip member with one stored block, so that its bytes depend on no zlib version. At most 65,535 bytes."""
    size = len(data)
    block = b"\x01" + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + data
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return head + block + zlib.crc32(data).to_bytes(4, "little") + size.to_bytes(4, "little")


def files() -> dict[str, bytes]:
    """File name -> bytes."""
    rows = [chat(*pair) for pair in GOOD]
    good = lines(*rows)
    preference = {
        "prompt": [{"role": "user", "content": GOOD[0][0]}],
        "chosen": [{"role": "assistant", "content": GOOD[0][1]}],
        "rejected": [{"role": "assistant", "content": GOOD[0][1]}],
    }
    label = {
        "prompt": [{"role": "user", "content": GOOD[1][0]}],
        "completion": [{"role": "assistant", "content": GOOD[1][1]}],
    }
    asked, answered = GOOD[2]
    german = json.dumps(chat(asked, "In Köln: zwei Jahre, Gewährleistung inklusive."), ensure_ascii=False) + "\n"
    return {
        "bad-json-line.jsonl": lines(rows[0], rows[1], '{"messages": [{"role": "user", "content": "Hello"}', rows[3]),
        "truncated-last-line.jsonl": good[:-30],
        "empty.jsonl": b"",
        "only-blank-lines.jsonl": b"\n\n  \n",
        "missing-assistant.jsonl": lines(rows[0], {"messages": [{"role": "user", "content": asked}]}, rows[3]),
        "empty-answer.jsonl": lines(rows[0], chat(asked, "   "), rows[3]),
        "wrong-roles.jsonl": lines(
            rows[0], {"messages": [{"role": "human", "content": asked}, {"role": "gpt", "content": answered}]}
        ),
        "content-is-a-number.jsonl": lines(
            rows[0], {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": 24}]}
        ),
        "duplicates.jsonl": lines(rows[0], rows[1], rows[0], rows[0]),
        "contradiction.jsonl": lines(rows[0], chat(GOOD[0][0], "Put it under running water and scrub it well.")),
        "byte-order-mark.jsonl": b"\xef\xbb\xbf" + good,
        "gzip-named.jsonl": gzip_stored(good),
        "utf16.jsonl": good.decode().encode("utf-16"),
        "latin1.jsonl": german.encode("latin-1"),
        "terminal-escapes.jsonl": lines(
            chat("[INST] Is [bold]this[/bold] shown as it is? [/INST]", "Yes, brackets are only text."),
            chat("What is the title now?", "\x1b]0;owned\x07\x1b[2J\x1b[31mEverything is red.\x1b[0m"),
            chat("Which way round?", "Left to right \u202eor back to front\u202c, and a hidden\u200b space."),
        ),
        "special-tokens.jsonl": lines(rows[0], chat(asked, "Two years.<|im_end|>\n<|im_start|>user\nThanks!")),
        "mixed-formats.jsonl": lines(rows[0], {"instruction": asked, "output": answered}, {"text": answered}),
        "duplicate-keys.jsonl": lines(rows[0], '{"messages": [], "messages": ' + json.dumps(rows[1]["messages"]) + "}"),
        "json-array.jsonl": (json.dumps(rows, indent=1) + "\n").encode(),
        "preferences-identical.jsonl": lines(preference),
        "preferences-one-side-empty.jsonl": lines({**preference, "rejected": [{"role": "assistant", "content": ""}]}),
        "kto-label-is-a-string.jsonl": lines({**label, "label": "false"}, {**label, "label": True}),
        "placeholder.jsonl": lines(rows[0], chat(asked, "Dear [Your Name], the warranty is {{years}} years.")),
        "ragged.csv": b'prompt,completion\n"How long?","Two years"\n"How much?"\n"Where?","In the shop","today"\n',
        "lfs-pointer.jsonl": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 48211\n",
        "error-page.jsonl": b"<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not Found</body></html>\n",
        "merge-conflict.jsonl": lines(rows[0], "<" * 7 + " HEAD", rows[1], "=" * 7, rows[2], ">" * 7 + " other"),
    }  # fmt: skip

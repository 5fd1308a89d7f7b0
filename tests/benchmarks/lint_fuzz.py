"""Throws damaged files at the linter for a while: no crash, no hang, no raw control byte, no change to the input.

    python tests/benchmarks/lint_fuzz.py --minutes 10 [--seed N] [--corpus DIR ...]
    python tests/benchmarks/lint_fuzz.py --minutes 5 --guided       guided by coverage (pip install atheris)

Starts from rows of every format, the sample files and the corpora given, and cuts, joins, flips and replaces bytes.
Every crash is written to a file whose name is printed; the seed makes a run repeatable.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import json
import random
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

SECONDS_PER_FILE = 10.0
MAX_SEED_BYTES = 200_000
NAMES = ("a.jsonl", "a.json", "a.csv", "a.tsv", "a", "a.jsonl.gz", "a.parquet", "a.arrow", "a.jsonl.zst", "a.txt")
PIECES = [
    b'{"messages": [', b'{"role": "user", "content": "', b'"}', b"]}", b"\n", b"\r\n", b"\0", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\\ud83d", b"NaN", b"1e999", b"9" * 400, b"[" * 300, b"{" * 300, b'"a": 1, "a": 2',
    b"\xe2\x80\xa8", b"\x1b]0;x\x07", b"<|im_end|>", b"<think>", b"```", b"{{name}}", b"PAR1", b"ARROW1", b",", b";",
    b"\x1f\x8b\x08", b"<<<<<<< HEAD\n", b"\t", b'"', b"'", b"null", b"true", b"-", b"\xf0\x9f\x98", b"\\u0000",
    b"sk-" + b"a1" * 20, b"%s" * 40,
]  # fmt: skip


def seeds(corpora: list[Path]) -> list[bytes]:
    from ftui.core.lint.catalogue import all_rules

    found = [f"{rule.bad}\n{rule.good}\n".encode("utf-8", "surrogatepass") for rule in all_rules().values()]
    found.append(gzip.compress(b"\n".join(found)))
    for folder in corpora:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.stat().st_size:
                found.append(path.read_bytes()[:MAX_SEED_BYTES])
    return found


def mutated(source: random.Random, corpus: list[bytes]) -> bytes:
    data = bytearray(source.choice(corpus))
    for _ in range(source.choice((1, 2, 4, 12))):
        place = source.randrange(len(data) + 1)
        match source.randrange(7):
            case 0:
                data[place:place] = source.choice(PIECES)
            case 1:
                del data[place : place + source.randrange(1, 60)]
            case 2 if data:
                data[place % len(data)] = source.randrange(256)
            case 3:
                data[place:place] = data[place : place + source.randrange(1, 400)] * source.randrange(1, 6)
            case 4:
                other = source.choice(corpus)
                start = source.randrange(len(other) + 1)
                data[place:] = other[start : start + source.randrange(1, 4000)]
            case 5:
                data[place : place + 1] = source.choice((b"\n", b"\r", b'"', b"\\", b",", b"\0"))
            case _:
                data = data[:place] or data
    return bytes(data[:MAX_SEED_BYTES])


def attempt(folder: Path, name: str, data: bytes, source: random.Random) -> str:
    """One file through lint, and now and then through the repairs; gives what went wrong, or ""."""
    from ftui.cli import main

    path = folder / name
    path.write_bytes(data)
    arguments = ["lint", "--no-config", str(path), "--workers", "1"]
    kind = source.choice(
        ("full", "grouped", "concise", "json", "jsonl", "sarif", "github", "junit", "fix", "unsafe", "diff")
    )
    if kind in ("fix", "unsafe"):
        arguments += ["--fix", "--output", str(folder / "out.jsonl"), *(["--unsafe-fixes"] if kind == "unsafe" else [])]
    elif kind == "diff":
        arguments += ["--diff", "--unsafe-fixes"]
    else:
        arguments += ["--format", kind]
    if source.random() < 0.4:
        arguments += ["--model", "tiny", "--max-length", "200"]
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    began = time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    took = time.monotonic() - began
    out.flush()
    text = out.buffer.getvalue().decode("utf-8")  # type: ignore[attr-defined]
    for old in folder.glob("out.jsonl*"):
        old.unlink()
    if code not in (0, 1, 2) or "a bug in ftui" in err.getvalue():
        return f"{kind}: exit code {code}: {err.getvalue()[:2000]}"
    if took > SECONDS_PER_FILE:
        return f"{kind}: took {took:.1f} s"
    if any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 for c in text + err.getvalue()):
        return f"{kind}: a raw control byte in the output"
    if path.read_bytes() != data:
        return f"{kind}: the input was changed"
    if kind in ("json", "sarif"):
        json.loads(text)
    return ""


def guided(minutes: float, corpora: list[Path]) -> None:
    """The same attempts on bytes that atheris (libFuzzer) chooses by what code they reach. Ends the process."""
    import atheris

    with atheris.instrument_imports(include=["ftui"], enable_loader_override=False):
        import ftui.commands.lint
        import ftui.core.lint.catalogue
        import ftui.services.lint
        import ftui.services.lint_fix
        import ftui.services.lint_machine
        import ftui.services.lint_text

        ftui.core.lint.catalogue.family_modules()
    folder = Path(tempfile.mkdtemp(prefix="ftui-fuzz-"))
    seeded, tried = folder / "seeds", folder / "tried"
    seeded.mkdir()
    tried.mkdir()
    for number, data in enumerate(seeds(corpora)):
        (seeded / str(number)).write_bytes(bytes([number % len(NAMES), number % 11]) + data[:20_000])

    def one(data: bytes) -> None:
        if len(data) < 3:
            return
        wrong = attempt(tried, NAMES[data[0] % len(NAMES)], data[2:], random.Random(data[1]))
        for left in tried.iterdir():
            left.unlink()
        if wrong:
            raise AssertionError(wrong)

    flags = [f"-max_total_time={60 * minutes:.0f}", "-max_len=20000", "-timeout=20", "-rss_limit_mb=3000",
             f"-artifact_prefix={folder}/", str(seeded)]  # fmt: skip
    atheris.Setup([sys.argv[0], *flags], one)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--corpus", type=Path, action="append", default=[ROOT / "sample_data"])
    parser.add_argument("--guided", action="store_true")
    arguments = parser.parse_args()
    source = random.Random(arguments.seed)
    folders = [folder for folder in arguments.corpus if folder.is_dir()]
    if arguments.guided:
        guided(arguments.minutes, folders)
    corpus = seeds(folders)
    print(f"seed {arguments.seed}, {len(corpus)} files to start from")
    ended = time.monotonic() + 60 * arguments.minutes
    tried, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < ended:
            data, name = mutated(source, corpus), source.choice(NAMES)
            tried += 1
            try:
                wrong = attempt(Path(folder), name, data, source)
            except Exception:
                wrong = traceback.format_exc()
            if wrong:
                failed += 1
                kept = Path(tempfile.gettempdir()) / f"ftui-fuzz-{arguments.seed}-{tried}-{name}"
                kept.write_bytes(data)
                print(f"FAILED {kept}: {wrong}", flush=True)
            for left in Path(folder).iterdir():
                left.unlink()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{tried:,} files, {failed} failures, peak memory {peak:.0f} MiB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

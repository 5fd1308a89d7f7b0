"""Figures of the dataset linter: speed against `json.loads`, memory, precision and recall on seeded defects.

    python tests/benchmarks/lint.py                  speed on 100,000 rows, seeded defects (minutes)
    python tests/benchmarks/lint.py --million        memory at 1,000,000 rows, near duplicates included (long)
    python tests/benchmarks/lint.py --model FOLDER   TOK rules against the bare tokenizers library
    python tests/benchmarks/lint.py --oracles DIR    recall on real sets with known defects (DIR holds real/)

Speed is CPU time of all processes, the best of several runs, divided by that of `json.loads` on every line, measured in
turns so that both meet the same machine. Two cores that share their units take more CPU time for the same work when
both are busy, so the linter on all cores is also divided by `json.loads` on all cores. Bytecode is cached, as pip does
when it installs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

SYLLABLES = [a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er", "in", "on", "al")]
SMALL = "the a of to and in is it for on with as at by from that this be are was will can may should must".split()  # noqa: SIM905


def words(source: random.Random) -> list[str]:
    made = {"".join(source.choice(SYLLABLES) for _ in range(source.randint(2, 3))) for _ in range(900)}
    return sorted(made) + SMALL * 12


def text(source: random.Random, vocabulary: Sequence[str], low: int, high: int) -> str:
    target, sentences, size = source.randint(low, high), [], 0
    while size < target:
        some = [source.choice(vocabulary) for _ in range(source.randint(6, 14))]
        sentences.append(" ".join(some).capitalize() + ".")
        size += len(sentences[-1]) + 1
    return " ".join(sentences)


def chat_row(source: random.Random, vocabulary: Sequence[str], number: int) -> dict[str, Any]:
    """About 556 bytes as JSON: a third with a system prompt, every seventh with two exchanges."""
    messages = [{"role": "system", "content": "You are a helpful support assistant."}] if source.random() < 0.3 else []
    messages.append({"role": "user", "content": f"Case {number}: {text(source, vocabulary, 60, 160)}"})
    messages.append({"role": "assistant", "content": text(source, vocabulary, 150, 300)})
    if source.random() < 0.15:
        messages.append({"role": "user", "content": text(source, vocabulary, 20, 60)})
        messages.append({"role": "assistant", "content": text(source, vocabulary, 40, 120)})
    return {"messages": messages}


def generate(path: Path, rows: int, seed: int = 1) -> None:
    source = random.Random(seed)
    vocabulary = words(source)
    with path.open("w", encoding="utf-8") as out:
        for number in range(rows):
            out.write(json.dumps(chat_row(source, vocabulary, number)) + "\n")


def child_seconds(command: list[str]) -> tuple[float, float]:
    """CPU seconds (of the process and its children) and wall seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - began


LOADS = """
import json, sys, time
passes = []
for _ in range(6):
    with open(sys.argv[1], encoding="utf-8") as file:
        began = time.process_time()
        for line in file:
            json.loads(line)
        passes.append(time.process_time() - began)
print(min(passes))
"""


def loads_seconds(path: Path, together: int = 1) -> float:
    """CPU seconds of one pass of json.loads over every line: the best of six. together: so many processes do it at the
    same time, and their mean counts: two cores that share a clock, a cache or their units are slower when both work."""
    command = [sys.executable, "-c", LOADS, str(path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(together)]
    return sum(float(process.communicate()[0]) for process in processes) / together


def speed(path: Path, rows: int, repeats: int) -> None:
    lint = [sys.executable, "-m", "ftui", "lint", "--no-config", "--json"]
    cores = min(8, len(os.sched_getaffinity(0)))
    alone, together, single, several, start = [], [], [], [], []
    nothing = path.with_name("one.jsonl")
    generate(nothing, 12)
    for _ in range(repeats):
        alone.append(loads_seconds(path))
        single.append(child_seconds([*lint, "--workers", "1", str(path)]))
        together.append(loads_seconds(path, cores))
        several.append(child_seconds([*lint, str(path)]))
        start.append(child_seconds([*lint, str(nothing)])[0])
    size = path.stat().st_size
    print(f"\nSpeed: {rows:,} chat rows of {size / rows:.0f} bytes, every rule that needs no tokenizer;"
          f" the best of {repeats} turns")  # fmt: skip
    for name, seconds in (("json.loads on every line", min(alone)), (f"  the same, {cores} at a time", min(together))):
        print(f"  {name:<30} {seconds:7.2f} s CPU  {1e6 * seconds / rows:6.2f} us/row")
    for name, times in (("ftui lint, one process", single), ("ftui lint, all cores", several)):
        cpu, wall = (min(each) for each in zip(*times, strict=True))
        print(f"  {name:<30} {cpu:7.2f} s CPU  {1e6 * cpu / rows:6.2f} us/row  {wall:6.2f} s wall,"
              f" {rows / wall:,.0f} rows/s")  # fmt: skip
    print(f"  of which starting the program  {min(start):7.2f} s CPU")
    one, all_cores = min(cpu for cpu, _ in single), min(cpu for cpu, _ in several)
    print("  ratio of the CPU time to that of json.loads (wanted: at most 15)")
    print(f"    one process, json.loads by itself          {one / min(alone):5.1f}")
    print(f"    all cores, json.loads on all cores too     {all_cores / min(together):5.1f}")
    print(f"    all cores, json.loads by itself            {all_cores / min(alone):5.1f}")


def peak_bytes(command: list[str]) -> tuple[int, float]:
    """The highest sum of proportional memory (PSS) of a command and its children, and its wall seconds."""
    import psutil

    peak = 0
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)

    def watch() -> None:
        nonlocal peak
        try:
            root = psutil.Process(process.pid)
            while process.poll() is None:
                total = 0
                for one in [root, *root.children(recursive=True)]:
                    try:
                        total += one.memory_full_info().pss
                    except psutil.Error:
                        continue
                peak = max(peak, total)
                time.sleep(0.1)
        except psutil.Error:
            return

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    watcher.join()
    return peak, time.perf_counter() - began


def memory(folder: Path, sizes: Sequence[int]) -> None:
    print("\nPeak memory of ftui lint and its workers (proportional set size), exact and near duplicates included")
    for rows in sizes:
        path = folder / f"memory-{rows}.jsonl"
        if not path.exists():
            generate(path, rows, seed=2)
        command = [sys.executable, "-m", "ftui", "lint", "--no-config", "--format", "json", str(path)]
        peak, wall = peak_bytes(command)
        without, _ = peak_bytes([*command, "--ignore", "DUP"])
        print(f"  {rows:>9,} rows, {path.stat().st_size >> 20:>4} MiB: {peak / 2**20:6.0f} MiB"
              f" ({without / 2**20:.0f} MiB without the DUP rules), {wall:.0f} s")  # fmt: skip
    print("  wanted: at most 400 MiB at 1,000,000 rows")


def seeded(rows: int) -> None:
    """Put every rule's own bad example at known places into clean rows; count hits there and elsewhere."""
    from ftui.core.lint.catalogue import all_rules
    from ftui.services.lint import LintOptions, lint_files

    source = random.Random(5)
    vocabulary = words(source)
    clean = [json.dumps(chat_row(source, vocabulary, number)) for number in range(rows)]
    places = sorted(source.sample(range(rows), 20))
    print(f"\nSeeded defects: each rule's bad example at {len(places)} known rows among {rows:,} clean ones")
    print("  rule    recall  precision  (found there, found elsewhere, not found)")
    worst: list[str] = []
    counted = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seeded.jsonl"
        for code, rule in all_rules().items():
            lines = [line for line in rule.bad.split("\n") if is_row(line)]
            if rule.cost != "row" or len(lines) != 1 or code.startswith(("DST", "TOK")) or code == "TOL460":
                continue
            mixed = [variant(lines[0], place) if place in places else line for place, line in enumerate(clean)]
            path.write_text("\n".join(mixed) + "\n", encoding="utf-8")
            [report] = lint_files([str(path)], options=LintOptions(select=[code], workers=1, near=False))
            found = {finding.row for finding in report.findings if finding.code == code}
            hits, others = len(found & set(places)), len(found - set(places))
            recall = hits / len(places)
            precision = hits / (hits + others) if hits + others else 0.0
            counted += 1
            print(f"  {code}  {recall:6.2f}  {precision:9.2f}  ({hits}, {others}, {len(places) - hits})")
            if recall < 1 or precision < 1:
                worst.append(code)
    print(f"  {counted} rules; below 1.00: {', '.join(worst) or 'none'} (TOL460 and TOK need a model)")


def seeded_repeats(rows: int) -> None:
    """Exact copies, edited copies, second answers and leaks at known places."""
    from ftui.services.lint import LintOptions, lint_files
    from ftui.services.near_duplicates import SIMILARITY, similarity

    source = random.Random(6)
    vocabulary = words(source)
    clean = [chat_row(source, vocabulary, number) for number in range(rows)]
    truth: dict[str, set[int]] = {"DUP701": set(), "DUP702": set(), "DUP703": set(), "DUP705": set()}
    mixed = list(clean)
    for number in range(0, rows, 20):
        copy = json.loads(json.dumps(clean[number]))
        kind = number // 20 % 3
        if kind == 1:
            parts = copy["messages"][-1]["content"].split()
            for _ in range(source.randint(1, 4)):
                parts[source.randrange(len(parts))] = "edited"
            copy["messages"][-1]["content"] = " ".join(parts)
        elif kind == 2:
            copy["messages"][-1]["content"] = text(source, vocabulary, 150, 300)
        whole = ["\n".join(m["content"] for m in row["messages"]) for row in (clean[number], copy)]
        one_answer = sum(m["role"] == "assistant" for m in copy["messages"]) == 1
        if kind == 0:
            truth["DUP701"].add(len(mixed))
        else:
            if similarity(*whole) >= SIMILARITY:
                truth["DUP702"].add(len(mixed))
            if one_answer:
                truth["DUP703"].add(len(mixed))
        mixed.append(copy)
    held = [clean[number] for number in range(7, rows, 100)]
    truth["DUP705"] = set(range(7, rows, 100))
    with tempfile.TemporaryDirectory() as folder:
        train, evaluation = Path(folder) / "train.jsonl", Path(folder) / "eval.jsonl"
        for path, some in ((train, mixed), (evaluation, held)):
            path.write_text("".join(json.dumps(row) + "\n" for row in some), encoding="utf-8")
        [report] = lint_files([str(train)], str(evaluation), LintOptions(select=["DUP"], workers=1))
    print("\nSeeded repeats and leaks")
    for code, wanted in truth.items():
        found = {finding.row for finding in report.findings if finding.code == code}
        hits = len(found & wanted)
        recall, precision = hits / len(wanted), hits / max(1, len(found))
        print(f"  {code}  recall {recall:.3f}  precision {precision:.3f}  ({hits} of {len(wanted)})")


def variant(line: str, place: int) -> str:
    """The bad example as a row of its own, so that copies are not found as duplicates instead."""
    return (
        line if not line.startswith("{") else line[:-1].rstrip() + f', "id": {place}}}' if line.endswith("}") else line
    )


def is_row(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def tokenizer_speed(path: Path, model: str, rows: int) -> None:
    """TOK rules against the bare library encoding the same rendered texts, both on all cores."""
    from ftui.core.canonical import canonical
    from ftui.core.formats import detect_format
    from ftui.services.dataset import readable_dataset
    from ftui.services.lint_tokenizer import tokenizer_folder
    from ftui.services.tokenizer import load_tokenizer

    folder = tokenizer_folder(model)
    tokenizer = load_tokenizer(folder)
    texts = []
    for row in readable_dataset(path).rows():
        made = canonical(row.data, detect_format(row.data))
        texts.append(tokenizer.dialect.render(made["messages"], None, False))
    best = 9e9
    for _ in range(3):
        began = time.perf_counter()
        for start in range(0, len(texts), 1000):
            tokenizer.encode_batch(texts[start : start + 1000])
        best = min(best, time.perf_counter() - began)
    command = [sys.executable, "-m", "ftui", "lint", "--no-config", "--json", "--model", model, "--max-length", "1024",
               str(path)]  # fmt: skip
    whole = min(child_seconds([*command, "--select", "TOK"])[1] for _ in range(3))
    print(f"\nTOK rules with the tokenizer of {model}, {rows:,} rows")
    print(f"  bare tokenizers.encode_batch   {best:6.2f} s wall  {rows / best:,.0f} rows/s")
    print(f"  ftui lint --select TOK         {whole:6.2f} s wall  {rows / whole:,.0f} rows/s")
    print(f"  {best / whole:.2f} x (wanted: at least 0.7)")


def oracles(folder: Path) -> None:
    """Recall on real sets whose defects are known."""
    from ftui.services.lint import LintOptions, lint_files

    real = folder / "real" if (folder / "real").is_dir() else folder
    print("\nRecall on real sets")
    kinds = (("placeholder_input", ("QUA602",)), ("placeholder_output", ("QUA602",)), ("merged_examples", ("QUA613",)),
             ("url_only_input", ("QUA614",)), ("empty_output", ("MSG407", "QUA601", "QUA602")),
             ("output_copies_input", ("QUA609",)), ("missing_attachment", ("QUA614",)))  # fmt: skip
    for name, oracle in (("stanford_alpaca/alpaca_5000.json", "alpaca_5000_oracle.json"),
                         ("llama-factory/alpaca_en_demo.json", "alpaca_en_demo_oracle.json")):  # fmt: skip
        truth = json.loads((real / "_truth" / oracle).read_text())
        [report] = lint_files([str(real / name)], options=LintOptions(near=False))
        rows_of: dict[str, set[int | None]] = {}
        for finding in report.findings:
            rows_of.setdefault(finding.code, set()).add(finding.row)
        for kind, codes in kinds:
            wanted = set(truth.get(kind, ()))
            if wanted:
                found = wanted & set().union(*(rows_of.get(code, set()) for code in codes))
                print(f"  {name:<36} {kind:<20} {len(found):>3} of {len(wanted):>3}  {len(found) / len(wanted):.2f}")
    train, held = real / "mlx-wwdc25" / "train.jsonl", real / "mlx-wwdc25" / "valid.jsonl"
    [report] = lint_files([str(train)], str(held))
    print(f"  mlx-wwdc25 leaks: {report.findings.summary['DUP705']} rows (16 are known)")
    print(f"    {report.findings.samples['DUP705'][0].message}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--model")
    parser.add_argument("--oracles", type=Path)
    parser.add_argument("--only", choices=("speed", "seeded", "memory", "tok", "oracles"))
    arguments = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "bytecode")
        path = Path(folder) / "chat.jsonl"
        if arguments.only in (None, "speed", "tok"):
            generate(path, arguments.rows)
        if arguments.only in (None, "speed"):
            speed(path, arguments.rows, arguments.repeats)
        if arguments.model and arguments.only in (None, "tok"):
            tokenizer_speed(path, arguments.model, arguments.rows)
        if arguments.only in (None, "seeded"):
            seeded(2_000)
            seeded_repeats(6_000)
        if arguments.million or arguments.only == "memory":
            memory(Path(folder), (100_000, 1_000_000))
    if arguments.oracles and arguments.only in (None, "oracles"):
        oracles(arguments.oracles)


if __name__ == "__main__":
    main()

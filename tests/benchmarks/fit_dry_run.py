"""How well the dry run meets published peaks: `python tests/benchmarks/fit_dry_run.py [ROW_ID ...]`.

Takes the rows of plain transformers, PEFT and bitsandbytes stacks (the dry run takes the step of the libraries that are
installed, so rows of other kernels or older losses are left out where they differ). About ten seconds a row.
Reads ../shared/vram/measured.csv beside the repository; exits 2 where that is not there.
"""

from __future__ import annotations

import os
import statistics
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from fit_rows import CSV, Row, read_rows

from ftui.core.catalog.models import model
from ftui.trainer.dry_run import dry_run

SOURCES = ("fms none", "fms accelerated-peft-bnb", "T4 script")
MODELS = ("Mistral-7B-v0.1", "Mistral-7B-v0.3", "Llama-3.2-3B", "Llama-3.2-1B", "TinyLlama-1.1B-Chat-v1.0")
PER_GROUP = 2


def main() -> int:
    """Print every row; 2 if the measurements are not there."""
    if not CSV.is_file():
        print(f"no measurements: {CSV} is not there", file=sys.stderr)
        return 2
    errors = []
    print("Dry run against max_memory_allocated (target: <= 1 % each)")
    for row in _chosen(sys.argv[1:]):
        start = time.process_time()
        booked = dry_run(model(row.model).config, row.request, row.gpu.compute_capability)
        seconds = time.process_time() - start
        assert row.measured_bytes
        errors.append(booked["allocated_bytes"] / row.measured_bytes - 1)
        request = row.request
        size = f"b{request.micro_batch}x{request.seq_len}"
        measured, found = row.measured_bytes / 2**30, booked["allocated_bytes"] / 2**30
        print(f"  {row.id:>4} {row.source:23s} {row.model:24s} {request.method:5s} {size:7s} peak {measured:6.2f} GiB"
              f"  dry run {found:6.2f}  {errors[-1]:+6.2%}  {seconds:.0f} s CPU", flush=True)  # fmt: skip
    if errors:
        print(f"  n {len(errors)}  mean {statistics.mean(map(abs, errors)):.2%}  worst {max(map(abs, errors)):.2%}")
    return 0


def _chosen(ids: list[str]) -> list[Row]:
    rows = [row for row in read_rows() if row.grade == "A" and row.measured_bytes]
    if ids:
        return [row for row in rows if row.id in ids]
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.source in SOURCES and row.model in MODELS:
            groups.setdefault((row.source, row.model, row.request.method), []).append(row)
    return [row for group in groups.values() for row in group[:PER_GROUP]]


if __name__ == "__main__":
    sys.exit(main())

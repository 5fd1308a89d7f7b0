"""How well `core/fit` predicts published measurements, and how long it takes.

    python tests/benchmarks/fit.py [--rows]     # --rows lists every row

Reads ../shared/vram/measured.csv beside the repository; exits 2 where that is not there.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fit_rows import CSV, Row, read_rows

from ftui.core.catalog.gpus import gpu_named
from ftui.core.catalog.models import model
from ftui.core.fit import device
from ftui.core.fit.device import context_bytes, device_bytes, judge
from ftui.core.fit.memory import predict_memory
from ftui.core.fit.recommend import recommend, what_fits
from ftui.core.fit.request import FitRequest
from ftui.core.fit.reserve import reserved_bytes
from ftui.core.fit.shapes import shape_from_config
from ftui.core.fit.speed import predict_speed
from ftui.core.fit.step import plan_step

GIB = 2**30
EXPERTS = "Mixtral"
"""A mixture: how its experts are held differs more between stacks than anything else."""


@dataclass(frozen=True)
class Result:
    """One row and what was predicted for it."""

    row: Row
    allocated: int
    expected: int
    low: int
    high: int
    answer: str

    @property
    def error(self) -> float:
        """Predicted over measured allocated bytes, minus one."""
        assert self.row.measured_bytes
        return self.allocated / self.row.measured_bytes - 1

    @property
    def device_error(self) -> float:
        """The same of what the device shows."""
        assert self.row.device_bytes
        return self.expected / self.row.device_bytes - 1


def main() -> int:
    """Print every figure; 2 if the measurements are not there."""
    if not CSV.is_file():
        print(f"no measurements: {CSV} is not there", file=sys.stderr)
        return 2
    rows = read_rows()
    results = [_predict(row, row.request) for row in rows]
    if "--rows" in sys.argv:
        _list(results)
    grade_a = [result for result in results if result.row.grade == "A"]
    print("Allocated bytes, grade A, one GPU, by source and method (target: MAPE <= 3 %, worst under <= 6 %)")
    _by_source(grade_a)
    print("\nThe same from the flags of `ftui fit` alone (a Triton CE said as full, GPTQ as nf4, fp16 as fp16-mixed)")
    flags = [_predict(row, row.flags) for row in rows if row.grade == "A"]
    _by_source(flags)
    dense = [result for result in flags if EXPERTS not in result.row.model]
    _line(f"all without {EXPERTS}", [result.error for result in dense if result.row.measured_bytes])
    plain = [result for result in flags if "Triton" not in result.row.column]
    _line("all without a Triton CE", [result.error for result in plain if result.row.measured_bytes])
    print("\nDevice total by column (target: MAPE <= 8 % in each)")
    _by_column(grade_a, lambda result: result.row.column)
    print(f"\n... from the flags alone, without {EXPERTS}")
    _by_column(dense, lambda result: result.row.column)
    _left_out(rows)
    _out_of_memory(results)
    print("\nGrades B and C: one thing unstated, or rounded (no target)")
    _by_source([result for result in results if result.row.grade in "BC"])
    _by_column([r for r in results if r.row.grade in "BC" and r.row.device_bytes], lambda result: result.row.source)
    _timings()
    return 0


def _predict(row: Row, request: FitRequest) -> Result:
    report = predict_memory(row.shape, request, row.gpu)
    band = device_bytes(report, row.gpu)
    answer = judge(band, row.gpu.usable_bytes, report).answer
    return Result(row, report.allocated_bytes, band.expected, band.low, band.high, answer)


def _line(name: str, errors: Iterable[float], more: str = "") -> None:
    values = list(errors)
    if values:
        mape, bias = statistics.mean(map(abs, values)), statistics.mean(values)
        worst, over = min(values), max(values)
        print(f"  {name:58s} n {len(values):3d}  MAPE {mape:6.1%}  bias {bias:+6.1%}  worst under {min(worst, 0):6.1%}"
              f"  worst over {max(over, 0):6.1%}{more}")  # fmt: skip


def _by_source(results: list[Result]) -> None:
    groups: dict[str, list[float]] = defaultdict(list)
    for result in results:
        if result.row.measured_bytes:
            groups[f"{result.row.source}, {result.row.request.method}"].append(result.error)
    for name in sorted(groups):
        _line(name, groups[name])
    _line("all", [error for errors in groups.values() for error in errors])


def _by_column(results: list[Result], column: Callable[[Result], str]) -> None:
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.row.device_bytes and column(result):
            groups[column(result)].append(result)
    for name in sorted(groups):
        inside = sum(
            r.low <= (r.row.device_bytes or 0) * 1.01 and (r.row.device_bytes or 0) <= r.high for r in groups[name]
        )
        _line(name, [result.device_error for result in groups[name]], f"  in band {inside}")


def _left_out(rows: list[Row]) -> None:
    """Fit the one constant of the slack model without a source, and score that source with it."""
    print("\nAllocator: measured over simulated, beside what is resident (SCATTER); fitted without each source")
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        if row.grade != "A" or not row.device_bytes or row.column == "A100 Triton CE":
            continue
        resident, passing = reserved_bytes(plan_step(row.shape, row.request, row.gpu))
        measured = (row.device_bytes or 0) - context_bytes(row.gpu)
        if resident + passing < 0.9 * row.gpu.usable_bytes:
            points["T4" if row.source == "T4 script" else "A100"].append((measured - resident, passing))
    for source in points:
        rest = [point for name, some in points.items() if name != source for point in some]
        factor = statistics.median(measured / passing for measured, passing in rest)
        own = statistics.median(measured / passing for measured, passing in points[source])
        print(f"  {source:6s} n {len(points[source]):3d}  own median {own:.3f}  without it {factor:.3f}")
    everything = [measured / passing for some in points.values() for measured, passing in some]
    tenths = statistics.quantiles(everything, n=20)
    print(f"  all    n {len(everything):3d}  median {statistics.median(everything):.3f}  5 % {tenths[0]:.3f}"
          f"  95 % {tenths[-1]:.3f}  in use: {device.SCATTER}, worst {device.WORST_SCATTER}")  # fmt: skip


def _out_of_memory(results: list[Result]) -> None:
    print("\nRuns that ran out of memory (none may be called fits), and runs that succeeded")
    for name, wanted in (("out of memory", "A-OOM"), ("succeeded", "A")):
        answers = [result.answer for result in results if result.row.grade == wanted]
        counts = {answer: answers.count(answer) for answer in ("fits", "tight", "no")}
        print(f"  {name:14s} {counts}")


def _list(results: list[Result]) -> None:
    for result in results:
        row, request = result.row, result.row.request
        measured = f"{row.measured_bytes / GIB:7.3f} {result.error:+6.1%}" if row.measured_bytes else " " * 14
        seen = f"{row.device_bytes / GIB:7.2f} {result.device_error:+6.1%}" if row.device_bytes else ""
        print(f"{row.id:>4} {row.grade:5} {row.source[:28]:28s} {row.model[:24]:24s} {request.method:5s} "
              f"b{request.micro_batch}x{request.seq_len:<5d} {result.allocated / GIB:7.3f} {measured}  device "
              f"{result.expected / GIB:6.2f} {seen} {result.answer}")  # fmt: skip


def _timings() -> None:
    print("\nTime (process time, best of 5)")
    shape, gpu = shape_from_config(model("meta-llama/Llama-3.1-8B").config), gpu_named("RTX 4090")
    request = FitRequest()
    report = predict_memory(shape, request, gpu)
    for name, call, count, limit in (
        ("closed form", lambda: predict_memory(shape, request, gpu), 100, "1 ms"),
        ("device band (allocator)", lambda: device_bytes(report, gpu), 20, ""),
        ("speed", lambda: predict_speed(shape, request, gpu), 50, ""),
        ("recommendation", lambda: recommend(shape, gpu), 3, "50 ms"),
        ("what fits, whole catalogue", lambda: what_fits(gpu), 1, ""),
    ):
        best = min(_seconds(call, count) for _ in range(5))
        print(f"  {name:28s} {best * 1e3:8.2f} ms{f'  (target {limit})' if limit else ''}")


def _seconds(call: Callable[[], object], count: int) -> float:
    start = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - start) / count


if __name__ == "__main__":
    sys.exit(main())

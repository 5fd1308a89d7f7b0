"""What the fit screen shows, without the screen: settings that can be turned, and an answer for every method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape
from ftui.core.text import clip, gib
from ftui.errors import FtuiError
from ftui.services.fit_predict import FitAnswer, predict
from ftui.services.fit_target import Target
from ftui.services.fit_words import parts_of, segments, weights_alone
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.lines import Row, Span

LENGTHS = (128, 256, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 32768, 65536, 131072)
BATCHES = (1, 2, 4, 8, 16, 32, 64)
RANKS = (4, 8, 16, 32, 64, 128, 256)
LOOKS = ("bright", "second", "third", "mark", "dim", "accent", "faint")
"""Of the parts of the bar, in order."""
FILLS, FILLS_ASCII = "█▓▒░", "#=+:"
"""The parts of the bar differ in shade as well as in colour."""
NARROW_CELLS = 68
"""Below this there is no room for the speed in the table."""
VERDICT_LOOKS = {"fits": "ok", "tight": "warn", "no": "fail"}


@dataclass(frozen=True)
class Knob:
    """One setting that the arrow keys turn."""

    field: str
    name: str
    about: str
    values: tuple[Any, ...]

    def turned(self, request: FitRequest, by: int) -> FitRequest:
        """The request with the next higher (or lower) value; the same at the end of the scale."""
        now = getattr(request, self.field)
        if by > 0:
            wanted = next((value for value in self.values if value > now), now)
        else:
            wanted = next((value for value in reversed(self.values) if value < now), now)
        return replace(request, **{self.field: wanted})


def knobs(shape: ModelShape) -> tuple[Knob, ...]:
    """The settings, in the order in which Tab goes through them."""
    limit = shape.max_positions or LENGTHS[-1]
    lengths = tuple(sorted({*(length for length in LENGTHS if length <= limit), limit}))
    return (
        Knob("seq_len", "length", "tokens of the longest row", lengths),
        Knob("micro_batch", "batch", "rows at a time", BATCHES),
        Knob("lora_rank", "rank", "of the LoRA matrices", RANKS),
        Knob("grad_checkpointing", "checkpointing", "less memory, a third slower", (False, True)),
    )


@dataclass(frozen=True)
class Way:
    """One method of the table. answer is None where the method is impossible, and `why` says so."""

    name: str
    answer: FitAnswer | None
    why: str = ""


def ways(shape: ModelShape, target: Target, request: FitRequest) -> list[Way]:
    """The same length, batch and rank in every method, from the least approximate to the most."""
    low = "fp32" if target.is_cpu else "bf16-mixed" if target.gpu.bf16 else "fp16-mixed"
    base = replace(request, precision=low, quant="none")  # type: ignore[arg-type]
    quant = request.quant if request.quant != "none" else "nf4-dq"
    tried = [
        ("full", replace(base, method="full", optimizer="adamw_torch_fused")),
        ("full, 8-bit Adam", replace(base, method="full", optimizer="adamw_8bit")),
        ("LoRA", replace(base, method="lora")),
        (f"QLoRA, {quant}", replace(base, method="qlora", quant=quant)),
    ]
    return [_way(name, shape, target, way) for name, way in tried]


def _way(name: str, shape: ModelShape, target: Target, request: FitRequest) -> Way:
    try:
        return Way(name, predict(shape, target, request))
    except FtuiError as error:
        return Way(name, None, str(error))


# ---- rows ----


def table_rows(found: Sequence[Way], chosen: int, width: int, glyphs: Glyphs) -> list[Row]:
    """Methods against verdicts; the chosen one is marked."""
    name_cells = max(len(way.name) for way in found)
    speeds = width >= NARROW_CELLS
    head = f"  {'method':<{name_cells}}  {'needs':>9}  {'to spare':>10}  {'tokens/s  ' if speeds else ''}verdict"
    rows: list[Row] = [((head, "dim"),)]
    for index, way in enumerate(found):
        here = index == chosen
        mark: Span = (f"{glyphs.here if here else ' '} ", "accent")
        name: Span = (f"{way.name:<{name_cells}}", "strong" if here else "text")
        if way.answer is None:
            rows.append((mark, name, (f"  {clip(way.why, width - name_cells - 4)}", "dim")))
            continue
        answer = way.answer
        verdict = answer.verdict.answer
        spare = answer.verdict.margin_bytes
        sign = glyphs.good if verdict == "fits" else glyphs.warning if verdict == "tight" else glyphs.bad
        rate = f"{answer.speed.tokens_per_second:,.0f}" if answer.speed else "?"
        figures = f"  {gib(answer.band.expected):>9}  {gib(spare):>10}  {f'{rate:>8}  ' if speeds else ''}"
        rows.append((mark, name, (figures, "text"), (f"{sign} {verdict}", VERDICT_LOOKS[verdict])))
    return rows


def knob_rows(found: Sequence[Knob], turned: int, request: FitRequest) -> list[Row]:
    """The settings in one row; the one that left and right turn stands between angles."""
    spans: list[Span] = [("  ", "text")]
    for index, knob in enumerate(found):
        value = getattr(request, knob.field)
        text = ("on" if value else "off") if isinstance(value, bool) else f"{value:,}"
        here = index == turned
        spans += [
            (f"{knob.name} ", "accent" if here else "dim"),
            (f"‹{text}›" if here else f" {text} ", "accent" if here else "strong"),
            ("  ", "text"),
        ]
    return [tuple(spans), ((f"  {found[turned].about}", "dim"),)]


def bar_rows(answer: FitAnswer, width: int, glyphs: Glyphs, legend_rows: int = 99) -> list[Row]:
    """What the memory is made of as one bar; the line in it is the end of the free memory. Below, what is what, in at
    most `legend_rows` rows."""
    fills = FILLS_ASCII if glyphs.ascii else FILLS
    cells = max(10, width - 5)
    widths, edge = segments(answer, cells)
    spans: list[Span] = [("  ", "text")]
    drawn = 0
    for index, part in enumerate(widths):
        for piece, start in _split(part, drawn, edge):
            if start == edge and drawn + part > edge:
                spans.append((glyphs.bar, "fail"))
            spans.append((fills[index % len(fills)] * piece, LOOKS[index % len(LOOKS)]))
        drawn += part
    if drawn <= edge:
        spans += [(" " * (edge - drawn), "text"), (glyphs.bar, "ok")]
    label = f"{gib(answer.target.free_bytes)} free"
    at = edge + 2
    under = label.rjust(at + 1) if len(label) <= at else " " * at + "^ " + label
    rows: list[Row] = [tuple(spans), ((clip(under, width), "ok" if drawn <= edge else "fail"),)]
    return [*rows, *_legend(answer, fills, width)[: max(0, legend_rows)]]


def _split(part: int, start: int, edge: int) -> list[tuple[int, int]]:
    """A part of the bar as (cells, first cell), cut where the free memory ends."""
    if start < edge < start + part:
        return [(edge - start, start), (start + part - edge, edge)]
    return [(part, start)] if part else []


def _legend(answer: FitAnswer, fills: str, width: int) -> list[Row]:
    parts = parts_of(answer)
    columns = max(1, min(len(parts), width // 38))
    each = (width - 2) // columns
    per_column = -(-len(parts) // columns)
    rows: list[Row] = []
    for line in range(per_column):
        spans: list[Span] = [("  ", "text")]
        for column in range(columns):
            index = line + column * per_column
            if index < len(parts):
                words, size = parts[index]
                text = clip(f"{gib(size):>9}  {words}", each - 3)
                spans += [(f"{fills[index % len(fills)]} ", LOOKS[index % len(LOOKS)]), (f"{text:<{each - 2}}", "text")]
        rows.append(tuple(spans))
    return rows


def reasons(shape: ModelShape, way: Way, target: Target) -> list[str]:
    """Why the verdict is so, what would change it, and what was taken for granted."""
    if way.answer is None:
        return [way.why]
    answer = way.answer
    found = [*answer.verdict.reasons, weights_alone(shape, target.free_bytes)]
    found += [f"what would change it: {change}" for change in answer.verdict.changes]
    if answer.speed is None:
        found.append("no speed: nothing but this GPU's memory is known")
    return [*found, *answer.memory.assumptions, *target.notes]

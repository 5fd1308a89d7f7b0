"""The page of `ftui fit MODEL` for people."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ftui.core.text import clip, duration, gib, safe
from ftui.services.fit_words import METHODS, parameter_words, parts_of, recipe_words, segments

if TYPE_CHECKING:
    from ftui.core.fit.report import Recommendation
    from ftui.services.fit_predict import FitAnswer
    from ftui.services.model_config import FoundModel

BAR_CELLS = 56
FILLS, FILLS_ASCII = "█▓▒░", "#=+-"
HEADLINES = {"fits": "FITS", "tight": "TIGHT", "no": "DOES NOT FIT"}


def page(
    found: FoundModel, answer: FitAnswer, tokens: int | None, price: float | None, extra: Mapping[str, Any]
) -> list[str]:
    """The answer line by line: verdict, bar, reasons, what would change it."""
    width = min(120, max(60, shutil.get_terminal_size().columns))
    return [part for line in _lines(found, answer, tokens, price, extra) for part in _folded(line, width)]


def _folded(line: str, width: int) -> list[str]:
    """A line that is too long for the terminal goes on below, a little further in."""
    if len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)


def _lines(
    found: FoundModel, answer: FitAnswer, tokens: int | None, price: float | None, extra: Mapping[str, Any]
) -> list[str]:
    target, request = answer.target, answer.request
    size = parameter_words(answer.memory.total_params)
    lines = [
        f"{clip(found.id, 60)}, {size} parameters, on {clip(target.gpu.name, 50)}",
        f"{HEADLINES[answer.verdict.answer]}  {recipe_words(request)}",
        "",
        *bar(answer),
        "",
        *(f"  {safe(reason)}" for reason in answer.verdict.reasons),
        *_speed_lines(answer, tokens, price),
    ]
    if answer.recommendation is not None:
        lines += _why(answer.recommendation)
    if answer.verdict.changes and (answer.recommendation is None or not answer.recommendation.alternatives):
        lines += ["", "What would change it:", *(f"  {safe(change)}" for change in answer.verdict.changes)]
    lines += _sources(answer, extra)
    if target.is_cpu:
        lines += _cards(found, answer)
    return lines


def bar(answer: FitAnswer) -> list[str]:
    """What the memory is made of as one bar; `|` is the end of the free memory."""
    fills = FILLS if "utf" in (sys.stdout.encoding or "").lower() else FILLS_ASCII
    parts = parts_of(answer)
    widths, edge = segments(answer, BAR_CELLS)
    cells = "".join(fills[index % len(fills)] * width for index, width in enumerate(widths)).ljust(BAR_CELLS)
    free = f"{gib(answer.target.free_bytes)} free"
    line = f"  {cells[:edge]}|{cells[edge:]}".rstrip()
    lines = [f"{line}  {free}"] if edge >= BAR_CELLS - 20 else [line, f"  {' ' * edge}^ {free}"]
    for index, (words, size) in enumerate(parts):
        lines.append(f"  {fills[index % len(fills)]} {gib(size):>9}  {words}")
    return lines


def _speed_lines(answer: FitAnswer, tokens: int | None, price: float | None) -> list[str]:
    from ftui.commands.fit_json import cost

    speed = answer.speed
    if speed is None:
        return ["  speed: not known, since nothing but this GPU's memory is"]
    rate, low, high = (
        f"{number:,.0f}" if number >= 10 else f"{number:.1f}"
        for number in (speed.tokens_per_second, speed.low, speed.high)
    )
    line = f"  about {rate} tokens per second ({low} to {high})"
    reasons = "; ".join(speed.reasons)
    lines = [f"{line}: {safe(reasons)}" if reasons else line]
    money = cost(answer, tokens, price)
    if money is not None:
        amount = f", {money['money']:,.2f} at {price:g} an hour" if money["money"] is not None else ""
        lines.append(f"  {money['tokens']:,} tokens take {duration(money['seconds'])}{amount}")
    return lines


def _why(found: Recommendation) -> list[str]:
    lines = ["", "Why:"] if found.choices else []
    for choice in found.choices:
        lines.append(f"  {choice.name.replace('_', ' ')} {safe(choice.value)}: {safe(choice.reason)}")
        if choice.source:
            lines.append(f"      {safe(choice.source)}")
    if found.runner_up is not None:
        lines += ["", f"Second best: {recipe_words(found.runner_up.request)}", f"  {safe(found.runner_up_cost)}"]
    if found.alternatives:
        lines += ["", "What would fit:", *(f"  {safe(sentence)}" for sentence in found.alternatives)]
    return lines + [f"  {safe(note)}" for note in found.notes]


def _sources(answer: FitAnswer, extra: Mapping[str, Any]) -> list[str]:
    lines = [f"  {safe(sentence)}" for sentence in answer.memory.assumptions]
    if not answer.target.is_cpu:
        lines += [f"  {safe(sentence)}" for sentence in answer.target.notes]
    if answer.calibration is not None:
        lines.append(f"  corrected by what was measured: {safe(answer.calibration.source)}")
    if "dry_run" in extra:
        result = extra["dry_run"]
        how = (
            f"drawn out from {result['depths']} of {result['layers']} layers"
            if result["extrapolated"]
            else "all layers"
        )
        lines.append(
            f"  dry run: {gib(result['allocated_bytes'])} allocated ({how}, {result['seconds']:.0f} s); "
            f"the closed form says {gib(result['closed_form_bytes'])} ({result['difference']:+.1%})"
        )
    if "probe" in extra:
        result = extra["probe"]
        kept = "; remembered for later predictions" if result["remembered"] else ""
        lines.append(
            f"  probe on {safe(result['device'])}: {gib(result['allocated_bytes'])} allocated, "
            f"{gib(result['device_bytes'])} of the device{kept}"
        )
        if result["device"] == "cpu":
            lines.append("  no GPU here: the probe ran on the CPU, and says nothing about a GPU")
    return ["", "Good to know:", *lines] if lines else []


def _cards(found: FoundModel, answer: FitAnswer) -> list[str]:
    """No GPU is here and none was named: what common cards would say to it."""
    from ftui.services.fit_list import common_cards, on_card

    why = " ".join(answer.target.notes) or "No GPU here."
    lines = ["", f"{safe(why)} On common ones, with {answer.request.seq_len:,} tokens a row:"]
    for gpu in common_cards():
        other = on_card(found.shape, gpu, answer.request)
        words = METHODS[other.request.method].split()[0]
        free = gib(other.target.free_bytes)
        lines.append(
            f"  {gpu.name:<28} {free:>9}  {other.verdict.answer:<5}  {words:<5} needs about {gib(other.band.expected)}"
        )
    return lines

"""Curves as an SVG drawing and as CSV: pure text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from xml.sax.saxutils import escape

from ftui.tui.widgets.axes import linear_ticks, nice_range, short_number
from ftui.tui.widgets.braille_chart import Curve

_WIDTH, _HEIGHT = 960, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 60, 40
_COLOURS = {
    "faint": "#b8c4d0", "bright": "#1f6feb", "second": "#c05a00", "third": "#7a3fc0",
    "ok": "#1a7f37", "warn": "#b08800", "accent": "#0a7ea4",
}  # fmt: skip


def as_csv(curves: Sequence[Curve], axis: str) -> str:
    """One row a point: series, x, y."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["series", axis, "value"])
    for curve in curves:
        writer.writerows((curve.name or "value", f"{x:g}", repr(y)) for x, y in zip(curve.xs, curve.ys, strict=True))
    return out.getvalue()


def as_svg(curves: Sequence[Curve], title: str, axis: str) -> str:
    """A line drawing with axes and a legend, readable on white."""
    drawn = [curve for curve in curves if len(curve.xs)]
    if not drawn:
        return ""
    x0, x1 = min(curve.xs[0] for curve in drawn), max(curve.xs[-1] for curve in drawn)
    x1 = x1 if x1 > x0 else x0 + 1
    y0, y1 = nice_range(min(min(curve.ys) for curve in drawn), max(max(curve.ys) for curve in drawn), 6)

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + (x - x0) / (x1 - x0) * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - (y - y0) / (y1 - y0) * (_HEIGHT - _TOP - _BOTTOM),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">',
        f'<g font-size="13"><rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="16">{escape(title)}</text>',
    ]
    for tick in linear_ticks(y0, y1, 6):
        x, y = at(x0, tick)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#e4e7eb"/>')
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{short_number(tick, (y1 - y0) / 6)}</text>'
        )
    for tick in linear_ticks(x0, x1, 8):
        x, _ = at(tick, y0)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 16}" text-anchor="middle">{short_number(tick, x1 - x0)}</text>')
    parts.append(
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 2}" text-anchor="end" fill="#57606a">{escape(axis)}</text>'
    )
    for index, curve in enumerate(drawn):
        colour = _COLOURS.get(curve.look, "#333")
        points = [at(x, y) for x, y in zip(curve.xs, curve.ys, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        if curve.points:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points]
        place = _LEFT + index * 150
        parts.append(f'<text x="{place}" y="44" fill="{colour}">{escape(curve.name or "value")}</text>')
    return "\n".join([*parts, "</g></svg>"]) + "\n"

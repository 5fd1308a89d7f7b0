"""Charts of a report as SVG: no scripts, nothing fetched, readable in black and white and by a screen reader."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ftui.core.evaluate import LOWER_IS_BETTER

COLOURS = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#9a6700", "#cf222e")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "10 4")
GOOD, BAD, NEUTRAL = "#1a7f37", "#b42318", "#57606a"
Curve = Sequence[tuple[int, float]]


def curves_svg(curves: Mapping[str, Curve], *, points: frozenset[str] = frozenset(), height: int = 300) -> str:
    """Lines over steps, one for each name; those in `points` with their points marked (few values)."""
    width = 800
    shown = {name: [(s, v) for s, v in curve if math.isfinite(v)] for name, curve in curves.items()}
    shown = {name: curve for name, curve in shown.items() if curve}
    if not shown:
        return "<p>No steps.</p>"
    steps = [step for curve in shown.values() for step, _ in curve]
    values = [value for curve in shown.values() for _, value in curve]
    last, low, high = max(steps) or 1, min(values), max(values)
    span = (high - low) or 1.0

    def place(step: float, value: float) -> tuple[float, float]:
        return 50 + step / last * (width - 70), height - 30 - (value - low) / span * (height - 60)

    names = ", ".join(shown)
    parts = [
        _opened(width, height, f"{names} over steps"),
        f'<path d="M50 20V{height - 30}H{width - 20}" fill="none" stroke="#8c959f"/>',
        f'<text x="4" y="34" font-size="12">{high:.3g}</text>',
        f'<text x="4" y="{height - 30}" font-size="12">{low:.3g}</text>',
        f'<text x="{width - 80}" y="{height - 10}" font-size="12">{last:,} steps</text>',
    ]
    at = 60
    for number, (name, curve) in enumerate(shown.items()):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in thinned(curve)))
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        title = html.escape(name)
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}"{dashed}><title>{title}</title></polyline>'
        )
        if name in points or len(curve) == 1:
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in (place(*p) for p in curve)
            ]
        parts.append(f'<text x="{at}" y="14" font-size="12" fill="{colour}">{title}</text>')
        at += 12 + 7 * len(name)
    return "".join([*parts, "</svg>"])


def thinned(curve: Curve, most: int = 800) -> Curve:
    """At most about `most` points of a long curve: of each stretch its lowest and its highest."""
    if len(curve) <= most:
        return curve
    size = math.ceil(len(curve) / (most // 2))
    kept: list[tuple[int, float]] = []
    for start in range(0, len(curve), size):
        some = curve[start : start + size]
        ends = {min(some, key=lambda point: point[1]), max(some, key=lambda point: point[1])}
        kept += sorted(ends)
    return kept


def changes_svg(metrics: Mapping[str, Mapping[str, Any]], primary: str) -> str:
    """Each metric's change with its interval around zero; only those between 0 and 1, which share one scale."""
    shown = {
        n: m for n, m in metrics.items() if max(abs(m["base"]), abs(m["tuned"])) <= 1 and not n.endswith("_tokens")
    }
    if not shown:
        return ""
    names = sorted(shown, key=lambda name: (name != primary, name))
    reach = max(0.05, *(abs(m[key]) for m in shown.values() for key in ("ci_low", "ci_high")))
    width, row, middle = 800, 26, 480
    scale = 280 / reach
    height = row * len(names) + 34
    parts = [
        _opened(width, height, "change of each metric with its 95 % interval"),
        f'<path d="M{middle} 4V{height - 26}" stroke="#8c959f"/>',
        f'<text x="{middle - 280}" y="{height - 8}" font-size="12">-{reach:.2g}</text>',
        f'<text x="{middle - 4}" y="{height - 8}" font-size="12">0</text>',
        f'<text x="{middle + 256}" y="{height - 8}" font-size="12">+{reach:.2g}</text>',
    ]
    for number, name in enumerate(names):
        m, y = shown[name], 18 + row * number
        sign = -1 if name in LOWER_IS_BETTER else 1
        low, high = sorted((sign * m["ci_low"], sign * m["ci_high"]))
        colour = GOOD if low > 0 else BAD if high < 0 else NEUTRAL
        weight = ' font-weight="700"' if name == primary else ""
        label = html.escape(name.replace("_", " "))
        start, end, dot = (middle + m[key] * scale for key in ("ci_low", "ci_high", "delta"))
        parts.append(f'<text x="4" y="{y + 4}" font-size="13"{weight}>{label}</text>')
        parts.append(f'<path d="M{start:.1f} {y}H{end:.1f}" stroke="{colour}" stroke-width="4"/>')
        parts.append(f'<circle cx="{dot:.1f}" cy="{y}" r="5" fill="{colour}"><title>{m["delta"]:+.3f}</title></circle>')
    return "".join([*parts, "</svg>"])


def wins_svg(criteria: Mapping[str, Mapping[str, Any]], title: str) -> str:
    """Per criterion a bar of tuned better, same and base better."""
    if not criteria:
        return ""
    row, width, left = 26, 800, 140
    parts = [_opened(width, row * len(criteria) + 24, title)]
    for number, (name, c) in enumerate(criteria.items()):
        whole, x, y = c["wins"] + c["ties"] + c["losses"], float(left), row * number + 4
        parts.append(f'<text x="4" y="{y + 14}" font-size="13">{html.escape(name)}</text>')
        for key, colour in (("wins", GOOD), ("ties", "#d0d7de"), ("losses", BAD)):
            length = (width - left - 20) * c[key] / whole if whole else 0.0
            if length:
                ink = "#1f2328" if key == "ties" else "#ffffff"
                parts.append(f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="20" fill="{colour}"/>')
                parts.append(f'<text x="{x + 6:.1f}" y="{y + 14}" font-size="12" fill="{ink}">{c[key]}</text>')
            x += length
    legend = row * len(criteria) + 18
    parts.append(f'<text x="{left}" y="{legend}" font-size="12">tuned better | same | base better</text></svg>')
    return "".join(parts)


def _opened(width: int, height: int, label: str) -> str:
    namespace = "http://www.w3.org/2000/svg"
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(label)}" xmlns="{namespace}">'

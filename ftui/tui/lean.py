"""Partial repaints that send only the cells that changed.

Textual 8.2 cuts a dirty span off at its right end but sends the widget's line from its left edge on: the tip of a curve
costs as much as the whole row. This compositor cuts on both sides. Textual's internals may move within a version range
that is otherwise fine, so whatever does not fit here falls back to Textual's own way.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor


class LeanUpdate(ChopsUpdate):
    """A partial repaint whose spans begin where the change begins."""

    def render_segments(self, console: Console) -> str:
        parts: list[str] = []
        for y, start, end in self.spans:
            for chop_end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= end or chop_end <= start:
                    continue
                left = max(x, start)
                parts.append(Control.move_to(left, y).segment.text)
                parts.append(strip.crop(left - x, min(chop_end, end) - x).render(console))
        return "".join(parts)


class LeanCompositor(Compositor):
    """A compositor that repaints leanly."""

    def render_partial_update(self) -> ChopsUpdate | None:
        update = super().render_partial_update()
        if isinstance(update, ChopsUpdate):
            return LeanUpdate(update.chops, update.spans, update.chop_ends)
        return update

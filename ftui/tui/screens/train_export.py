"""A pane as files: charts as SVG and CSV, everything else as text."""

from __future__ import annotations

from pathlib import Path

from ftui.services.exports import write_export
from ftui.tui.widgets.braille_chart import BrailleChart
from ftui.tui.widgets.chart_files import as_csv, as_svg
from ftui.tui.widgets.lines import Lines
from ftui.tui.widgets.log_pane import LogPane
from ftui.tui.widgets.pane import TITLES, Pane
from ftui.tui.widgets.text_pane import TextPane


def pane_text(pane: Pane) -> str:
    """What the pane shows, as text."""
    parts = [w.plain for w in pane.walk_children() if isinstance(w, Lines | LogPane | TextPane) and w.display]
    return "\n".join(part for part in parts if part)


def export_in_words(pane: Pane, run_name: str) -> tuple[str, str]:
    """Write the pane's content; what to say about it, and how grave that is."""
    try:
        paths = export_pane(pane, run_name)
    except OSError as error:
        return f"Not written: {error.filename}: {error.strerror}", "error"
    return "Written: " + ", ".join(str(path) for path in paths), "information"


def export_pane(pane: Pane, run_name: str) -> list[Path]:
    """Write the pane's content; gives the files. Raises OSError."""
    title = TITLES[pane.number - 1].lower()
    charts = [chart for chart in pane.query(BrailleChart) if chart.curves]
    paths = []
    if charts:
        curves = charts[0].curves
        heading = f"{run_name}: {title}"
        paths.append(write_export(run_name, f"{title}.svg", as_svg(curves, heading, charts[0].axis)))
        paths.append(write_export(run_name, f"{title}.csv", as_csv(curves, charts[0].axis)))
    text = pane_text(pane) if not charts or len(list(pane.walk_children(Lines))) > 1 else ""
    if text:
        paths.append(write_export(run_name, f"{title}.txt", text + "\n"))
    return paths

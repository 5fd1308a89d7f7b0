"""The nine panes of the dashboard, and how each is filled from a run."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical

from ftui.core.events import Sample
from ftui.core.text import safe
from ftui.tui import run_words
from ftui.tui.glyphs import Glyphs
from ftui.tui.run_feed import RunFeed
from ftui.tui.run_view import RunView
from ftui.tui.series import Series
from ftui.tui.widgets.braille_chart import BrailleChart, Curve
from ftui.tui.widgets.fact_table import FactTable
from ftui.tui.widgets.lines import Row
from ftui.tui.widgets.log_pane import LogPane
from ftui.tui.widgets.meter import Meters
from ftui.tui.widgets.pane import ALERTS, FIGURES, LOG, LOSS, MEMORY, NORM, RATE, SAMPLES, SPEED, TITLES, Pane
from ftui.tui.widgets.text_pane import TextPane

OVERLAY_LOOKS = ("third", "ok", "warn", "accent")
METRICS = {RATE: "learning_rate", NORM: "grad_norm", SPEED: "tokens_per_second"}
"""What the three small charts show until another metric is chosen for them."""
REWARDS = ("reward_margin", "reward")
"""Where a run has one of these, it is what one watches: it takes the place of the speed, which the top row says too."""
_ROOM_FOR_CHART = 12
_STAMP = re.compile(r"^\d{8}-\d{6}-")


class MemoryPane(Vertical):
    """Meters, and where there is room memory over time below them."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self.meters = Meters(glyphs=glyphs, empty="None yet: sampled once a second.")
        self.meters.can_focus = True
        self.chart = BrailleChart(glyphs=glyphs, unit=" GiB", axis="seconds")

    def compose(self) -> ComposeResult:
        yield self.meters
        yield self.chart

    def on_resize(self) -> None:
        self.chart.display = self.size.height >= _ROOM_FOR_CHART


class MetricChart(BrailleChart):
    """One metric of the run; a key walks through all there are."""

    BINDINGS = [
        Binding(
            "x", "turn(1)", "Next metric", show=False, id="metric.next", tooltip="Every metric that the run writes"
        ),
        Binding("X", "turn(-1)", "Metric before", show=False, id="metric.before"),
    ]

    def __init__(self, number: int, *, glyphs: Glyphs, empty: str) -> None:
        super().__init__(glyphs=glyphs, empty=empty)
        self._number = number
        self._chosen = ""
        self._names: list[str] = []
        self._fill: Callable[[], None] = lambda: None

    def fill(self, view: RunView, overlays: Sequence[tuple[str, RunView]]) -> str:
        """Draw the metric; gives the name that the pane should bear."""
        self._names = sorted({*view.train, *view.evals} - {"loss", "step_seconds"})
        self._fill = lambda: self._retitle(self.fill(view, overlays))
        usual = METRICS[self._number]
        if self._number == SPEED:
            usual = next((name for name in REWARDS if name in view.train or name in view.evals), usual)
        name = self._chosen or usual
        self.unit = " tok/s" if name == "tokens_per_second" else ""
        self.show(metric_curves(name, view, overlays, self.glyphs), view.steps_total or None)
        return TITLES[self._number - 1] if name == METRICS[self._number] else safe(name).replace("_", " ").capitalize()

    def action_turn(self, by: int) -> None:
        if self._names:
            here = self._chosen or METRICS[self._number]
            place = self._names.index(here) if here in self._names else -1
            self._chosen = self._names[(place + by) % len(self._names)]
            self.action_whole()
            self._fill()

    def _retitle(self, title: str) -> None:
        if isinstance(self.parent, Pane):
            self.parent.retitle(title)


def metric_curves(name: str, view: RunView, overlays: Sequence[tuple[str, RunView]], glyphs: Glyphs) -> list[Curve]:
    """A metric as curves: as it was logged, its average where it is noisy, at evaluations, and in the other runs."""
    curves = []
    average = view.smoothed.get(name) if view.smoothing else None
    if series := view.train.get(name):
        curves.append(_curve("", series, "faint" if average else "bright"))
    if held_out := view.evals.get(name):
        curves.append(Curve("eval", held_out.xs, held_out.ys, "second", points=True, glyph=glyphs.point))
    if average:
        curves.append(_curve("smoothed", average, "bright"))
    return [*curves, *_laid_over(name, overlays)]


def _laid_over(name: str, overlays: Sequence[tuple[str, RunView]]) -> list[Curve]:
    curves = []
    for index, (run, other) in enumerate(overlays):
        letter, series = chr(ord("A") + index), other.smoothed.get(name) or other.train.get(name)
        if series:
            look = OVERLAY_LOOKS[index % len(OVERLAY_LOOKS)]
            curves.append(Curve(f"{letter} {_STAMP.sub('', run)}", series.xs, series.ys, look, ends=letter))
    return curves


class SamplesPane(TextPane):
    """Generations, one at a time, beside the base model's."""

    BINDINGS = [
        Binding("left", "turn(-1)", "Earlier sample", show=False, id="samples.earlier"),
        Binding("right", "turn(1)", "Later sample", show=False, id="samples.later"),
    ]
    back = 0
    """How many samples before the newest one is shown."""

    def __init__(self) -> None:
        super().__init__(empty="No samples yet: they come with each evaluation (eval.samples in the plan).")
        self._samples: Sequence[Sample] = ()

    def fill(self, samples: Sequence[Sample]) -> str:
        """Show the chosen sample; gives the note for the pane's title."""
        self._samples = samples
        if not samples:
            return ""
        self.back = min(self.back, len(samples) - 1)
        sample = samples[len(samples) - 1 - self.back]
        self.show(sample_rows(sample))
        return f"{len(samples) - self.back} of {len(samples)}, step {sample.step}"

    def action_turn(self, by: int) -> None:
        self.back = max(0, min(len(self._samples) - 1, self.back - by))
        note = self.fill(self._samples)
        if isinstance(self.parent, Pane):
            self.parent.say(note)
        self.scroll_home(animate=False)


def sample_rows(sample: Sample) -> list[Row]:
    """Prompt, base, tuned and reference, each under its name."""
    rows: list[Row] = []
    for name, text, look in (
        ("Prompt", sample.prompt, "text"),
        ("Base", sample.base_output, "dim"),
        ("Tuned", sample.output, "strong"),
        ("Reference", sample.reference, "dim"),
    ):
        if text:
            lines = safe(text, newlines=True, tabs=True).split("\n")
            rows.append(((f"{name:<10}", "accent"), (lines[0], look)))
            rows += [((" " * 10, "text"), (line, look)) for line in lines[1:]]
    return rows


def make_panes(glyphs: Glyphs) -> list[Pane]:
    """The panes 1 to 9, empty."""

    facts = FactTable(columns=3, empty="No figures yet.")
    facts.can_focus = True
    return [
        Pane(
            LOSS, BrailleChart(glyphs=glyphs, empty="No loss yet: it comes after loading, tokens and the base score.")
        ),
        Pane(RATE, MetricChart(RATE, glyphs=glyphs, empty="No learning rate yet.")),
        Pane(NORM, MetricChart(NORM, glyphs=glyphs, empty="No gradient norm yet.")),
        Pane(SPEED, MetricChart(SPEED, glyphs=glyphs, empty="No throughput yet.")),
        Pane(MEMORY, MemoryPane(glyphs)),
        Pane(FIGURES, facts),
        Pane(ALERTS, TextPane(empty="Nothing to worry about so far.")),
        Pane(SAMPLES, SamplesPane()),
        Pane(LOG, LogPane(empty="The log is empty so far.")),
    ]


def fill_pane(pane: Pane, feed: RunFeed, glyphs: Glyphs, overlays: Sequence[tuple[str, RunView]]) -> None:
    """Show the run's present figures in the pane. Filling an unchanged pane costs little and sends nothing."""
    _FILL[pane.number](pane, feed, glyphs, overlays)


def _loss(pane: Pane, feed: RunFeed, glyphs: Glyphs, overlays: Sequence[tuple[str, RunView]]) -> None:
    view = feed.view
    loss, held_out, probe = view.train.get("loss"), view.evals.get("eval_loss"), view.evals.get("probe_loss")
    average = view.smoothed.get("loss") if view.smoothing else None
    curves = []
    if loss:
        curves.append(_curve("train", loss, "faint" if average else "bright"))
    if held_out:
        curves.append(Curve("eval", held_out.xs, held_out.ys, "second", points=True, glyph=glyphs.point))
    if average:
        curves.append(_curve("smoothed", average, "bright"))
    curves += _laid_over("loss", overlays)
    if probe:
        curves.append(Curve("general", probe.xs, probe.ys, "third", points=True, glyph="+", line=False))
    pane.query_one(BrailleChart).show(curves, view.steps_total or None)
    pane.say("" if not loss else f"smoothing {view.smoothing:g}" if view.smoothing else "no smoothing")


def _metric(pane: Pane, feed: RunFeed, glyphs: Glyphs, overlays: Sequence[tuple[str, RunView]]) -> None:
    pane.retitle(pane.query_one(MetricChart).fill(feed.view, overlays))


def _memory(pane: Pane, feed: RunFeed, glyphs: Glyphs, overlays: Sequence[tuple[str, RunView]]) -> None:
    body = pane.query_one(MemoryPane)
    body.meters.show(run_words.gauges(feed))
    devices = [device for _, device in sorted(feed.view.gpus.items())] or ([feed.view.host] if feed.view.host else [])
    curves = []
    for index, device in enumerate(devices[:4]):
        seconds, in_gib = list(device.over_time.xs), [value / 2**30 for value in device.over_time.ys]
        curves.append(Curve(device.name, seconds, in_gib, ("bright", "second", "third", "ok")[index]))
    predicted = feed.predicted_bytes("gpu") if feed.view.gpus else None
    if predicted and curves:
        ends, height = (curves[0].xs[0], curves[0].xs[-1]), predicted / 2**30
        curves.append(Curve("predicted peak", ends, (height, height), "mark"))
    if body.chart.display:
        body.chart.show(curves)


def _figures(pane: Pane, feed: RunFeed, glyphs: Glyphs, overlays: Sequence[tuple[str, RunView]]) -> None:
    pane.query_one(FactTable).show(run_words.figures(feed))


def _alerts(pane: Pane, feed: RunFeed, glyphs: Glyphs, overlays: Sequence[tuple[str, RunView]]) -> None:
    pane.query_one(TextPane).show(run_words.alert_rows(feed.view.alerts, glyphs))
    pane.say(run_words.alert_count(feed))


def _samples(pane: Pane, feed: RunFeed, glyphs: Glyphs, overlays: Sequence[tuple[str, RunView]]) -> None:
    pane.say(pane.query_one(SamplesPane).fill(feed.view.samples))


def _log(pane: Pane, feed: RunFeed, glyphs: Glyphs, overlays: Sequence[tuple[str, RunView]]) -> None:
    pane.query_one(LogPane).add(feed.log_lines())


def _curve(name: str, series: Series, look: str) -> Curve:
    return Curve(name, series.xs, series.ys, look)


_FILL = {
    LOSS: _loss, RATE: _metric, NORM: _metric, SPEED: _metric, MEMORY: _memory, FIGURES: _figures, ALERTS: _alerts,
    SAMPLES: _samples, LOG: _log,
}  # fmt: skip

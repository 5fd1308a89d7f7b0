"""A run in words and figures: what the dashboard's rows say. Pure functions of the feed and the time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePath

from ftui.core.events import Alert, Done, Failed
from ftui.core.metrics import eta_seconds
from ftui.core.text import cell_width, clip, duration, gib, plural, safe
from ftui.tui.glyphs import Glyphs
from ftui.tui.run_feed import RunFeed
from ftui.tui.widgets.fact_table import Fact
from ftui.tui.widgets.lines import Row
from ftui.tui.widgets.meter import Gauge

SILENT_SECONDS = 15.0
"""A live run whose supervisor, which samples once a second, says nothing for this long is called stalled."""

PHASES = {
    "waiting": "waiting",
    "preparing": "preparing the data",
    "importing": "loading libraries (about 10 s)",
    "checking": "checking",
    "loading": "loading the model",
    "tokenizing": "turning rows into tokens",
    "base_score": "scoring the base model",
    "training": "training",
    "evaluating": "evaluating",
    "saving": "saving a checkpoint",
    "tuned_score": "scoring the tuned model",
    "idle": "idle",
}
STATUS_LOOKS = {"finished": "ok", "failed": "fail", "interrupted": "fail", "stopped": "warn", "paused": "warn"}


def heartbeat(feed: RunFeed, silent_seconds: float, glyphs: Glyphs) -> tuple[str, str, str]:
    """(glyph, word, look) of the run's state: is it alive, silent, or over?"""
    status = feed.state.status
    if feed.gone:
        return glyphs.bad, "its folder is gone; what was read stays", "fail"
    if status == "interrupted":
        return glyphs.bad, "interrupted (no process left)", "fail"
    if status == "prepared":
        return glyphs.waiting, "prepared", "warn"
    if not feed.live:
        return glyphs.good if status == "finished" else glyphs.ended, status, STATUS_LOOKS.get(status, "dim")
    if status == "queued":
        return glyphs.waiting, "queued", "warn"
    if feed.state.waiting:
        return glyphs.waiting, f"paused: {safe(feed.state.reason)}", "warn"
    if silent_seconds > SILENT_SECONDS:
        return glyphs.warning, f"stalled: no word for {duration(silent_seconds)}", "warn"
    return glyphs.live, status if status != "running" else "live", "ok"


def status_rows(
    feed: RunFeed, now: datetime, silent_seconds: float, width: int, glyphs: Glyphs, notes: str
) -> list[Row]:
    """The two rows on top of the dashboard: which run, how it is, what it does, how far it is."""
    glyph, word, look = heartbeat(feed, silent_seconds, glyphs)
    name = clip(feed.run.name, max(12, width // 2 - 4))
    left: list[tuple[str, str]] = [(name, "strong"), ("  ", "text"), (f"{glyph} {word}", look)]
    if notes:
        left.append((f"  {notes}", "warn"))
    if feed.live and not feed.view.steps_total:
        return [_cut(left, width), _cut([(phase_in_words(feed, now), "text")], width)]
    if feed.live:
        left.append((f"  {phase_in_words(feed, now)}", "text"))
    elif feed.state.reason:
        left.append((f"  {safe(feed.state.reason)}", "dim"))
    return [_cut(left, width), _cut(progress(feed, width, glyphs), width)]


def phase_in_words(feed: RunFeed, now: datetime) -> str:
    """What the run is busy with, how far, and since when."""
    phase, since = feed.view.phase, feed.view.phase_since
    text = PHASES.get(phase.name, safe(phase.name).replace("_", " "))
    if phase.fraction is not None:
        text += f" {phase.fraction:.0%}"
    if since is not None and phase.name != "training":
        # Before the detail, which is cut where there is no room: the seconds show that nothing is frozen.
        text += f", {duration(max(0.0, (now - since).total_seconds()))}"
    if phase.detail and phase.name != "training":
        text += f": {clip(phase.detail, 100)}"
    return text


def progress(feed: RunFeed, width: int, glyphs: Glyphs) -> list[tuple[str, str]]:
    """Bar, steps, time left with its spread, pace. Stays at its last value when the run is over."""
    view = feed.view
    if not view.steps_total:
        if isinstance(view.outcome, Failed):
            return [(f"{safe(view.outcome.title)}: {safe(view.outcome.message)}", "fail")]
        return [("No step yet.", "dim")]
    share = min(1.0, view.step / view.steps_total)
    cells = max(8, min(30, width // 5))
    filled = round(share * cells)
    spans = [
        (glyphs.full * filled, "bright"),
        (glyphs.empty * (cells - filled), "faint"),
        (f" {share:4.0%} ", "strong"),
        (f" step {view.step:,} of {view.steps_total:,}", "text"),
    ]
    if feed.live and (left := time_left(feed)):
        spans.append((f"  {left}", "text"))
    if view.step_seconds:
        spans.append((f"  {_pace(view.step_seconds[-1])}", "dim"))
    speed = view.latest.get("tokens_per_second")
    if speed is not None:
        spans.append((f"  {speed:,.0f} tok/s", "dim"))
    return spans


def time_left(feed: RunFeed) -> str:
    """Time left with its spread in words, or empty."""
    view = feed.view
    guess = eta_seconds(list(view.step_seconds), view.steps_total - view.step)
    if guess is None or view.steps_total <= view.step:
        return ""
    low, expected, high = guess
    size, unit = next((size, unit) for limit, size, unit in _UNITS if expected < limit)
    least, middle, most = (_rounded(seconds / size) for seconds in (low, expected, high))
    spread = f" ({least} to {most})" if least != most else ""
    return f"about {middle} {unit} left{spread}"


def _rounded(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def figures(feed: RunFeed) -> list[Fact]:
    """The latest value of everything, in the order of interest."""
    view = feed.view
    latest = view.latest
    facts = _metric_facts(latest, _PACE_METRICS)
    if "tokens_per_second" in latest:
        facts.append(Fact("speed", f"{latest['tokens_per_second']:,.0f} tok/s"))
    if view.steps_total:
        total = feed.plan.train.epochs if feed.plan and not feed.plan.train.max_steps else None
        facts.append(Fact("epoch", f"{view.epoch:.2f}" + (f" of {total:g}" if total else "")))
        facts.append(Fact("tokens", f"{view.tokens:,}"))
    if view.step_seconds:
        facts.append(Fact("pace", _pace(view.step_seconds[-1])))
    facts += _metric_facts(latest, _QUALITY_METRICS)
    known = {*_PACE_METRICS, *_QUALITY_METRICS, "step_seconds", "tokens_per_second", "eval_seconds"}
    facts += [Fact(safe(name).replace("_", " "), f"{latest[name]:.4g}") for name in sorted(latest) if name not in known]
    if view.best:
        facts.append(Fact("best checkpoint", f"step {view.best.step}, {gib(view.best.size_bytes)}"))
    elif view.checkpoints:
        facts.append(Fact("checkpoint", f"step {view.checkpoints[-1].step}"))
    if view.attempt.attempt > 1:
        facts.append(Fact("attempt", f"{view.attempt.attempt} ({safe(view.attempt.reason)})"))
    if feed.plan:
        plan = feed.plan
        facts.append(Fact("method", f"{plan.method.task}, {plan.method.technique}"))
        facts.append(Fact("model", PurePath(plan.model.id).name))
        facts.append(Fact("data", PurePath(plan.data.train).name))
    if feed.advice_against:
        facts.append(Fact("advised was", safe(feed.advice_against), look="warn"))
    verdict = feed.verdict.get("verdict")
    if isinstance(verdict, str):
        look = {"SHIP": "ok", "DONT_SHIP": "fail"}.get(verdict, "warn")
        facts.insert(0, Fact("verdict", verdict.replace("DONT_SHIP", "DON'T SHIP"), look=look))
    if isinstance(view.outcome, Done):
        facts.append(Fact("took", duration(view.outcome.seconds)))
    return facts


_UNITS = ((90, 1, "s"), (5400, 60, "min"), (172800, 3600, "h"), (math.inf, 86400, "d"))
"""Up to how many seconds a time is said in which unit."""
_PACE_METRICS = {"learning_rate": "learning rate", "grad_norm": "gradient norm"}
_QUALITY_METRICS = {
    "loss": "train loss",
    "eval_loss": "eval loss",
    "probe_loss": "general loss",
    "reward": "reward",
    "reward_margin": "reward margin",
    "reward_accuracy": "reward accuracy",
}


def _metric_facts(latest: Mapping[str, float], labels: Mapping[str, str]) -> list[Fact]:
    return [Fact(label, f"{latest[name]:.4g}") for name, label in labels.items() if name in latest]


def gauges(feed: RunFeed) -> tuple[Gauge, ...]:
    """Memory per GPU and of the host, with the predicted peak."""
    view = feed.view
    found = []
    for _, device in sorted(view.gpus.items()):
        details = [
            f"{device.utilization_percent:.0f} % busy" if device.utilization_percent is not None else "",
            f"{device.temperature_c:.0f} °C" if device.temperature_c is not None else "",
            f"{device.power_w:.0f} W" if device.power_w is not None else "",
        ]
        note = ", ".join(detail for detail in details if detail)
        peak, predicted = device.peak_bytes, feed.predicted_bytes("gpu")
        found.append(Gauge(device.name, device.used_bytes, device.total_bytes, peak, predicted, note))
    if view.host is not None:
        predicted = None if view.gpus else feed.predicted_bytes("host")
        free = view.trainer_bytes.get("host_available_bytes")
        note = f"{gib(free)} available" if free is not None else ""
        host = view.host
        # Predicted are the trainer's tensors; the process holds its libraries beside them, so the peaks do not compare.
        found.append(
            Gauge("Host", host.used_bytes, host.total_bytes, None, predicted, note, predicted="predicted for tensors")
        )
    return tuple(found)


def alert_rows(alerts: list[Alert], glyphs: Glyphs) -> list[Row]:
    """One alert a row, newest first, with the word that says how bad it is."""
    words = {"error": (f"{glyphs.bad} ERROR  ", "fail"), "warning": (f"{glyphs.warning} WARNING", "warn")}
    rows: list[Row] = []
    for alert in reversed(alerts):
        step = f"step {alert.step}: " if alert.step is not None else ""
        word = words.get(alert.level, (f"{glyphs.middle} NOTE   ", "dim"))
        rows.append((word, (f" {step}", "dim"), (safe(alert.message), "text")))
        if alert.hint:
            rows.append(((f"  {safe(alert.hint)}", "dim"),))
    return rows


def worth_a_look(alerts: list[Alert]) -> int:
    """How many alerts are more than a note."""
    return sum(alert.level != "info" for alert in alerts)


def alert_count(feed: RunFeed) -> str:
    """How many alerts are worth a look, in words."""
    worth = worth_a_look(feed.view.alerts)
    return plural(worth, "alert") if worth else ""


def _pace(step_seconds: float) -> str:
    if step_seconds <= 0:
        return ""
    return f"{step_seconds:.2f} s/step" if step_seconds >= 0.5 else f"{1 / step_seconds:.1f} steps/s"


def _cut(spans: list[tuple[str, str]], width: int) -> Row:
    """The spans that fit whole; the first one is clipped where even that does not fit."""
    row: list[tuple[str, str]] = []
    room = width
    for text, look in spans:
        if cell_width(text) > room:
            if not row or room > 24:
                row.append((clip(text, room), look))
            break
        row.append((text, look))
        room -= cell_width(text)
    return tuple(row)

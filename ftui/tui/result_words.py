"""A run's outcome in words: the verdict with its intervals, forgetting, samples, where things lie, what comes next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftui.core.evaluate import LOWER_IS_BETTER
from ftui.core.text import safe
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.lines import Row

TITLES = {"SHIP": ("SHIP IT", "ok"), "DONT_SHIP": ("DON'T SHIP IT", "fail"), "INCONCLUSIVE": ("INCONCLUSIVE", "warn")}
MOST_SAMPLES = 20


def verdict_rows(verdict: Mapping[str, Any], status: str, reason: str, glyphs: Glyphs) -> list[Row]:
    """The verdict and why; where there is none, what that means."""
    if not verdict:
        return _without_verdict(status, reason, glyphs)
    word, look = TITLES.get(str(verdict.get("verdict")), (safe(str(verdict.get("verdict"))), "warn"))
    sign = {"ok": glyphs.good, "fail": glyphs.bad}.get(look, glyphs.warning)
    rows: list[Row] = [((f"{sign} {word}", look),)]
    rows += [((safe(str(why)), "text"),) for why in _list(verdict.get("reasons"))]
    needed = verdict.get("rows_needed")
    if isinstance(needed, int):
        rows.append(((f"About {needed:,} held-out rows would settle it.", "dim"),))
    return rows


def _without_verdict(status: str, reason: str, glyphs: Glyphs) -> list[Row]:
    if status == "finished":
        return [(("No verdict: the plan had evaluation off, or `ftui eval` is still to be run.", "warn"),)]
    if status in ("failed", "interrupted"):
        return [((f"{glyphs.bad} The run {status}", "fail"), (f": {safe(reason)}" if reason else "", "text"))]
    return [((f"The run is {status}: the verdict comes at its end.", "dim"),)]


def metric_rows(verdict: Mapping[str, Any]) -> list[Row]:
    """One metric a row: base, tuned, change with its interval, on how many rows; the primary one first."""
    metrics = verdict.get("metrics")
    if not isinstance(metrics, Mapping) or not metrics:
        return []
    primary = verdict.get("primary")
    names = sorted(metrics, key=lambda name: (name != primary, name))
    width = min(26, max(len(safe(str(name))) for name in names))
    rows: list[Row] = [((f"{'':<{width}} {'base':>8} {'tuned':>8} {'change':>8}  95 % of the time    rows", "dim"),)]
    for name in names:
        m = metrics[name]
        if not isinstance(m, Mapping):
            continue
        delta = _number(m.get("delta"))
        better = (delta < 0) if name in LOWER_IS_BETTER else (delta > 0)
        look = "ok" if better else "fail" if delta else "dim"
        word = "better" if better else "worse" if delta else "same"
        interval = f"{_number(m.get('ci_low')):+.2f} to {_number(m.get('ci_high')):+.2f}"
        rows.append(
            (
                (f"{safe(str(name)).replace('_', ' ')[:width]:<{width}} ", "strong" if name == primary else "text"),
                (f"{_number(m.get('base')):>8.3f} {_number(m.get('tuned')):>8.3f} ", "text"),
                (f"{delta:>+8.3f}", look),
                (f"  {interval:<18} {m.get('n', 0)!s:>5}  ", "dim"),
                (word, look),
            )
        )
    forgetting = verdict.get("forgetting")
    if isinstance(forgetting, int | float):
        said = "rose" if forgetting > 0 else "fell"
        rows.append(((f"General ability: the loss on general text {said} by {abs(forgetting):.1%}.", "text"),))
    return rows


def forgotten_rows(verdict: Mapping[str, Any]) -> list[Row]:
    """What was forgotten, where the run kept examples of it."""
    return [((f"  {safe(str(item))}", "dim"),) for item in _list(verdict.get("forgotten"))[:5]]


def sample_rows(samples: Sequence[Mapping[str, Any]], glyphs: Glyphs) -> list[Row]:
    """Held-out prompts with both answers; those that changed most come first."""

    def gain(sample: Mapping[str, Any]) -> float:
        return _number(sample.get("tuned_score")) - _number(sample.get("base_score"))

    rows: list[Row] = []
    for sample in sorted(samples, key=lambda s: -abs(gain(s)))[:MOST_SAMPLES]:
        for name, look in (("prompt", "text"), ("base", "dim"), ("tuned", "strong"), ("reference", "dim")):
            text = sample.get(name)
            if isinstance(text, str) and text:
                lines = safe(text, newlines=True, tabs=True).split("\n")
                rows.append(((f"{name:<10}", "accent"), (lines[0], look)))
                rows += [((" " * 10, "text"), (line, look)) for line in lines[1:30]]
        rows.append((("", "text"),))
    return rows


def place_rows(run: Path) -> list[Row]:
    """Where everything of the run lies, as far as it is there."""
    places = (
        ("the tuned model", "model"),
        ("checkpoints", "checkpoints"),
        ("every answer", "eval/samples.jsonl"),
        ("the verdict", "eval/verdict.json"),
        ("the plan", "plan.yaml"),
        ("the log", "logs/trainer.log"),
        ("exports", "export"),
    )
    found = [(what, name) for what, name in places if (run / name).exists()]
    folder: Row = (("in ", "dim"), (safe(str(run)), "text"))
    return [folder, *(((f"  {what:<16}", "dim"), (name, "text")) for what, name in found)]


def next_rows(run: Path, verdict: Mapping[str, Any], status: str) -> list[Row]:
    """What to type next."""
    name = shlex.quote(run.name)
    if status in ("failed", "interrupted", "stopped", "paused"):
        commands = [("go on with it", f"ftui runs resume {name}"), ("what happened", f"ftui watch {name}")]
    elif status != "finished":
        commands = [("its curves", f"ftui watch {name}"), ("stop it", f"ftui runs stop {name}")]
    elif verdict.get("verdict") == "DONT_SHIP":
        commands = [("what does it say?", f"ftui chat {name}"), ("its curves", f"ftui watch {name}")]
    else:
        commands = [
            ("talk to both", f"ftui chat {name}"),
            ("take it with you", f"ftui export {name} --to merged"),
            ("score it again", f"ftui eval {name}"),
            ("its curves", f"ftui watch {name}"),
        ]
    return [((f"{what:<18}", "dim"), (safe(command), "strong")) for what, command in commands]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

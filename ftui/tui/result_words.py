"""A run's outcome in words: the verdict with its intervals, forgetting, samples, where things lie, what comes next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftui.core.evaluate import LOWER_IS_BETTER
from ftui.core.rating import RatingSummary
from ftui.core.report import figures, people_lines
from ftui.core.text import clip, safe
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.lines import Row

TITLES = {"SHIP": ("SHIP IT", "ok"), "DONT_SHIP": ("DON'T SHIP IT", "fail"), "INCONCLUSIVE": ("INCONCLUSIVE", "warn")}
_NEITHER = ("answer_tokens", "length", "refusal")
"""Metrics of which neither more nor less is better by itself."""


GONE = "gone"
"""The status of a run whose folder was removed while it was shown."""


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
    if status == GONE:
        return [((f"{glyphs.bad} The run's folder is gone", "fail"), (": there is nothing to read any more.", "text"))]
    if status in ("stopped", "paused"):
        return [((f"The run is {status}, so it has no verdict yet. 4 shows how to go on with it.", "warn"),)]
    if status == "prepared":
        return [(("The run is prepared, and nothing of it runs yet. 4 shows how to start it.", "warn"),)]
    return [((f"The run is {status}: the verdict comes at its end.", "dim"),)]


def metric_rows(verdict: Mapping[str, Any], width: int) -> list[Row]:
    """One metric a row: base, tuned, change with its interval, on how many rows; the one that decides first.

    Where the room is short, interval and number of rows are left out: the reasons say those of the one that decides.
    """
    metrics = verdict.get("metrics")
    if not isinstance(metrics, Mapping) or not metrics:
        return []
    primary = verdict.get("primary")
    names = sorted(metrics, key=lambda name: (name != primary, str(name)))
    cells = min(20 if width < 90 else 30, max(len(safe(str(name))) for name in names) + 2)
    narrow = width < _WHOLE_TABLE_CELLS
    more = "" if narrow else f"  {'95 % interval':<15} rows"
    rows: list[Row] = [((f"{'':<{cells}} {'base':>7} {'tuned':>7} {'change':>7}{more}", "dim"),)]
    for name in names:
        m = metrics[name]
        if not isinstance(m, Mapping):
            continue
        delta = _number(m.get("delta"))
        word, look = ("", "dim") if name in _NEITHER else _change_in_words(m, lower_is_better=name in LOWER_IS_BETTER)
        interval = f"{_number(m.get('ci_low')):+.2f} to {_number(m.get('ci_high')):+.2f}"
        more = "" if narrow else f"  {interval:<15} {clip(str(m.get('n', 0)), 6):>4}"
        shown = ("* " if name == primary else "  ") + clip(str(name).replace("_", " "), cells - 2)
        rows.append(
            (
                (f"{shown:<{cells}} ", "strong" if name == primary else "text"),
                (f"{_figure(m.get('base')):>7} {_figure(m.get('tuned')):>7} ", "text"),
                (f"{delta:>+7.3f}", look),
                (f"{more} ", "dim"),
                (word, look),
            )
        )
    if primary in metrics:
        rows.append((("* decides", "dim"),))
    return rows


_WHOLE_TABLE_CELLS = 74


def _change_in_words(metric: Mapping[str, Any], *, lower_is_better: bool) -> tuple[str, str]:
    """(word, look) for a change: one whose interval holds zero may be chance, whatever its sign."""
    delta, low, high = (_number(metric.get(key)) for key in ("delta", "ci_low", "ci_high"))
    if not delta:
        return "same", "dim"
    if low <= 0 <= high:
        return "unclear", "dim"
    return ("better", "ok") if (delta < 0) == lower_is_better else ("worse", "fail")


def figure_rows(verdict: Mapping[str, Any]) -> list[Row]:
    """The figures that are no row of the table, a sentence each."""
    try:
        said = figures(verdict)
    except (KeyError, TypeError, ValueError, AttributeError):
        return []  # a verdict of another version, or of nobody's
    return [((safe(line), "text"),) for line in said]


def wrong_rows(verdict: Mapping[str, Any]) -> list[Row]:
    """What was wrong with answers, grouped, for both models."""
    groups = [group for group in _list(verdict.get("groups")) if isinstance(group, Mapping)]
    if not groups:
        return []
    head: Row = ((f"{'what was wrong with answers':<44} {'base':>6} {'tuned':>6}", "dim"),)
    return [
        head,
        *(
            (
                (f"{clip(str(group.get('reason', '')), 44):<44} ", "text"),
                (f"{clip(str(group.get('base', '')), 6):>6} {clip(str(group.get('tuned', '')), 6):>6}", "strong"),
            )
            for group in groups[:12]
        ),
    ]


def people_rows(people: RatingSummary | None) -> list[Row]:
    """What raters said; nothing where nobody rated."""
    return [((safe(line), "text"),) for line in people_lines(people.as_json())] if people else []


AGAINST_FORGETTING = (
    "general rows among the training rows (g in the plan, or ftui plan new --replay FILE; 5 to 20 % are usual), a "
    "lower train.learning_rate, fewer train.epochs. LoRA forgets less than full tuning (arXiv 2405.09673)."
)
"""What helps, as the glossary has it."""


def forgetting_rows(verdict: Mapping[str, Any], glyphs: Glyphs) -> list[Row]:
    """How general ability fared, and the general texts that became less likely."""
    change = verdict.get("forgetting")
    items = [item for item in _list(verdict.get("forgotten")) if isinstance(item, Mapping)]
    if not _is_number(change):
        why = "The plan had no probe of general ability, or the run has no verdict yet."
        return [(("Not known. ", "warn"), (why, "text"))]
    rose = _number(change) > 0
    said = next((str(why) for why in _list(verdict.get("reasons")) if "general" in str(why)), "")
    hurt = verdict.get("verdict") == "DONT_SHIP" and not said.endswith("kept")
    rows: list[Row] = [
        (
            (f"{glyphs.bad if hurt else glyphs.good} ", "fail" if hurt else "ok"),
            (f"The loss on general text {'rose' if rose else 'fell'} by {abs(_number(change)):.1%}.", "strong"),
        )
    ]
    if said:
        rows.append(((safe(said), "text"),))
    if hurt:
        rows += [(("Against it: ", "accent"), (AGAINST_FORGETTING, "text"))]
    if items:
        rows += [(("", "text"),), (("General texts that became less likely, the worst first:", "accent"),)]
    for item in items:
        figures_said = f"{_figure(item.get('base'))} -> {_figure(item.get('tuned'))}  "
        rows.append(((figures_said, "strong"), (clip(_spoken(item.get("text")), 400), "text")))
    return rows


def _spoken(text: Any) -> str:
    """What is said in a row that is kept as JSON; the text itself where it is none."""
    try:
        messages = json.loads(text)["messages"]
        return "  >  ".join(str(message["content"]) for message in messages)
    except (ValueError, TypeError, KeyError, RecursionError):
        return str(text or "")


def hint_rows(verdict: Mapping[str, Any], status: str, samples: bool) -> list[Row]:
    """Which key to press next, by what the verdict says."""
    if status in ("failed", "interrupted"):
        return [
            (("w", "accent"), (" shows its curves and its log; ", "text"), ("4", "accent"), (" how to resume", "text"))
        ]
    if status != "finished":
        return []
    hints = [("t", "talk to base and tuned side by side")] if verdict.get("verdict") else []
    if samples:
        hints.append(("2", "read what changed, row by row"))
    if verdict.get("verdict") == "SHIP":
        hints += [("r", "rate answers blind: a person's word beside the metrics"), ("x", "take the model with you")]
    elif verdict.get("verdict") == "DONT_SHIP":
        hints += [("3", "see what was forgotten"), ("v", "compare with another run")]
    elif verdict.get("verdict") == "INCONCLUSIVE":
        hints += [("r", "rate answers blind: a person may see what the metric does not"), ("v", "compare with a run")]
    return [((f"{key}  ", "accent"), (words, "text")) for key, words in hints]


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
    if status == GONE:
        return [(("see what there is ", "dim"), ("ftui runs list", "strong"))]
    if status in ("failed", "interrupted", "stopped", "paused"):
        commands = [("go on with it", f"ftui runs resume {name}"), ("what happened", f"ftui watch {name}")]
    elif status == "prepared":
        commands = [("start it", f"ftui train --resume {name}"), ("delete it", f"ftui runs remove {name}")]
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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _figure(value: Any) -> str:
    return f"{value:.3f}" if _is_number(value) else "-"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

"""A plan field by field: what is shown of it, and how a typed value becomes one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ftui.core.fit.request import FitRequest
from ftui.core.plan import Plan, default, doc, field_names, from_mapping, with_values
from ftui.core.plan_sections import SECTIONS
from ftui.core.text import cell_width, clip, clip_start, gib, pad, safe
from ftui.errors import FtuiError
from ftui.services.data_files import short
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.lines import Row

ALWAYS = frozenset(
    {
        "model.id", "data.train", "data.eval", "data.max_length_tokens", "method.task", "method.technique",
        "method.lora_rank", "train.epochs", "train.learning_rate", "train.micro_batch", "train.accumulation",
        "run.name",
    }
)  # fmt: skip
"""Fields that are shown even where nobody decided anything about them."""


_TASKS = {"preference": {"dpo": "dpo", "sft_then_dpo": "dpo", "reward_rlhf": "reward"}}
"""Format of the rows -> advised technique -> task."""


def advised_task(technique: str, data_format: str) -> str:
    """The task that was advised, where the rows leave a choice; empty where they say by themselves what can be done."""
    return _TASKS.get(data_format, {}).get(technique, "")


def rows_against_advice(technique: str, task: str) -> str:
    """A sentence where the advice was preference tuning and the rows can only be imitated, or empty."""
    if technique in ("dpo", "kto", "reward_rlhf") and task == "sft":
        return (
            f"The advice was {technique.replace('_', ' ')}; these rows hold no preferences, so they are imitated (sft)."
        )
    return ""


@dataclass(frozen=True)
class Entry:
    """One field of a plan, as the review shows it."""

    name: str
    value: Any
    reason: str
    proposed: Any
    yours: bool

    @property
    def decided(self) -> bool:
        """Whether somebody thought about it: a reason, a change of yours, or a field that always matters."""
        return bool(self.reason) or self.yours or self.name in ALWAYS or self.value != default(self.name)


def entries(plan: Plan, proposed: Plan, changed: Mapping[str, Any] | list[str]) -> list[Entry]:
    """All fields of the plan, in order."""
    return [
        Entry(
            name=name,
            value=value_of(plan, name),
            reason=plan.reasons.get(name, ""),
            proposed=value_of(proposed, name),
            yours=name in changed,
        )
        for name in field_names()
        if name != "model.path"
    ]


def value_of(plan: Plan, name: str) -> Any:
    """The value of a dotted field."""
    section, _, key = name.partition(".")
    return getattr(getattr(plan, section), key)


def written(value: Any) -> str:
    """A value as one would type it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    return str(value)


def typed(name: str, text: str) -> Any:
    """What a typed text means for this field; core.plan checks it, and reads numbers where it wants numbers."""
    text = text.strip()
    usual = default(name)
    if text.lower() in ("null", "none", ""):
        return "" if isinstance(usual, str) and not text else None
    if isinstance(usual, bool):
        return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(
            text.lower(), text
        )
    if isinstance(usual, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(usual, dict):
        pairs = [part.partition(":") for part in text.split(",") if part.strip()]
        return {key.strip(): value.strip() for key, _, value in pairs}
    return text


def changed_plan(plan: Plan, name: str, text: str) -> Plan:
    """The plan with one typed value, said to be yours. Raises FtuiError with the sentence for the field."""
    return with_values(plan, {name: typed(name, text)}, {name: "your choice"})


def problem_with(plan: Plan, name: str, text: str) -> str:
    """What is wrong with a typed value, or empty."""
    try:
        changed_plan(plan, name, text)
    except FtuiError as error:
        words = error.message or error.title
        return safe(f"{words}. {error.hint}".strip() if error.hint else words)
    return ""


def merged(proposed: Plan, plan: Mapping[str, Any], changed: list[str]) -> Plan:
    """A fresh proposal with the user's earlier changes laid over it, as far as they are still possible."""
    result = proposed
    try:
        before = from_mapping(plan)
    except FtuiError:
        return proposed
    for name in changed:
        try:
            result = with_values(result, {name: value_of(before, name)}, {name: "your choice"})
        except FtuiError:
            continue
    return result


def of_recipe(plan: Plan, request: FitRequest) -> dict[str, Any]:
    """The dotted fields of the plan that a recipe of the fit screen changes, with their values.

    Rows a step stay about as many as they were: a larger micro-batch takes fewer steps of accumulation.
    """
    wanted: dict[str, Any] = {
        "method.technique": request.method,
        "data.max_length_tokens": request.seq_len,
        "train.micro_batch": request.micro_batch,
        "train.gradient_checkpointing": request.grad_checkpointing,
    }
    if request.method == "full":
        wanted["train.optimizer"] = request.optimizer
    else:
        wanted["method.lora_rank"] = request.lora_rank
    if request.method == "qlora":
        wanted["method.quant"] = request.quant
    if request.micro_batch != plan.train.micro_batch:
        rows = plan.train.micro_batch * plan.train.accumulation
        wanted["train.accumulation"] = max(1, round(rows / request.micro_batch))
    return {name: value for name, value in wanted.items() if value != value_of(plan, name)}


def entry_row(entry: Entry, width: int, glyphs: Glyphs) -> Row:
    """One field in the list: mark, name, value, reason. A long value takes what its reason does not need."""
    name_cells = 28 if width >= 90 else 25
    mark = glyphs.point if entry.yours else " "
    reason = "your choice" if entry.yours else entry.reason or ("" if entry.value != default(entry.name) else "default")
    value_cells = max(12, min(34, (width - name_cells) // 3))
    unused = width - name_cells - 4 - cell_width(reason)
    value = _clipped(short(written(entry.value)), max(value_cells, unused))
    room = width - name_cells - max(value_cells, cell_width(value)) - 4
    return (
        (f"{mark} ", "accent"),
        (f"{entry.name:<{name_cells}}", "text" if entry.decided else "dim"),
        (pad(value, value_cells), "strong" if entry.decided else "dim"),
        ("  " + clip(reason, room) if room > 4 else "", "dim"),
    )


def _clipped(value: str, cells: int) -> str:
    """The value in so many cells; of a path the end, which tells it from others."""
    is_path = "/" in value and " " not in value
    return clip_start(value, cells) if is_path else clip(value, cells)


def about(entry: Entry) -> str:
    """What the field means, what it may be, and where its value comes from."""
    parts = [doc(entry.name)]
    if choices := _limits(entry.name).get("enum"):
        parts.append(f"Can be {', '.join(choices)}.")
    if usual := written(default(entry.name)):
        parts.append(f"Default {usual}.")
    if entry.reason and not entry.yours:
        parts.append(f"Why {short(written(entry.value))}: {entry.reason}.")
    elif entry.yours:
        parts.append(f"Proposed was {written(entry.proposed)}.")
    return safe(" ".join(parts))


def count_row(listed: int, mine: int, *, everything: bool) -> Row:
    """How many values are listed, how many of them the user set, and how many more there are."""
    hidden = len(field_names()) - 1 - listed
    said = f"{listed} values" + (f", {mine} of them yours" if mine else "")
    more = f"; a shows {hidden} more, all at their defaults" if hidden and not everything else ""
    return ((said + more, "dim"),)


def fit_row(prediction: Mapping[str, Any], glyphs: Glyphs) -> Row:
    """Whether the plan fits this machine, in one row."""
    if "unknown" in prediction:
        return ((f"{glyphs.waiting} memory unknown: {safe(str(prediction['unknown']))}", "dim"),)
    band, device = prediction.get("predicted_device_bytes"), safe(str(prediction.get("device", "this machine")))
    if not isinstance(band, Mapping):
        peak = prediction.get("predicted_allocated_bytes")
        said = gib(peak) if isinstance(peak, int | float) else "an unknown amount"
        return ((f"{glyphs.waiting} no GPU: tensors take about {said} of host memory", "text"),)
    low, expected, high = (gib(float(band.get(key, 0))) for key in ("low", "expected", "high"))
    sign, word, look = {
        "fits": (glyphs.good, "fits", "ok"),
        "tight": (glyphs.warning, "is tight on", "warn"),
        "no": (glyphs.bad, "does not fit", "fail"),
    }.get(str(prediction.get("verdict")), (glyphs.waiting, "was sized for", "dim"))
    return ((f"{sign} {word} {device}", look), (f": peak about {expected} ({low} to {high})", "text"))


def _limits(name: str) -> Mapping[str, Any]:
    section, _, key = name.partition(".")
    limits: Mapping[str, Any] = next(f.metadata["limits"] for f in fields(SECTIONS[section]) if f.name == key)
    return limits

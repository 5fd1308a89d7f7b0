"""Exports in words: what there is to choose, how far one is, what its check says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftui.core.card import check_lines
from ftui.core.text import clip, gib, plural, safe
from ftui.services.files import read_json
from ftui.services.hub_upload import Upload
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.lines import Row


@dataclass(frozen=True)
class Target:
    """Something to export to. choices: precisions that it can have, the usual one first; flag: the option for them."""

    name: str
    title: str
    about: str
    flag: str = ""
    choices: tuple[str, ...] = ()


_QUANTS = ("auto", "q8_0", "q4_k_m", "f16", "bf16", "f32")
TARGETS = (
    Target("adapter", "the LoRA adapter alone", "A few megabytes, with tokenizer, chat template and model card. Its "
           "users need the base beside it."),
    Target("merged", "base and adapter in one", "Safetensors that transformers and vLLM load as any model; "
           "also after QLoRA.", "--dtype", ("auto", "bf16", "fp16", "fp32")),
    Target("gguf", "one file for llama.cpp", "For llama.cpp, LM Studio and the like. auto is f16, and f32 for a small "
           "model; q8_0 is half of f16 and hardly worse, q4_k_m a quarter (needs llama.cpp's quantizer).",
           "--quantize", _QUANTS),
    Target("ollama", "GGUF and a Modelfile", "The Modelfile's template is made from the chat template of the training, "
           "and checked against it on held-out rows.", "--quantize", _QUANTS),
    Target("vllm", "serve script and A/B split", "A folder that vLLM serves, and a proxy configuration that gives one "
           "request in ten to the tuned model."),
    Target("hub", "upload to the Hugging Face hub", "The newest export that passed its check, with its model card; you "
           "see what goes before anything does. Private unless you say otherwise."),
)  # fmt: skip


def state_of(run: Path, target: str) -> str:
    """Whether that export is there: passed, failed, unchecked, or "" where there is none."""
    folder = run / "export" / target
    if folder.is_dir():
        report = read_json(folder / "check.json") or read_json(folder / "model" / "check.json")
        return "passed" if isinstance(report, dict) and report.get("passed") else "unchecked"
    return "failed" if folder.with_name(f"{target}.failed").is_dir() else ""


def target_row(target: Target, choice: str, state: str, glyphs: Glyphs) -> Row:
    """A target in the list."""
    sign, words, look = {
        "passed": (glyphs.good, "there, checked", "ok"),
        "unchecked": (glyphs.warning, "there, not checked", "warn"),
        "failed": (glyphs.bad, "failed its check", "fail"),
    }.get(state, (" ", "", "dim"))
    precision = f"‹{choice}›" if target.choices else ""
    return (
        (f"{target.name:<9}", "strong"),
        (f"{target.title:<32} ", "text"),
        (f"{precision:<9} ", "accent"),
        (f"{sign} {words}", look),
    )


def progress_rows(steps: Sequence[str], seconds: float, glyphs: Glyphs) -> list[Row]:
    """What was done and is being done."""
    rows: list[Row] = [((f"{glyphs.good} ", "ok"), (clip(step, 200), "dim")) for step in steps[:-1]]
    now = steps[-1] if steps else "starting"
    rows.append(((f"{glyphs.here} ", "accent"), (clip(now, 200), "strong"), (f"  {seconds:,.0f} s", "dim")))
    rows.append((("esc stops it; nothing half-written is left behind.", "dim"),))
    return rows


def done_rows(answer: Mapping[str, Any], glyphs: Glyphs) -> list[Row]:
    """What came of it: the check, where it lies, what to do with it."""
    if answer.get("url"):
        return [((f"{glyphs.good} Uploaded: ", "ok"), (safe(str(answer["url"])), "strong"))]
    passed = bool(answer.get("passed"))
    head = "Exported, and the same as the tuned model" if passed else "It FAILED its check: do not use it"
    rows: list[Row] = [((f"{glyphs.good if passed else glyphs.bad} {head}", "ok" if passed else "fail"),)]
    rows.append((("in ", "dim"), (safe(str(answer.get("path", ""))), "text")))
    check = answer.get("check")
    check = check if isinstance(check, Mapping) else {}
    try:
        said = check_lines(check)
    except (KeyError, TypeError, ValueError):
        said = []
    notes = check.get("notes")
    said += [str(note) for note in notes] if isinstance(notes, list) else []
    rows += [((f"  {safe(line)}", "text"),) for line in said]
    differing = check.get("differences")
    for changed in differing[:2] if isinstance(differing, list) and not passed else ():
        if isinstance(changed, Mapping):
            rows.append((("  wanted  ", "dim"), (clip(str(changed.get("wanted", "")), 300), "text")))
            rows.append((("  got     ", "dim"), (clip(str(changed.get("got", "")), 300), "warn")))
    following = answer.get("next")
    if passed and isinstance(following, list):
        rows += [(("next  ", "accent"), (safe(str(step)), "strong")) for step in following]
    return rows


def upload_words(upload: Upload) -> str:
    """What would go to the hub."""
    shown = [f"{clip(name, 50)}  {gib(size)}" for name, size in upload.files[:8]]
    if len(upload.files) > 8:
        shown.append(f"and {plural(len(upload.files) - 8, 'more file', 'more files')}")
    total = gib(sum(size for _, size in upload.files))
    return "\n".join([f"From {safe(str(upload.folder))}, {total}:", *shown])

"""`python -m ftui.services.model_choices [--seq-len N]`: the models that can be chosen, and which fit this machine.

What is on this machine comes first, then the catalogue's instruct models by size, then its base models. A process of
its own, since sizing two hundred models takes a second. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ftui.core.catalog.models import ModelCard, all_models, find_model
from ftui.core.fit.device import device_bytes, judge
from ftui.core.fit.memory import predict_memory
from ftui.core.fit.request import FitRequest, Precision
from ftui.core.fit.shapes import ModelShape, shape_from_config
from ftui.core.text import gib
from ftui.errors import FtuiError
from ftui.services.hardware_snapshot import HardwareSnapshot
from ftui.services.model_config import SMOLLM2, TINY, cached_snapshot, weights_state
from ftui.services.model_config import find_model as locate
from ftui.services.paths import hub_cache, sample_data

DEFAULT_SEQ_LEN = 1024
HOST_SHARE = 0.7
"""Of the host's usable memory, when there is no GPU: the rest is for libraries, data and the system."""


@dataclass(frozen=True)
class ModelChoice:
    """One model to choose. where: ships, cached, wheel or hub; verdict: fits, tight, no or unknown."""

    id: str
    title: str
    parameters: int | None
    where: str
    path: str
    variant: str
    license: str
    gated: bool
    verdict: str
    method: str
    peak_bytes: int | None
    reason: str


def model_choices(machine: HardwareSnapshot, seq_len: int) -> Iterator[ModelChoice]:
    """The choices in the order in which they are offered."""
    judged = _judge_on(machine, seq_len)
    local = list(_local_ids())
    for name in local:
        yield _local(name, judged)
    if SMOLLM2 not in local:
        yield _local(SMOLLM2, judged, where="wheel")
    known = {SMOLLM2, *local}
    rest = [card for card in all_models() if card.id not in known]
    for card in sorted(rest, key=lambda c: (c.variant != "instruct", c.params_total, c.id)):
        yield _choice(card.id, card, "hub", "", judged, shape_from_config(card.config))


def _local_ids() -> Iterator[str]:
    if (sample_data() / "tiny-model" / "config.json").is_file():
        yield TINY
    try:
        repos = sorted(hub_cache().glob("models--*"))
    except OSError:
        return
    for repo in repos:
        name = repo.name.removeprefix("models--").replace("--", "/")
        snapshot = cached_snapshot(name)
        if snapshot is not None and (snapshot / "config.json").is_file() and weights_state(snapshot)[0] == "complete":
            yield name


def _local(name: str, judged: _Judge, where: str = "") -> ModelChoice:
    try:
        found = locate(name, online=False)
    except FtuiError as error:
        return ModelChoice(name, name, None, where or "cached", "", "", "", False, "unknown", "", None, str(error))
    place = where or ("ships" if name == TINY else "cached")
    path = str(found.folder) if found.folder and place != "wheel" else ""
    return _choice(name, found.card or find_model(name), place, path, judged, found.shape)


_Judge = Callable[[ModelShape], tuple[str, str, int | None, str]]


def _choice(name: str, card: ModelCard | None, where: str, path: str, judged: _Judge, shape: ModelShape) -> ModelChoice:
    verdict, method, peak, reason = judged(shape)
    titles = {TINY: "the tiny model that ships with ftui"}
    return ModelChoice(
        id=name,
        title=titles.get(name, name),
        parameters=card.params_total if card else shape.total_params,
        where=where,
        path=path,
        variant=card.variant if card else "",
        license=(card.license or "") if card else "",
        gated=bool(card and card.gated),
        verdict=verdict,
        method=method,
        peak_bytes=peak,
        reason=reason,
    )


def _judge_on(machine: HardwareSnapshot, seq_len: int) -> _Judge:
    """How to judge a model on this machine: the first of LoRA and QLoRA that fits, for one row of `seq_len` tokens."""
    gpu = next(iter(machine.gpus), None)
    common: dict[str, Any] = {"seq_len": seq_len, "micro_batch": 1, "grad_checkpointing": True, "loss": "chunked"}
    if gpu is None:
        recipes = [FitRequest(method="lora", precision="fp32", **common)]
    else:
        precision: Precision = "bf16-mixed" if gpu.bf16 else "fp16-mixed"
        lora = FitRequest(method="lora", precision=precision, **common)
        recipes = [lora, FitRequest(method="qlora", precision=precision, **common)]

    def judged(shape: ModelShape) -> tuple[str, str, int | None, str]:
        answer: tuple[str, str, int | None, str] = ("unknown", "", None, "")
        for recipe in recipes:
            try:
                report = predict_memory(shape, recipe)
            except (FtuiError, NotImplementedError) as error:
                return ("unknown", "", None, str(error) or "this architecture is not known")
            if gpu is None:
                free = int(machine.memory.usable_bytes * HOST_SHARE)
                fits = report.allocated_bytes <= free
                reason = f"{gib(report.allocated_bytes)} of {gib(free)} host memory"
                return ("fits" if fits else "no", recipe.method, report.allocated_bytes, reason)
            band = device_bytes(report)
            said = judge(band, gpu.free_bytes, report)
            reason = f"{gib(band.expected)} of {gib(gpu.free_bytes)} free on {gpu.name}"
            answer = (said.answer, recipe.method, band.expected, reason)
            if said.answer == "fits":
                break
        return answer

    return judged


def main(arguments: list[str]) -> int:
    """Print the choices; 2 with a sentence on stderr where that fails."""
    from ftui.services.hardware import snapshot

    parser = argparse.ArgumentParser(prog="python -m ftui.services.model_choices", description=__doc__)
    parser.add_argument("--seq-len", type=int, default=DEFAULT_SEQ_LEN)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        machine = snapshot()
        rows = [asdict(choice) for choice in model_choices(machine, given.seq_len)]
    except FtuiError as error:
        sys.stderr.write(f"ftui: {error}\n" + (f"      {error.hint}\n" if error.hint else ""))
        return error.exit_code
    gpu = next(iter(machine.gpus), None)
    device = (
        f"{gpu.name}, {gib(gpu.free_bytes)} free" if gpu else f"no GPU, {gib(machine.memory.usable_bytes)} of memory"
    )
    sys.stdout.write(
        json.dumps({"schema_version": 1, "device": device, "seq_len": given.seq_len, "models": rows}) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

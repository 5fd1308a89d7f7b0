"""Runs one training step without memory and without weights, and says how much memory it would take on a GPU.

`python -m ftui.trainer.dry_run REQUEST.json` prints one JSON document. REQUEST.json holds `config` (a model's
config.json), `request` (the fields of FitRequest) and may hold `compute_capability` ([8, 9]).

The model is built from its config at two depths out of the installed transformers, peft and trl, under
FakeTensorMode: every operation runs on tensors that have a size and no contents. What they would take is booked, phase
by phase, and drawn out in a straight line to the real depth, since layers are alike.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

from ftui.core.fit.request import FitRequest
from ftui.errors import FtuiError

SCHEMA_VERSION = 1
LIBRARY_WORKSPACE_BYTES = 2 * (2 * 4096 + 8 * 16) * 1024
"""What cuBLAS takes from PyTorch's allocator: one workspace of ":4096:2:16:8" for the forward and one for the backward
thread (aten/src/ATen/cuda/CublasHandlePool.cpp); four times as much on Hopper."""
STEPS = 2
"""The second step is the first with optimizer state."""


def dry_run(
    config: Mapping[str, Any], request: FitRequest, compute_capability: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Predicted memory in bytes: `allocated_bytes`, `phases`, `components` of the deciding phase, `resident_bytes`.

    `compute_capability` is the GPU's; without it, a recent one (Ampere or later).
    Raises FtuiError for what has no stand-in or what the installed libraries cannot build.
    """
    from ftui.trainer.dry_run_model import layers_of, period_of

    _refuse(request)
    began = time.monotonic()
    total = layers_of(config)
    start, period = period_of(config)
    depths = [start + period * (4 if period == 1 else 2), start + period * (6 if period == 1 else 3)]
    if total <= depths[-1]:
        depths = [total]
    runs = [_run(config, depth, request, start + period, compute_capability or (8, 0)) for depth in depths]
    last = depths[-1]
    workspace, rounding = LIBRARY_WORKSPACE_BYTES, _rounding(config, request)
    phases = {
        name: _drawn_out([run["phases"][name] for run in runs], depths, total) + workspace + rounding
        for name in runs[-1]["phases"]
        if all(name in run["phases"] for run in runs)
    }
    deciding = max(phases, key=lambda name: phases[name])
    kinds = sorted({kind for run in runs for kind in run["kinds"][deciding]})
    components = {
        kind: _drawn_out([run["kinds"][deciding].get(kind, 0) for run in runs], depths, total) for kind in kinds
    }
    components["library_workspace"] = workspace
    components["rounding"] = rounding
    return {
        "schema_version": SCHEMA_VERSION,
        "allocated_bytes": phases[deciding],
        "resident_bytes": _drawn_out([run["resident_bytes"] for run in runs], depths, total) + workspace + rounding,
        "trainable_params": _drawn_out([run["trainable_params"] for run in runs], depths, total),
        "deciding_phase": deciding,
        "phases": phases,
        "components": {kind: size for kind, size in components.items() if size > 0},
        "depths": depths,
        "layers": total,
        "extrapolated": last < total,
        "seconds": round(time.monotonic() - began, 2),
        "versions": versions(),
    }


def _rounding(config: Mapping[str, Any], request: FitRequest) -> int:
    """What the allocator hands out beyond the weights: the tensors here have sizes only, no blocks."""
    from ftui.core.fit.rounding import unsplit_bytes
    from ftui.core.fit.shapes import shape_from_config
    from ftui.core.fit.step import plan_step

    try:
        shape = shape_from_config(config)
        return unsplit_bytes(shape, plan_step(shape, request).recipe)
    except FtuiError:
        return 0  # a family that only transformers knows


def _refuse(request: FitRequest) -> None:
    """What the dry run has no stand-in for, each with what to do instead."""
    impossible = {
        "sharding": request.sharding not in ("none", "ddp"),
        "kernels": request.kernels == "unsloth",
        "offload_activations": request.offload_activations,
        "offload_optimizer": request.offload_optimizer,
        "optimizer_in_backward": request.optimizer_in_backward,
        "quant": request.quant == "gptq",
    }
    names = [name for name, refused in impossible.items() if refused]
    if names:
        values = ", ".join(f"{name} {getattr(request, name)}" for name in names)
        raise FtuiError("The dry run cannot imitate this", values, "Leave --dry-run out: the closed form covers it.")


def _drawn_out(values: list[int], depths: list[int], total: int) -> int:
    """The value at `total` layers on the straight line through those at `depths`."""
    if len(values) == 1:
        return values[0]
    slope = (values[1] - values[0]) / (depths[1] - depths[0])
    return round(values[1] + slope * (total - depths[1]))


def _run(
    config: Mapping[str, Any], layers: int, request: FitRequest, edge: int, capability: tuple[int, int]
) -> dict[str, Any]:
    try:
        return run_at_depth(config, layers, request, edge, capability)
    except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError) as error:
        # Whatever a library raises here it would raise in a real run too, or the stand-ins do not know this model.
        words = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise FtuiError(
            "The step cannot be taken with the installed libraries",
            f"{type(error).__name__}: {words}",
            "The closed form (without --dry-run) may still answer.",
        ) from error


def run_at_depth(
    config: Mapping[str, Any], layers: int, request: FitRequest, edge: int, capability: tuple[int, int] = (8, 0)
) -> dict[str, Any]:
    """Two steps of a model with `layers` layers. `edge` layers at either end of the stack get phases of their own:
    what is alive grows evenly in between, so that no layer in the middle can need more than both ends."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    from ftui.trainer.dry_run_device import pretend_gpu
    from ftui.trainer.dry_run_kernels import fused_rotation
    from ftui.trainer.dry_run_ledger import Ledger
    from ftui.trainer.dry_run_model import build, trained
    from ftui.trainer.dry_run_step import Trainee, loads_reference

    ledger = Ledger()
    if request.task in ("grpo", "rloo"):
        # Only completions have log-probabilities.
        ledger.labelled_share = (request.completion_len or request.seq_len // 2) / request.seq_len
    with ExitStack() as stack:
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        stack.enter_context(ledger)
        stack.enter_context(pretend_gpu(request.padded, has_flash=capability >= (8, 0)))
        model = build(config, layers, request)
        if request.kernels == "liger":
            stack.enter_context(fused_rotation(model))
        reference = _frozen(build(config, layers, _plain(request))) if loads_reference(request) else None
        trainee = Trainee(model, request, "cpu", reference)
        _forget_building(ledger, trained(model) if request.method != "full" else [])

        def stage(name: str) -> None:
            ledger.phase = name
            ledger.kind = "optimizer" if name == "optimizer" else "activations"

        _watch_layers(model, stage, edge)
        for parameter in trained(model):
            parameter.register_post_accumulate_grad_hook(lambda p: ledger.relabel([p.grad], "gradients"))
        if request.task in ("grpo", "rloo"):
            stage("generation")
            trainee.generate_last_token()
        for _ in range(STEPS):
            trainee.step(stage)
        gc.collect()
        resident = ledger.live_bytes
        stage("evaluation")
        trainee.evaluate()
        return {
            "phases": dict(ledger.peaks),
            "kinds": dict(ledger.kinds_at_peak),
            "resident_bytes": resident,
            "trainable_params": sum(p.numel() for p in trained(model)),
        }


def _plain(request: FitRequest) -> FitRequest:
    """The reference model: frozen, not quantised, without adapter."""
    from dataclasses import replace

    return replace(request, grad_checkpointing=False)


def _frozen(model: Any) -> Any:
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.eval()


def _forget_building(ledger: Any, adapters: list[Any]) -> None:
    """What was alive while the model was built is not of the training: a real load fills the final tensors."""
    gc.collect()
    ledger.relabel(adapters, "adapters")
    ledger.peaks.clear()
    ledger.kinds_at_peak.clear()
    ledger.touch(0)


def _watch_layers(model: Any, stage: Any, edge: int) -> None:
    """Call `stage` when the backward pass reaches a layer: "backward_first_0" is the layer at the input."""
    from ftui.trainer.dry_run_model import decoder_layers

    layers = decoder_layers(model)
    for index, layer in enumerate(layers):
        from_end = len(layers) - 1 - index
        if index < edge:
            name = f"backward_first_{index}"
        elif from_end < edge:
            name = f"backward_last_{from_end}"
        else:
            name = "backward_middle"
        layer.register_forward_hook(_staged(stage, name))


def _staged(stage: Any, name: str) -> Any:
    def after_forward(module: Any, inputs: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) else output
        if getattr(first, "requires_grad", False):
            first.register_hook(lambda grad: stage(name))

    return after_forward


def versions() -> dict[str, str]:
    """The libraries that the step was taken with."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("torch", "transformers", "trl", "peft", "bitsandbytes"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def read_request(path: Path) -> tuple[dict[str, Any], FitRequest, tuple[int, int] | None]:
    """(config, request, compute capability) from REQUEST.json. Raises FtuiError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        config, values = data["config"], dict(data.get("request", {}))
        capability = data.get("compute_capability")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FtuiError("The request cannot be read", f"{path}: {error}") from None
    known = {item.name for item in fields(FitRequest)}
    unknown = [name for name in values if name not in known]
    if unknown:
        raise FtuiError("The request has unknown fields", ", ".join(unknown))
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = tuple(value)
    return config, FitRequest(**values), tuple(capability) if capability else None


def main(arguments: list[str]) -> int:
    import os

    # Progress bars and warnings of the libraries go nowhere: stdout is for the answer.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m ftui.trainer.dry_run REQUEST.json\n")
        return 2
    try:
        config, request, capability = read_request(Path(arguments[0]))
        json.dump(dry_run(config, request, capability), sys.stdout)
    except FtuiError as error:
        json.dump({"error": {"title": error.title, "message": error.message, "hint": error.hint}}, sys.stdout)
        return error.exit_code
    except ImportError as error:
        hint = "Run: pip install 'ftui-wizard[train]'"
        json.dump(
            {"error": {"title": "The dry run needs the training stack", "message": str(error), "hint": hint}},
            sys.stdout,
        )
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

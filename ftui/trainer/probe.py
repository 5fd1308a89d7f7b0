"""Takes two real training steps on this machine, at two depths, with random weights: nothing is downloaded.

`python -m ftui.trainer.probe REQUEST.json` (the file of the dry run) prints one JSON document: memory and time at each
depth, drawn out to the real one. Rows have their full length, evaluation and generation are included. Without a GPU
the same steps are taken on the CPU, where memory is that of the process.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftui.core.fit.request import FitRequest
from ftui.errors import FtuiError
from ftui.trainer.dry_run import read_request, versions

SCHEMA_VERSION = 1
TIMED_STEPS = 2


def probe(config: Mapping[str, Any], request: FitRequest) -> dict[str, Any]:
    """Measured memory in bytes and seconds of a step, drawn out from two depths.

    Raises FtuiError when even a few layers do not fit, or when the libraries for this recipe are missing.
    """
    import torch

    from ftui.trainer.dry_run_model import layers_of, period_of
    from ftui.trainer.grouped import repeat_keys_where_needed

    if request.kernels != "torch" or request.loss in ("fused", "inplace"):
        raise FtuiError("The probe has no fused kernels", f"kernels {request.kernels}, loss {request.loss}")
    if request.gpus > 1 and request.sharding not in ("none", "ddp"):
        raise FtuiError("The probe uses one GPU", f"sharding is {request.sharding}", "Leave --probe out.")
    repeat_keys_where_needed()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    total = layers_of(config)
    start, period = period_of(config)
    depths = sorted({min(total, start + period * (2 if period == 1 else 1) * times) for times in (1, 2)})
    runs = [_measure(config, depth, request, device) for depth in depths]
    drawn = {name: _line([run[name] for run in runs], depths, total) for name in runs[0] if name != "layers"}
    tokens = request.micro_batch * request.seq_len * (2 if request.task in ("dpo", "reward") else 1)
    slack = runs[-1]["reserved_bytes"] / max(1, runs[-1]["allocated_bytes"])
    allocated = drawn["allocated_bytes"]
    reserved = max(drawn["reserved_bytes"], allocated * slack)
    return {
        "schema_version": SCHEMA_VERSION,
        "device": torch.cuda.get_device_name(0) if device == "cuda" else "cpu",
        "allocated_bytes": round(allocated),
        "reserved_bytes": round(reserved),
        "context_bytes": round(runs[-1]["context_bytes"]),
        "device_bytes": round(reserved + runs[-1]["context_bytes"]),
        "slack_ratio": round(slack, 4),
        "step_seconds": drawn["step_seconds"],
        "tokens_per_second": tokens / max(drawn["step_seconds"], 1e-9),
        "depths": depths,
        "layers": total,
        "runs": runs,
        "versions": versions(),
    }


def _line(values: list[float], depths: list[int], total: int) -> float:
    if len(values) == 1:
        return float(values[0])
    slope = max(0.0, (values[1] - values[0]) / (depths[1] - depths[0]))
    return float(values[1] + slope * (total - depths[1]))


def _measure(config: Mapping[str, Any], layers: int, request: FitRequest, device: str) -> dict[str, float]:
    """One warm-up step, evaluation, and the timed steps, of a model with `layers` layers."""
    import torch

    from ftui.trainer.dry_run_model import build
    from ftui.trainer.dry_run_step import Trainee, loads_reference

    meter: Any = _CudaMeter() if device == "cuda" else _CpuMeter()
    try:
        model = build(config, layers, request, device)
        _fill(model)
        reference = build(config, layers, request, device).eval() if loads_reference(request) else None
        trainee = Trainee(model, request, device, reference)
        for _ in range(2):  # the second step is the first with optimizer state
            trainee.step(_ignore)
        trainee.evaluate()
        if request.task in ("grpo", "rloo"):
            trainee.generate_last_token()
        meter.wait()
        began = time.perf_counter()
        for _ in range(TIMED_STEPS):
            trainee.step(_ignore)
        meter.wait()
        seconds = (time.perf_counter() - began) / TIMED_STEPS
        return {"layers": layers, "step_seconds": seconds, **meter.read()}
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise FtuiError(
            "Even a few layers do not fit",
            f"{layers} layers of the model, {request.micro_batch} x {request.seq_len} tokens: {str(error)[:200]}",
            "Probe a smaller batch or a shorter length.",
        ) from error
    finally:
        model = reference = trainee = None  # type: ignore[assignment]
        gc.collect()
        meter.close()


def _ignore(stage: str) -> None:
    """Phases are not told apart: the device counts its own peak."""


def _fill(model: Any) -> None:
    """Small random weights, so that no NaN slows the CPU down; quantised ones may be anything."""
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dtype.is_floating_point:
                parameter.normal_(0.0, 0.02)
            else:
                parameter.zero_()
        for module in model.modules():
            state = getattr(module, "quant_state", None)
            for holder in (state, getattr(state, "state2", None)):
                for name in ("absmax", "code", "offset"):
                    tensor = getattr(holder, name, None)
                    if tensor is not None:
                        tensor.zero_()


class _CudaMeter:
    """What PyTorch's allocator and the driver say."""

    def __init__(self) -> None:
        import torch

        self.cuda = torch.cuda
        self.cuda.empty_cache()
        self.cuda.reset_peak_memory_stats()

    def wait(self) -> None:
        self.cuda.synchronize()

    def read(self) -> dict[str, float]:
        return {
            "allocated_bytes": self.cuda.max_memory_allocated(),
            "reserved_bytes": self.cuda.max_memory_reserved(),
            "context_bytes": _context_bytes(),
        }

    def close(self) -> None:
        self.cuda.empty_cache()


def _context_bytes() -> int:
    """What this process holds of the GPU beside PyTorch's allocator, by NVML; 0 where that does not tell."""
    import os

    import torch

    try:
        import pynvml

        pynvml.nvmlInit()
        uuid = str(torch.cuda.get_device_properties(0).uuid)
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
        for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle):
            if process.pid == os.getpid() and process.usedGpuMemory:
                return max(0, int(process.usedGpuMemory) - torch.cuda.memory_reserved())
    except (ImportError, AttributeError, pynvml.NVMLError):
        pass
    return 0


class _CpuMeter:
    """Tensors by the ledger of the dry run; the process by its peak resident size, where Linux resets that."""

    def __init__(self) -> None:
        from ftui.trainer.dry_run_ledger import Ledger

        self.before = _status_bytes("VmRSS")
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            pass
        self.ledger = Ledger(pretends=False)
        self.ledger.__enter__()
        self.open = True

    def wait(self) -> None:
        """Nothing runs behind Python's back, but the ledger takes time: it sees the first step only."""
        self.close()

    def read(self) -> dict[str, float]:
        allocated = max(self.ledger.peaks.values())
        peak = _status_bytes("VmHWM") or allocated
        return {
            "allocated_bytes": allocated,
            "reserved_bytes": max(allocated, peak - self.before),
            "context_bytes": self.before,
        }

    def close(self) -> None:
        if self.open:
            self.open = False
            self.ledger.__exit__(None, None, None)


def _status_bytes(name: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)


def main(arguments: list[str]) -> int:
    import os

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m ftui.trainer.probe REQUEST.json\n")
        return 2
    try:
        config, request, _ = read_request(Path(arguments[0]))
        json.dump(probe(config, request), sys.stdout)
    except FtuiError as error:
        json.dump({"error": {"title": error.title, "message": error.message, "hint": error.hint}}, sys.stdout)
        return error.exit_code
    except ImportError as error:
        hint = "Run: pip install 'ftui-wizard[train]'"
        json.dump(
            {"error": {"title": "The probe needs the training stack", "message": str(error), "hint": hint}}, sys.stdout
        )
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

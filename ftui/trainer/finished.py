"""The models of a finished run, for scoring, chat and export: the base as it was, and the tuned one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from ftui.core.plan import Plan
from ftui.errors import FtuiError
from ftui.trainer.dialect import load_tokenizer
from ftui.trainer.experts import four_bit_experts, unpack_for_good
from ftui.trainer.job import read_plan


def tuned_folder(run_dir: Path) -> Path:
    """The folder of the run's final weights. Raises FtuiError where the run has none yet."""
    folder = run_dir / "model"
    if not (folder / "config.json").is_file() and not (folder / "adapter_config.json").is_file():
        raise FtuiError("The run has no model yet", str(folder), "Finish it first: ftui runs resume RUN")
    return folder


def is_adapter(folder: Path) -> bool:
    """Whether the folder holds an adapter, not a whole model."""
    return (folder / "adapter_config.json").is_file()


def base_folder(run_dir: Path, plan: Plan) -> str:
    """The folder of the model that the run's adapter belongs to."""
    adapter = run_dir / "model" / "adapter_config.json"
    if adapter.is_file():
        named = json.loads(adapter.read_text(encoding="utf-8")).get("base_model_name_or_path")
        if named and Path(named).is_dir():
            return str(named)
    return plan.model.path or plan.model.id


def load_base(run_dir: Path, plan: Plan, dtype: torch.dtype | None = None, *, as_trained: bool = False) -> Any:
    """The untouched base, in evaluation mode. dtype None: fp32 on a CPU, the checkpoint's own type on a GPU.

    as_trained: for QLoRA the weights that the adapter was trained on: quantised, and turned back into numbers. The
    adapter has learned to make up for what the quantisation lost, so on the original weights it is another model.
    """
    from transformers import AutoModelForCausalLM

    on_gpu = torch.cuda.is_available()
    wanted: Any = dtype or ("auto" if on_gpu else torch.float32)
    folder = base_folder(run_dir, plan)
    settings: dict[str, Any] = {}
    packed: Any = None
    if as_trained:
        from ftui.trainer.models import quantisation_of

        if (quantisation := quantisation_of(plan)) is not None:
            settings["quantization_config"] = quantisation
            packed = quantisation if plan.train.sharding in ("none", "ddp") else None
    try:
        with four_bit_experts(packed):
            model = AutoModelForCausalLM.from_pretrained(
                folder, dtype=wanted, use_safetensors=True, device_map={"": 0} if on_gpu else None, **settings
            )
    except (OSError, ValueError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FtuiError("The base model cannot be loaded", f"{folder}: {words}") from None
    if settings:
        unpack_for_good(model)
        model = model.dequantize()
        if dtype is not None:
            model = model.to(dtype)
    return model.eval()


def checked_dtype(run_dir: Path) -> torch.dtype | None:
    """The arithmetic that an export is compared in: fp32, so that the report shows what storing in fewer bits costs and
    not what 16-bit arithmetic does. None (the checkpoint's own type) on a GPU that has no room for it.
    """
    if not torch.cuda.is_available():
        return torch.float32
    try:
        environment = json.loads((run_dir / "environment.json").read_text(encoding="utf-8"))
        weights_bytes = int(environment["model"]["weights_bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    free_bytes, _ = torch.cuda.mem_get_info()
    return torch.float32 if free_bytes > 2.5 * weights_bytes else None


def trained_precision(run_dir: Path, data: Path) -> str:
    """The arithmetic that the run's model was trained in (fp32, bf16-mixed, ...); empty where it was not recorded.

    data: the rows of the training that made it.
    """
    for folder in (data.parent, run_dir, *sorted(run_dir.glob("stages/*"), reverse=True)):
        try:
            record = json.loads((folder / "effective.json").read_text(encoding="utf-8"))
            return str(record["effective"]["train.precision"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return ""


def load_tuned(run_dir: Path, plan: Plan, dtype: torch.dtype | None = None, folder: Path | None = None) -> Any:
    """The tuned model: base and adapter, or the whole model of a full fine-tuning; in evaluation mode.

    folder: another adapter of the same base, to be used in place of the run's own.
    """
    from transformers import AutoModelForCausalLM

    folder = folder or tuned_folder(run_dir)
    if is_adapter(folder):
        from peft import PeftModel

        return PeftModel.from_pretrained(load_base(run_dir, plan, dtype, as_trained=True), str(folder)).eval()
    on_gpu = torch.cuda.is_available()
    wanted: Any = dtype or ("auto" if on_gpu else torch.float32)
    model = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=wanted, use_safetensors=True, device_map={"": 0} if on_gpu else None
    )
    return model.eval()


def tokenizer_of(run_dir: Path, plan: Plan) -> Any:
    """The tokenizer with the chat template that the run trained with."""
    return load_tokenizer(str(tuned_folder(run_dir)), plan)


def read_run(run_dir: Path) -> Plan:
    """The run's plan, with what the supervisor changed."""
    return read_plan(run_dir)


def without_template(plan: Plan) -> Plan:
    """The plan for a model that is not the run's own: it speaks by its own chat template."""
    from ftui.core.plan import with_values

    return with_values(plan, {"model.chat_template": None})

"""Kernels, attention, precision and quantisation by what the machine has: each choice, and each refusal by name."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch

from ftui.core.plan import Plan, from_mapping, with_values
from ftui.trainer import models
from ftui.trainer.failure import TrainerError


def plan(**values: Any) -> Plan:
    return with_values(from_mapping({}), {name.replace("__", "."): value for name, value in values.items()})


def machine(monkeypatch: pytest.MonkeyPatch, gpu: bool, bf16: bool = True, installed: tuple[str, ...] = ()) -> None:
    """Pretend to be a machine with this GPU and these packages."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bf16)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index=0: "Tesla T4")
    inner = models.importlib.util.find_spec

    def find_spec(name: str, *more: Any) -> Any:
        if name in ("flash_attn", "liger_kernel"):
            return object() if name in installed else None
        return inner(name, *more)

    monkeypatch.setattr(models.importlib.util, "find_spec", find_spec)


@pytest.mark.parametrize(
    ("gpu", "installed", "asked", "wanted"),
    [
        (False, (), "auto", "sdpa"),
        (True, (), "auto", "sdpa"),
        (True, ("flash_attn",), "auto", "flash_attention_2"),
        (True, ("flash_attn",), "sdpa", "sdpa"),
        (True, ("flash_attn",), "flash", "flash_attention_2"),
        (True, ("flash_attn",), "eager", "eager"),
    ],
)
def test_attention(
    monkeypatch: pytest.MonkeyPatch, gpu: bool, installed: tuple[str, ...], asked: str, wanted: str
) -> None:
    machine(monkeypatch, gpu, installed=installed)
    assert models.attention_of(plan(train__attention=asked)) == wanted


def test_flash_attention_needs_sixteen_bit_a_gpu_and_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, True, installed=("flash_attn",))
    assert models.attention_of(plan(train__precision="fp32")) == "sdpa"
    machine(monkeypatch, True)
    with pytest.raises(TrainerError, match="flash_attn is not installed"):
        models.attention_of(plan(train__attention="flash"))


@pytest.mark.parametrize(
    ("gpu", "bf16", "technique", "precision", "weights"),
    [
        (False, False, "lora", "fp32", "float32"),
        (True, True, "lora", "bf16-mixed", "bfloat16"),
        (True, True, "full", "bf16-mixed", "float32"),
        (True, False, "lora", "fp16-mixed", "float16"),
        (True, False, "full", "fp16-mixed", "float32"),
    ],
)
def test_precision_by_the_device(
    monkeypatch: pytest.MonkeyPatch, gpu: bool, bf16: bool, technique: str, precision: str, weights: str
) -> None:
    machine(monkeypatch, gpu, bf16)
    chosen = plan(method__technique=technique)
    assert models.precision_of(chosen) == precision and models.weights_dtype(chosen) == weights


def test_bf16_on_a_gpu_without_it_is_refused_by_the_gpus_name(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, True, bf16=False)
    with pytest.raises(TrainerError, match="Tesla T4"):
        models.precision_of(plan(train__precision="bf16-mixed"))


def test_four_bit_weights_are_multiplied_in_the_precision_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for bf16, wanted in ((True, torch.bfloat16), (False, torch.float16)):
        machine(monkeypatch, True, bf16)
        settings = models.quantisation_of(plan(method__technique="qlora"))
        assert settings.bnb_4bit_compute_dtype is wanted and settings.bnb_4bit_use_double_quant
    assert models.quantisation_of(plan(method__technique="qlora", method__quant="int8")).load_in_8bit
    assert models.quantisation_of(plan()) is None
    machine(monkeypatch, True)
    shared = models.quantisation_of(plan(method__technique="qlora", train__gpus=2, train__sharding="fsdp"))
    alone = models.quantisation_of(plan(method__technique="qlora"))
    assert shared.bnb_4bit_quant_storage is torch.bfloat16 and alone.bnb_4bit_quant_storage is torch.uint8


def liger(monkeypatch: pytest.MonkeyPatch, *known: str) -> None:
    name = "liger_kernel.transformers.monkey_patch"
    module = types.ModuleType(name)
    module.MODEL_TYPE_TO_APPLY_LIGER_FN = dict.fromkeys(known)  # type: ignore[attr-defined]
    for parent in ("liger_kernel", "liger_kernel.transformers"):
        monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    monkeypatch.setitem(sys.modules, name, module)


def test_ligers_kernels_where_they_are_and_know_the_model(monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> None:
    folder = str(tiny_model)
    machine(monkeypatch, False)
    assert models.kernels_of(plan(), folder) == "torch"
    machine(monkeypatch, True)
    assert models.kernels_of(plan(), folder) == "torch"
    with pytest.raises(TrainerError, match="not installed"):
        models.kernels_of(plan(train__kernels="liger"), folder)
    machine(monkeypatch, True, installed=("liger_kernel",))
    liger(monkeypatch, "llama")
    assert models.kernels_of(plan(), folder) == "liger"
    assert models.kernels_of(plan(train__kernels="torch"), folder) == "torch"
    assert models.kernels_of(plan(train__compile=True), folder) == "torch"
    assert models.kernels_of(plan(method__task="reward"), folder) == "torch"
    liger(monkeypatch, "mistral")
    assert models.kernels_of(plan(), folder) == "torch"
    with pytest.raises(TrainerError, match="do not know llama"):
        models.kernels_of(plan(train__kernels="liger"), folder)


def test_each_process_loads_onto_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", bound.append)
    assert models.device_map_of(plan()) == {"": 0}
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert models.device_map_of(plan(train__gpus=4, train__sharding="ddp")) == {"": 3}
    assert models.device_map_of(plan(train__gpus=4, train__sharding="fsdp")) is None
    assert bound == [0, 3, 3]


@pytest.mark.parametrize("name", ["adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit", "adafactor"])
def test_the_plans_optimizers_are_the_librarys(name: str, tmp_path: Path) -> None:
    from dataclasses import fields

    from transformers import Trainer, TrainingArguments

    from ftui.core.plan_sections import TrainSection

    optimizer = next(field for field in fields(TrainSection) if field.name == "optimizer")
    assert name in optimizer.metadata["limits"]["enum"]
    arguments = TrainingArguments(output_dir=str(tmp_path), optim=name, use_cpu=True, report_to="none")
    kind, settings = Trainer.get_optimizer_cls_and_kwargs(arguments)
    assert settings.get("fused", False) == (name == "adamw_torch_fused")
    assert settings.get("is_paged", False) == (name == "paged_adamw_8bit")
    assert (settings.get("optim_bits") == 8) == ("8bit" in name)
    assert kind.__module__.startswith("bitsandbytes") == ("8bit" in name)

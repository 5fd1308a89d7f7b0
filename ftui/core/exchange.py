"""Plans in the words of other tools: TRL's command, Axolotl, LLaMA-Factory. The way back is in exchange_import.py.

The tables are in exchange_words.py; here is what is not word for word. What a tool has no word for is listed, never
dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ftui.core.exchange_words import TASKS, WORDS
from ftui.core.plan import Plan, default, field_names, to_mapping
from ftui.errors import FtuiError

TOOLS = ("trl", "axolotl", "llamafactory")
OURS = ("run.", "recovery.", "eval.")
"""Sections that no other tool has: they are how ftui runs a plan, not what is trained."""


@dataclass(frozen=True)
class Exchanged:
    """data: the other tool's configuration (or a plan's mapping). left_out: what was not carried over, in words.

    notes: what else to look at before it is trained from.
    """

    data: dict[str, Any]
    left_out: tuple[str, ...]
    notes: tuple[str, ...] = ()


def to_tool(plan: Plan, tool: str) -> Exchanged:
    """The plan as the tool's configuration. Raises FtuiError for a task that the tool does not have."""
    tasks = TASKS[tool]
    if plan.method.task not in tasks:
        raise FtuiError(f"{tool} has no such task", f"method.task is {plan.method.task}", f"It has {', '.join(tasks)}.")
    whole = to_mapping(plan)
    lora = plan.method.technique != "full"
    said: dict[str, Any] = {}
    told = {
        "model.path",
        "method.task",
        "method.technique",
        "method.quant",
        "data.train",
        "data.eval",
        "train.precision",
    }
    if tool == "trl":
        told.add("train.warmup_ratio")  # said as warmup_steps
    for word in WORDS[tool]:
        section, _, key = word.field.partition(".")
        value = whole[section][key]
        told.add(word.field)
        if value is None or (key.startswith("lora_") and not lora):
            continue
        if (said_value := word.say(value)) is not None:
            said[word.key] = said_value
    said |= _SPECIAL[tool](plan)
    if plan.data.eval:  # held-out rows of their own: none are split off
        for key in ("val_set_size", "val_size"):
            said.pop(key, None)
    said["base_model" if tool == "axolotl" else "model_name_or_path"] = _model(plan)
    if plan.method.task in ("sft", "text", "reward", "grpo", "rloo"):
        said.pop("beta", None)
        said.pop("pref_beta", None)
        said.pop("rl_beta", None)
    left_out = [
        f"{name} = {whole[name.partition('.')[0]][name.partition('.')[2]]!r}: {tool} has no word for it"
        for name in field_names()
        if name not in told
        and not name.startswith(OURS)
        and whole[name.partition(".")[0]][name.partition(".")[2]] != default(name)
    ]
    if plan.stages:
        left_out.append("stages: export them one by one")
    if "/" not in _model(plan):
        left_out.append(f"model.id = {plan.model.id!r}: a name of ftui's own; put the model's folder or hub id there")
    return Exchanged(said, tuple(left_out + _about_rows(plan, tool)))


def _model(plan: Plan) -> str:
    """The model's hub id or folder: a short name of ftui's catalogue means nothing elsewhere."""
    return plan.model.id if "/" in plan.model.id else plan.model.path or plan.model.id


def _about_rows(plan: Plan, tool: str) -> list[str]:
    """What the other tool wants of the data, which a configuration alone cannot give it."""
    if tool == "trl" and plan.data.eval:
        return [f"data.eval = {plan.data.eval!r}: its command splits held-out rows off the training rows instead"]
    if tool == "llamafactory":
        files = " and ".join(filter(None, (plan.data.train, plan.data.eval)))
        said = [f"the rows: LLaMA-Factory knows datasets by name; enter {files} into its dataset_info.json"]
        if plan.train.precision == "auto":
            said.append("train.precision = 'auto': it has no such word, the file says bf16; older GPUs need fp16")
        return said
    if tool == "axolotl" and plan.method.task in ("dpo", "kto", "orpo", "grpo"):
        return [f"the rows: Axolotl reads rows for {plan.method.task} in a shape of its own; see its dataset formats"]
    return []


def _trl(plan: Plan) -> dict[str, Any]:
    said: dict[str, Any] = {
        "datasets": [{"path": "json", "data_files": plan.data.train, "split": "train"}],
        "output_dir": f"{plan.run.name}-output",
        "report_to": "none",
        "loss_type": "nll" if plan.method.task in ("sft", "text") else None,
    }
    # transformers 5 takes a share of the steps in warmup_steps; warmup_ratio is gone.
    said["warmup_steps"] = plan.train.warmup_ratio
    if plan.train.precision != "auto":  # left open, TRL takes bf16
        said |= {"bf16": plan.train.precision == "bf16-mixed", "fp16": plan.train.precision == "fp16-mixed"}
    if plan.train.precision in ("fp32", "bf16"):
        said["dtype"] = "float32" if plan.train.precision == "fp32" else "bfloat16"
    if plan.data.eval or plan.data.eval_fraction:
        said |= {"test_split_size": plan.data.eval_fraction or 0.1, "eval_strategy": "steps"}
    else:
        said["eval_strategy"] = "no"
    if plan.method.technique != "full":
        said["use_peft"] = True
    if plan.method.technique == "qlora":
        said |= {"load_in_8bit": True} if plan.method.quant == "int8" else {
            "load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "use_bnb_nested_quant": plan.method.quant == "nf4-dq"
        }  # fmt: skip
    if plan.method.task == "sft":
        said["assistant_only_loss"] = plan.data.train_on != "all"
    return {key: value for key, value in said.items() if value is not None}


def _axolotl(plan: Plan) -> dict[str, Any]:
    kind = {"text": "completion"}.get(plan.method.task, "chat_template")
    said: dict[str, Any] = {
        "datasets": [{"path": plan.data.train, "type": kind}],
        "output_dir": f"./{plan.run.name}-output",
        "bf16": "auto" if plan.train.precision == "auto" else plan.train.precision.startswith("bf16"),
    }
    if plan.data.eval:
        said["test_datasets"] = [{"path": plan.data.eval, "type": kind, "split": "train"}]
    if (task := TASKS["axolotl"][plan.method.task]) is not None:
        said["rl"] = task
    if task == "kto":
        said["remove_unused_columns"] = False  # Axolotl refuses KTO without it
    if plan.method.technique != "full":
        said["adapter"] = plan.method.technique
        if plan.method.lora_targets == ["all-linear"]:
            said["lora_target_linear"] = True
        else:
            said["lora_target_modules"] = list(plan.method.lora_targets)
    if plan.method.technique == "qlora":
        said |= {"load_in_8bit": True} if plan.method.quant == "int8" else {"load_in_4bit": True}
    if plan.train.attention == "flash":
        said["flash_attention"] = True
    return said


def _llamafactory(plan: Plan) -> dict[str, Any]:
    technique = "full" if plan.method.technique == "full" else "lora"
    held_out = {"eval_dataset": plan.data.eval} if plan.data.eval else {}
    said: dict[str, Any] = {
        **held_out,
        "stage": TASKS["llamafactory"][plan.method.task],
        "do_train": True,
        "finetuning_type": technique,
        "dataset": plan.data.train,
        "template": "default",
        "output_dir": f"{plan.run.name}-output",
        "bf16": plan.train.precision in ("auto", "bf16", "bf16-mixed"),
        "fp16": plan.train.precision == "fp16-mixed",
    }
    if plan.method.technique == "qlora":
        said |= {"quantization_bit": 8 if plan.method.quant == "int8" else 4, "quantization_method": "bnb"}
        if plan.method.quant != "int8":
            said["double_quantization"] = plan.method.quant == "nf4-dq"
    if plan.train.attention != "auto":
        said["flash_attn"] = {"flash": "fa2", "sdpa": "sdpa", "eager": "disabled"}[plan.train.attention]
    return said


_SPECIAL: dict[str, Callable[[Plan], dict[str, Any]]] = {
    "trl": _trl,
    "axolotl": _axolotl,
    "llamafactory": _llamafactory,
}

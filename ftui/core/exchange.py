"""Plans in the words of other tools, and back: TRL's command, Axolotl, LLaMA-Factory.

The tables are in exchange_words.py; here is what is not word for word. What a tool has no word for is listed, never
dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ftui.core.exchange_words import TASKS, WORDS
from ftui.core.plan import Plan, default, field_names, from_mapping, to_mapping
from ftui.errors import FtuiError

TOOLS = ("trl", "axolotl", "llamafactory")
OURS = ("run.", "recovery.", "eval.")
"""Sections that no other tool has: they are how ftui runs a plan, not what is trained."""


@dataclass(frozen=True)
class Exchanged:
    """data: the other tool's configuration (or a plan's mapping). left_out: what was not carried over, in words."""

    data: dict[str, Any]
    left_out: tuple[str, ...]


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
        return [f"the rows: LLaMA-Factory knows datasets by name; enter {files} into its dataset_info.json"]
    if tool == "axolotl" and plan.method.task in ("dpo", "kto", "orpo", "grpo"):
        return [f"the rows: Axolotl reads rows for {plan.method.task} in a shape of its own; see its dataset formats"]
    return []


def from_tool(data: Mapping[str, Any], tool: str) -> Exchanged:
    """The tool's configuration as a plan's mapping. Raises FtuiError where a value cannot be one of ours."""
    sections: dict[str, dict[str, Any]] = {}
    used: set[str] = set()
    for word in WORDS[tool]:
        if data.get(word.key) is None:
            continue
        section, _, key = word.field.partition(".")
        sections.setdefault(section, {})[key] = word.hear(data[word.key])
        used.add(word.key)
    for field, (value, keys) in _HEARD[tool](data).items():
        section, _, key = field.partition(".")
        sections.setdefault(section, {})[key] = value
        used |= set(keys)
    plan = from_mapping(sections)
    left_out = [f"{key} = {value!r:.60}: ftui has no word for it" for key, value in data.items() if key not in used]
    return Exchanged(to_mapping(plan), tuple(left_out))


def guess_tool(data: Mapping[str, Any]) -> str:
    """Which tool's configuration it is, by keys that only one of them has. Raises FtuiError."""
    if "base_model" in data:
        return "axolotl"
    if "finetuning_type" in data or "stage" in data or "cutoff_len" in data:
        return "llamafactory"
    if "model_name_or_path" in data:
        return "trl"
    raise FtuiError(
        "Whose configuration is it?", "neither TRL, Axolotl nor LLaMA-Factory", f"Say --from {'|'.join(TOOLS)}."
    )


def _trl(plan: Plan) -> dict[str, Any]:
    said: dict[str, Any] = {
        "datasets": [{"path": "json", "data_files": plan.data.train, "split": "train"}],
        "output_dir": f"{plan.run.name}-output",
        "report_to": "none",
        "bf16": plan.train.precision == "bf16-mixed",
        "fp16": plan.train.precision == "fp16-mixed",
        "loss_type": "nll" if plan.method.task in ("sft", "text") else None,
    }
    # transformers 5 takes a share of the steps in warmup_steps; warmup_ratio is gone.
    said["warmup_steps"] = plan.train.warmup_ratio
    if plan.train.precision == "fp32":
        said["dtype"] = "float32"
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
        "bf16": plan.train.precision in ("bf16", "bf16-mixed"),
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
Heard = dict[str, tuple[Any, tuple[str, ...]]]


def _first_file(datasets: Any) -> str:
    first = datasets[0] if isinstance(datasets, list) and datasets else datasets
    if isinstance(first, Mapping):
        return str(first.get("data_files") or first.get("path") or "")
    return str(first or "")


def _precision(data: Mapping[str, Any]) -> Heard:
    if data.get("bf16") == "auto":
        return {"train.precision": ("auto", ("bf16",))}
    if data.get("bf16"):
        return {"train.precision": ("bf16-mixed", ("bf16", "fp16"))}
    if data.get("fp16"):
        return {"train.precision": ("fp16-mixed", ("bf16", "fp16"))}
    if str(data.get("dtype")) == "float32":
        return {"train.precision": ("fp32", ("dtype", "bf16", "fp16"))}
    return {}


def _hear_trl(data: Mapping[str, Any]) -> Heard:
    quantised = data.get("load_in_4bit") or data.get("load_in_8bit")
    technique = ("qlora" if quantised else "lora") if data.get("use_peft") else "full"
    heard: Heard = {"method.technique": (technique, ("use_peft", "load_in_4bit", "load_in_8bit")), **_precision(data)}
    if quantised:
        quant = "int8" if data.get("load_in_8bit") else "nf4-dq" if data.get("use_bnb_nested_quant") else "nf4"
        heard["method.quant"] = (quant, ("bnb_4bit_quant_type", "use_bnb_nested_quant"))
    warmup = data.get("warmup_ratio", data.get("warmup_steps"))
    if isinstance(warmup, float) and warmup < 1:
        heard["train.warmup_ratio"] = (warmup, ("warmup_ratio", "warmup_steps"))
    if name := _first_file(data.get("datasets")) or data.get("dataset_name"):
        heard["data.train"] = (name, ("datasets", "dataset_name"))
    return heard


def _hear_axolotl(data: Mapping[str, Any]) -> Heard:
    technique = data.get("adapter") or "full"
    heard: Heard = {"method.technique": (technique, ("adapter", "load_in_4bit", "load_in_8bit")), **_precision(data)}
    if technique == "qlora" and data.get("load_in_8bit"):
        heard["method.quant"] = ("int8", ())
    if data.get("lora_target_linear"):
        heard["method.lora_targets"] = (["all-linear"], ("lora_target_linear",))
    elif data.get("lora_target_modules"):
        heard["method.lora_targets"] = (list(data["lora_target_modules"]), ("lora_target_modules",))
    if data.get("rl"):
        heard["method.task"] = (data["rl"], ("rl",))
    if data.get("flash_attention") or data.get("attn_implementation") == "flash_attention_2":
        heard["train.attention"] = ("flash", ("flash_attention", "attn_implementation"))
    if name := _first_file(data.get("datasets")):
        heard["data.train"] = (name, ("datasets",))
    if name := _first_file(data.get("test_datasets")):
        heard["data.eval"] = (name, ("test_datasets",))
    return heard


def _hear_llamafactory(data: Mapping[str, Any]) -> Heard:
    technique = data.get("finetuning_type", "lora")
    if technique == "lora" and data.get("quantization_bit"):
        technique = "qlora"
    heard: Heard = {"method.technique": (technique, ("finetuning_type", "quantization_bit")), **_precision(data)}
    if technique == "qlora":
        quant = (
            "int8"
            if data.get("quantization_bit") == 8
            else "nf4-dq"
            if data.get("double_quantization", True)
            else "nf4"
        )
        heard["method.quant"] = (quant, ("double_quantization", "quantization_method"))
    tasks = {theirs: ours for ours, theirs in TASKS["llamafactory"].items()}
    if data.get("stage"):
        heard["method.task"] = (tasks.get(str(data["stage"]), data["stage"]), ("stage", "do_train"))
    if name := data.get("dataset"):
        heard["data.train"] = (str(name).split(",")[0], ("dataset",))
    if name := data.get("eval_dataset"):
        heard["data.eval"] = (str(name).split(",")[0], ("eval_dataset",))
    return heard


_HEARD: dict[str, Callable[[Mapping[str, Any]], Heard]] = {
    "trl": _hear_trl, "axolotl": _hear_axolotl, "llamafactory": _hear_llamafactory,
}  # fmt: skip

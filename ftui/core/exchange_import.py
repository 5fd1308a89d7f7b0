"""Other tools' configurations as plans: what TRL's command, Axolotl and LLaMA-Factory train from.

Nothing is dropped in silence: each key is heard, or named with why it was not. What a file leaves open is what its tool
would do, with that as the reason, so that the plan trains what the file would have trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ftui.core.defaults_conflicts import conflicts
from ftui.core.exchange import TOOLS, Exchanged
from ftui.core.exchange_defaults import fill_defaults
from ftui.core.exchange_heard import Heard, entries, precision, quantised, rows, share_of_steps
from ftui.core.exchange_words import TASKS, WORDS
from ftui.core.plan import Plan, default, to_mapping, with_values
from ftui.core.plan_sections import TECHNIQUES
from ftui.errors import FtuiError


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


def from_tool(data: Mapping[str, Any], tool: str, task: str | None = None) -> Exchanged:
    """The tool's configuration as a plan's mapping, and what could not be carried over, one sentence each.

    task: the plan's task where the file does not say it (TRL's file says it by the command it is given to).
    Raises FtuiError for a task or a technique that ftui does not have.
    """
    heard = Heard(tool, {str(key): value for key, value in data.items() if value is not None})
    for word in WORDS[tool]:
        if word.key in heard.data:
            heard.settle(word.field, word.key, word.hear)
    _HEARD[tool](heard, task)
    fill_defaults(heard)
    plan = _without_conflicts(heard)
    unknown = [f"{heard.said(key)}: ftui has no word for it" for key in heard.data if key not in heard.used]
    if not plan.data.train:
        heard.notes.append("data.train is missing: put the path of your rows there")
    return Exchanged(to_mapping(plan), tuple(heard.left_out + unknown), tuple(heard.notes))


def _without_conflicts(heard: Heard) -> Plan:
    """The plan of what was heard, without what ftui would refuse as doing nothing beside the rest of it."""
    plan = with_values(Plan(), heard.values, heard.reasons)
    for conflict in conflicts(plan):
        calmer = with_values(plan, {conflict.field: default(conflict.field)})
        if conflict not in conflicts(calmer):
            plan = calmer
            keys = [word.key for word in WORDS[heard.tool] if word.field == conflict.field and word.key in heard.data]
            heard.left_out.append(f"{heard.said(keys[0])}: {conflict.message}" if keys else conflict.message)
        else:
            heard.notes.append(f"{conflict.message}. {conflict.hint}".strip())
    return plan


def _refuse(heard: Heard, key: str, there: str) -> FtuiError:
    return FtuiError(f"ftui has no such {there}", f"{key} is {heard.data[key]!r:.60}", _THERE[there])


_THERE = {
    "technique": f"It has {', '.join(TECHNIQUES)}: change it in the file, or make a plan anew with ftui plan new.",
    "task": "It has SFT, DPO, KTO, ORPO, reward models, GRPO, RLOO and continued pretraining.",
    "loss": "It has sigmoid (DPO), ipo and orpo.",
}


def _trl(heard: Heard, task: str | None) -> None:
    share_of_steps(heard)
    precision(heard)
    heard.values["method.technique"] = quantised(heard, "lora" if heard.get("use_peft") else "full")
    if heard.values["method.technique"] == "qlora":
        kind = heard.get("bnb_4bit_quant_type", "nf4")
        if kind != "nf4":
            heard.left_out.append(f"{heard.said('bnb_4bit_quant_type')}: ftui's four bits are nf4")
        nested = heard.get("use_bnb_nested_quant")
        if heard.values["method.quant"] != "int8":
            heard.values["method.quant"] = "nf4-dq" if nested else "nf4"
    heard.values["method.task"] = task or _guessed_task(heard)
    if heard.values["method.task"] == "dpo" and "loss_type" in heard.data:
        heard.settle("method.preference_loss", "loss_type", _only_one)
    elif heard.values["method.task"] in ("sft", "kto") and heard.data.get("loss_type") in ("nll", "kto"):
        heard.used.add("loss_type")
    if "assistant_only_loss" in heard.data:
        heard.settle("data.train_on", "assistant_only_loss", lambda only: "assistant" if only else "all")
    elif heard.values["method.task"] == "sft":
        heard.notes.append(
            "assistant_only_loss is not said: TRL would learn the user's turns of conversations too; the plan learns "
            "the answers (data.train_on)"
        )
    if "test_split_size" in heard.data:
        heard.settle("data.eval_fraction", "test_split_size")
        heard.used |= {"eval_strategy"} & heard.data.keys()
    if heard.values["method.technique"] != "full" and "lora_target_modules" not in heard.data:
        heard.notes.append(
            "lora_target_modules is not said: TRL takes PEFT's choice for the model, often q_proj and v_proj; the plan "
            "has all-linear"
        )
    datasets = heard.data.get("datasets")
    rows(heard, "datasets" if datasets else "dataset_name", datasets or heard.data.get("dataset_name"))


def _only_one(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


_OF_TASK = {
    "dpo": ("precompute_ref_log_probs", "reference_free", "max_prompt_length", "loss_weights", "sync_ref_model"),
    "kto": ("desirable_weight", "undesirable_weight"),
    "reward": ("center_rewards_coefficient",),
    "grpo": ("num_generations", "max_completion_length", "reward_funcs", "scale_rewards"),
    "rloo": ("normalize_advantages", "reward_clip_range", "num_mini_batches"),
}
"""Keys that only one of TRL's commands knows, the rarest task first where several fit."""


def _guessed_task(heard: Heard) -> str:
    """TRL's file does not say which command it is for: its keys do, and a note says what was made of them."""
    for name in ("rloo", "grpo", "kto", "reward", "dpo"):
        for key in _OF_TASK[name]:
            if key in heard.data:
                return _because(heard, name, f"{key} is a key of trl {name}")
    if "beta" in heard.data:
        return _because(heard, "dpo", "beta is a key of trl dpo")
    return _because(heard, "sft", "no key of another command is in it")


def _because(heard: Heard, task: str, why: str) -> str:
    heard.notes.append(f"method.task = {task!r}: TRL's file does not say it, but {why}; --task says another")
    heard.reasons["method.task"] = why
    return task


def _axolotl(heard: Heard, task: str | None) -> None:
    share_of_steps(heard)
    precision(heard)
    adapter = str(heard.get("adapter") or "full")
    if adapter not in TECHNIQUES:
        raise _refuse(heard, "adapter", "technique")
    heard.values["method.technique"] = quantised(heard, adapter)
    if heard.get("lora_target_linear"):
        heard.values["method.lora_targets"] = ["all-linear"]
    elif "lora_target_modules" in heard.data:
        heard.settle("method.lora_targets", "lora_target_modules")
    kinds = {str(entry.get("type", "")) for entry in entries(heard.data.get("datasets")) if isinstance(entry, Mapping)}
    heard.values["method.task"] = task or ("text" if kinds == {"completion"} else "sft")
    if rl := heard.get("rl"):
        if rl == "ipo":
            heard.values |= {"method.task": "dpo", "method.preference_loss": "ipo"}
        elif rl in TASKS["axolotl"].values():
            heard.values["method.task"] = rl
        else:
            raise _refuse(heard, "rl", "task")
    if rl == "kto":
        heard.used |= {"remove_unused_columns"} & heard.data.keys()
    if "train_on_inputs" in heard.data:
        heard.settle("data.train_on", "train_on_inputs", lambda inputs: "all" if inputs else "assistant")
    if "attn_implementation" in heard.data:
        heard.settle("train.attention", "attn_implementation", lambda name: _ATTENTION.get(name, name))
    elif heard.get("flash_attention"):
        heard.values["train.attention"] = "flash"
    elif heard.get("sdp_attention"):
        heard.values["train.attention"] = "sdpa"
    rows(heard, "datasets", heard.data.get("datasets"))
    if "test_datasets" in heard.data:
        rows(heard, "test_datasets", heard.data["test_datasets"], "data.eval")


_ATTENTION = {"flash_attention_2": "flash", "flash_attention_3": "flash"}


def _llamafactory(heard: Heard, task: str | None) -> None:
    share_of_steps(heard)
    precision(heard)
    technique = heard.get("finetuning_type", "lora")
    if technique not in ("full", "lora"):
        raise _refuse(heard, "finetuning_type", "technique")
    bits = heard.get("quantization_bit")
    if heard.data.get("do_train") is True:
        heard.used.add("do_train")
    heard.values["method.technique"] = "qlora" if bits and technique == "lora" else technique
    if heard.values["method.technique"] == "qlora":
        nested, how = heard.get("double_quantization", True), heard.get("quantization_method", "bnb")
        heard.values["method.quant"] = "int8" if bits == 8 else "nf4-dq" if nested else "nf4"
        if bits not in (4, 8) or how not in ("bnb", "bitsandbytes"):
            heard.left_out.append(
                f"{heard.said('quantization_bit')} by {how}: ftui quantises by bitsandbytes to 4 or 8"
            )
    tasks = {theirs: ours for ours, theirs in TASKS["llamafactory"].items()}
    stage = heard.get("stage", "sft")
    if not isinstance(stage, str) or stage not in tasks:
        raise _refuse(heard, "stage", "task")
    heard.values["method.task"] = task or tasks[stage]
    loss = heard.get("pref_loss", "sigmoid") if stage == "dpo" else "sigmoid"
    if loss == "orpo":
        heard.values["method.task"] = "orpo"
    elif loss in ("sigmoid", "ipo"):
        heard.values |= {"method.preference_loss": loss} if loss == "ipo" else {}
    else:
        raise _refuse(heard, "pref_loss", "loss")
    if heard.get("train_on_prompt"):
        heard.values["data.train_on"] = "all"
    elif heard.get("mask_history"):
        heard.values["data.train_on"] = "last_assistant"
    if "disable_gradient_checkpointing" in heard.data:
        heard.settle("train.gradient_checkpointing", "disable_gradient_checkpointing", lambda off: not off)
    if "flash_attn" in heard.data:
        names = {"fa2": "flash", "fa3": "flash", "disabled": "eager"}
        heard.settle("train.attention", "flash_attn", lambda name: names.get(name, name))
    for name, key in (("data.train", "dataset"), ("data.eval", "eval_dataset")):
        if key in heard.data:
            rows(heard, key, [part.strip() for part in str(heard.data[key]).split(",")], name)


_HEARD: dict[str, Callable[[Heard, str | None], None]] = {
    "trl": _trl,
    "axolotl": _axolotl,
    "llamafactory": _llamafactory,
}

"""Options that a combination would ignore or cannot take, named before anything starts."""

from __future__ import annotations

from dataclasses import dataclass

from ftui.core.plan import Plan, default, stage_plan, to_mapping
from ftui.errors import FtuiError

_ADAPTER = ("method.lora_rank", "method.lora_alpha", "method.lora_dropout", "method.lora_targets", "method.rslora",
            "method.dora", "method.modules_to_save")  # fmt: skip
_ONLINE_ONLY = ("method.rewards", "method.reward_model", "method.trust_reward_file", "method.generations",
                "method.completion_tokens", "method.temperature")  # fmt: skip
ONLINE = ("grpo", "rloo")


@dataclass(frozen=True)
class Conflict:
    """A field that would do nothing, or do harm, beside the others."""

    field: str
    message: str
    hint: str = ""


def conflicts(plan: Plan) -> list[Conflict]:
    """Everything in the plan that its own combination would ignore or break, in field order; stages one by one."""
    if plan.stages:
        return [*_between_stages(plan), *_within_stages(plan)]
    method, train, data = plan.method, plan.train, plan.data
    found: list[Conflict] = []

    def ignored(name: str, why: str, hint: str = "") -> None:
        found.append(Conflict(name, f"{name} does nothing here: {why}", hint))

    if method.technique == "full":
        for name in _changed(plan, _ADAPTER):
            ignored(name, "full fine-tuning has no adapter", "Set method.technique to lora or qlora.")
    if method.technique != "qlora":
        for name in _changed(plan, ("method.quant",)):
            ignored(name, "only QLoRA stores the base model in four or eight bits")
    if method.task not in ONLINE:
        for name in _changed(plan, _ONLINE_ONLY):
            ignored(name, f"{method.task} generates nothing", "It belongs to method.task grpo or rloo.")
    if method.task not in ("dpo", "kto", "orpo", *ONLINE):
        for name in _changed(plan, ("method.beta",)):
            ignored(name, f"{method.task} has no reference to stay near")
    if method.task != "dpo":
        for name in _changed(plan, ("method.preference_loss",)):
            ignored(name, f"{method.task} has one loss of its own")
    if method.task not in ("sft", "text"):
        if data.packing:
            ignored("data.packing", f"{method.task} does not pack")
        for name in _changed(plan, ("data.train_on",)):
            ignored(name, f"{method.task} always trains on the answers")
    if method.task == "text" and data.train_on == "last_assistant":
        ignored("data.train_on", "plain text is learned whole", "Use all.")
    if method.task in ("kto", *ONLINE) and data.group_by_length:
        ignored("data.group_by_length", f"{method.task} has an order of its own")
    if data.packing and data.group_by_length:
        ignored("data.group_by_length", "packed sequences are all of one length")
    if method.task not in ("sft", "text") and method.technique != "full":
        for name in _changed(plan, ("method.lora_dropout",)):
            ignored(
                name, f"{method.task} is trained without dropout, which would blur what its answers are compared by"
            )
    if method.neftune_alpha is not None and method.task not in ("sft", "text"):
        ignored("method.neftune_alpha", f"noise on the embeddings is for supervised training, not for {method.task}")
    if train.loss == "full":
        ignored("train.loss", "the trainer computes the loss in pieces and never holds all logits", "Use auto.")
    if method.task in ("orpo", "reward") and train.loss not in ("auto", "full"):
        ignored("train.loss", f"{method.task} has a loss that is computed whole", "Use auto.")
    if train.gpus == 1 and train.sharding not in ("none", "ddp"):
        ignored("train.sharding", "one GPU has nobody to share with")
    if data.replay and method.task not in ("sft", "text"):
        ignored("data.replay", f"{method.task} has no general rows to mix in")
    if data.replay_fraction and not data.replay:
        ignored("data.replay_fraction", "no general rows are named", "Set data.replay.")
    if data.replay and not data.replay_fraction:
        ignored("data.replay", "data.replay_fraction is 0")
    if train.early_stopping_patience and not data.eval and not (data.eval_fraction and data.eval_rows_max):
        ignored("train.early_stopping_patience", "no rows are held out", "Set data.eval or data.eval_fraction.")
    if method.trust_reward_file and not any(name.startswith("file:") for name in method.rewards):
        ignored("method.trust_reward_file", "no file: reward is named")
    found += _impossible(plan)
    return found


def refuse_conflicts(plan: Plan) -> None:
    """Raise FtuiError for the first conflict, naming its field."""
    for conflict in conflicts(plan):
        raise FtuiError("The plan contradicts itself", conflict.message, conflict.hint)


def _impossible(plan: Plan) -> list[Conflict]:
    """Combinations that would fail or train badly."""
    method, train = plan.method, plan.train
    found = []
    if method.task == "kto" and train.micro_batch < 2:
        found.append(
            Conflict(
                "train.micro_batch",
                "train.micro_batch must be at least 2 for KTO, which compares answers within a batch",
                "Raise it and lower train.accumulation.",
            )
        )
    if method.task in ONLINE:
        completions = train.micro_batch * train.accumulation * train.gpus
        if completions % method.generations:
            found.append(
                Conflict(
                    "method.generations",
                    f"a step has {completions} completions (micro_batch x accumulation x gpus), "
                    f"which method.generations ({method.generations}) does not divide",
                    f"Make that product a multiple of {method.generations}.",
                )
            )
    if method.technique == "full" and plan.model.dtype == "float16":
        message = "model.dtype float16 cannot be trained in full: its gradients vanish or overflow"
        found.append(Conflict("model.dtype", message, "Use auto: the trained weights are then held in fp32 or bf16."))
    if method.technique == "qlora" and train.sharding in ("zero2", "zero3"):
        found.append(
            Conflict(
                "train.sharding",
                f"train.sharding {train.sharding} cannot share four-bit weights",
                "Use ddp or fsdp with QLoRA.",
            )
        )
    if method.dora and method.quant == "int8" and method.technique == "qlora":
        found.append(
            Conflict("method.dora", "method.dora needs weights that can be read back exactly; int8 cannot", "Use nf4.")
        )
    return found


def _within_stages(plan: Plan) -> list[Conflict]:
    """Conflicts of single stages; a value of the run's own that only another stage uses is no conflict."""
    found = [conflicts(stage_plan(plan, index)) for index in range(len(plan.stages))]
    everywhere = set.intersection(*({conflict.field for conflict in some} for some in found))
    kept = []
    for stage, some in zip(plan.stages, found, strict=True):
        for conflict in some:
            section, _, key = conflict.field.partition(".")
            if conflict.field in everywhere or key in stage.get(section, {}):
                kept.append(conflict)
    return kept


def _between_stages(plan: Plan) -> list[Conflict]:
    """A LoRA stage goes on with the adapter of the one before, so its shape cannot change in between."""
    found: list[Conflict] = []
    before: Plan | None = None
    for index in range(len(plan.stages)):
        now = stage_plan(plan, index)
        if now.method.task == "reward":
            continue
        if before is not None and "full" not in (before.method.technique, now.method.technique):
            for name in _ADAPTER:
                key = name.partition(".")[2]
                if getattr(before.method, key) != getattr(now.method, key):
                    message = f"stages[{index}].{name} does nothing: the stage goes on with the adapter it is given"
                    found.append(Conflict(name, message, "Give all stages the same value."))
        if before is not None and before.method.technique != "full" and now.method.technique == "full":
            found.append(
                Conflict(
                    "method.technique",
                    f"stages[{index}].method.technique is full after an adapter stage",
                    "Train all stages with the same technique, or merge in between: ftui export RUN --to merged.",
                )
            )
        before = now
    return found


def _changed(plan: Plan, names: tuple[str, ...]) -> list[str]:
    whole = to_mapping(plan)
    return [name for name in names if whole[name.partition(".")[0]][name.partition(".")[2]] != default(name)]

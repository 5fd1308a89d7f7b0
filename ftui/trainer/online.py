"""Online reinforcement learning: the model answers, the answers are rewarded, better ones become likelier.

GRPO compares the answers to one prompt with each other; RLOO compares each with the mean of the others. Rewards come
from functions (rewards.py), from a trained reward model, or from both together.
"""

from __future__ import annotations

from typing import Any

from ftui.trainer.dialect import load_tokenizer
from ftui.trainer.failure import TrainerError
from ftui.trainer.fitting import Outcome, fit
from ftui.trainer.job import Job
from ftui.trainer.loop import watched
from ftui.trainer.models import adapter_of, load_model, with_adapter
from ftui.trainer.rewards import reward_functions, try_rewards
from ftui.trainer.rows import tokenised
from ftui.trainer.scoring import score_base
from ftui.trainer.settings import common_arguments


def train_online(job: Job) -> Outcome:
    """Train the policy with GRPO or RLOO on prompts; the held-out reward says whether it became better."""
    job.phase("tokenizing", "prompts")
    tokenizer = load_tokenizer(job.base, job.plan)
    train, held_out = tokenised(job, tokenizer, "train"), tokenised(job, tokenizer, "eval")

    try_rewards(job, tokenizer)
    job.phase("loading", "the model")
    model = with_adapter(job, load_model(job))
    score_base(job, model, tokenizer)
    rewards = reward_functions(job, tokenizer)

    trainer_class, arguments_class = _library(job.plan.method.task)
    trainer: Any = watched(trainer_class)(
        model=model,
        reward_funcs=rewards,
        args=arguments_class(**online_arguments(job, len(train), held_out is not None)),
        train_dataset=train,
        eval_dataset=held_out,
        processing_class=tokenizer,
        peft_config=adapter_of(job, model),
    )
    trainer.watch(job, better="reward", greater_is_better=True)
    return fit(job, trainer, tokenizer)


def online_arguments(job: Job, prompts: int, has_eval: bool) -> dict[str, Any]:
    """TRL's settings for the plan. micro_batch and accumulation count completions, of which a prompt has several."""
    method, train = job.plan.method, job.plan.train
    per_step = train.micro_batch * train.accumulation * train.gpus
    if per_step % method.generations:
        raise TrainerError(
            "The batch does not hold whole groups",
            f"micro_batch x accumulation is {per_step} completions a step, which method.generations "
            f"({method.generations}) does not divide",
            f"Make micro_batch x accumulation a multiple of {method.generations}.",
            reason="data",
        )
    prompts_per_step = per_step // method.generations
    if prompts < prompts_per_step:
        raise TrainerError(
            "Too few prompts",
            f"a step takes {prompts_per_step} prompts and there are {prompts}",
            "Lower micro_batch or accumulation, or add prompts.",
            reason="data",
        )
    # An incomplete last batch of prompts is left out.
    completions = prompts // prompts_per_step * prompts_per_step * method.generations
    settings = common_arguments(job, completions, has_eval)
    settings["per_device_eval_batch_size"] = max(1, 8 // method.generations) * method.generations
    return {
        **settings,
        "num_generations": method.generations,
        "max_completion_length": method.completion_tokens,
        "temperature": method.temperature,
        "beta": method.beta,
        "disable_dropout": True,
    }


def _library(task: str) -> tuple[Any, Any]:
    if task == "grpo":
        from trl.trainer.grpo_config import GRPOConfig
        from trl.trainer.grpo_trainer import GRPOTrainer

        trainer, arguments = GRPOTrainer, GRPOConfig
    else:
        from trl.trainer.rloo_config import RLOOConfig
        from trl.trainer.rloo_trainer import RLOOTrainer

        trainer, arguments = RLOOTrainer, RLOOConfig

    class Prompted(trainer):  # type: ignore[misc, valid-type]
        """Takes prompts as the chat template wrote them: begin-of-text is there already, and must not come twice."""

        _name = trainer._name

        def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
            return self.processing_class(text=prompts, add_special_tokens=False)["input_ids"], None, {}

    return Prompted, arguments

"""Which recipe trains which task; each is imported when it is needed, because each brings its own part of TRL."""

from __future__ import annotations

from collections.abc import Callable

from ftui.trainer.failure import TrainerError
from ftui.trainer.fitting import Outcome
from ftui.trainer.job import Job


def recipe_for(task: str) -> Callable[[Job], Outcome]:
    """The function that trains `task`. Raises TrainerError for a task that nobody trains."""
    match task:
        case "sft" | "text":
            from ftui.trainer.sft import train_sft

            return train_sft
        case "dpo":
            from ftui.trainer.preference import train_dpo

            return train_dpo
        case "kto":
            from ftui.trainer.preference import train_kto

            return train_kto
        case "orpo":
            from ftui.trainer.preference import train_orpo

            return train_orpo
        case "reward":
            from ftui.trainer.reward import train_reward

            return train_reward
        case "grpo" | "rloo":
            from ftui.trainer.online import train_online

            return train_online
    raise TrainerError("No such task", f"method.task is {task}", reason="data")

"""What the plan stage asks plain commands: to propose a plan, and to start it."""

from __future__ import annotations

import asyncio
from typing import Any

from ftui.core.plan import Plan, from_mapping
from ftui.errors import FtuiError
from ftui.tui import plan_files, plan_general, plan_words
from ftui.tui.ask import ask
from ftui.tui.state import WizardState


def advised(state: WizardState) -> str:
    """The technique that the questionnaire advised, or empty."""
    return str(state.verdict.get("technique") or "")


async def proposal(state: WizardState) -> Plan:
    """A plan for the rows and the model that are chosen, every value with its reason. Raises FtuiError."""
    general = await asyncio.to_thread(plan_general.general_rows, state)
    task = plan_words.advised_task(advised(state), state.data_format)
    answer = await ask(
        "plan", "new", "--model", state.model_id, "--data", state.data_file,
        *(["--replay", general] if general else []),
        *(["--set", f"method.task={task}"] if task else []),
    )  # fmt: skip
    return from_mapping(answer)


async def started(plan: Plan, answers: dict[str, Any]) -> str:
    """Start a run that needs this terminal no more; gives its folder. Raises FtuiError."""
    from ftui.services.plans import save_plan
    from ftui.services.scratch import scratch_file

    try:
        with scratch_file("plan.yaml", "") as path:
            save_plan(plan, path)
            answer = await ask("train", str(path), *plan_files.answers_beside(path, answers))
        return str(answer["path"])
    except (OSError, KeyError, TypeError) as error:
        raise FtuiError("The run did not start", str(error)) from None

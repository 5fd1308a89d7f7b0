"""The walk through the stages: one screen after the other, one state, one draft that survives a lost connection."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ftui.tui.state import STAGES, WizardState

if TYPE_CHECKING:
    from ftui.tui.app import FtuiApp

SCREENS = {
    "decide": ("decide_stage", "DecideStage"),
    "data": ("data", "DataScreen"),
    "model": ("model", "ModelScreen"),
    "plan": ("plan", "PlanScreen"),
    "result": ("result", "ResultScreen"),
}
"""stage -> (module in ftui.tui.screens, class); imported when it is opened."""


class Wizard:
    """Where the user is, and what was said so far."""

    def __init__(self, app: FtuiApp) -> None:
        self.app = app
        self.state = WizardState()
        self.stage = ""

    def begin(self) -> None:
        """Start over."""
        from ftui.services.drafts import remove_draft

        remove_draft()
        self.state = WizardState()
        self.open("decide")

    def go_on(self) -> None:
        """Open the draft at the field where it was left."""
        from ftui.services.drafts import load_draft

        draft = load_draft()
        if draft is None:
            self.begin()
            return
        self.state = WizardState.from_mapping(draft.state)
        stage = draft.stage if draft.stage in STAGES and not self.state.reachable(draft.stage) else "decide"
        self.open(stage, draft.field)

    def open(self, stage: str, field: str = "") -> None:
        """Go to a stage; says why where that is not possible yet."""
        reason = self.state.reachable(stage)
        if reason:
            self.app.notify(reason, markup=False)
            return
        self.keep(stage, field)
        if stage == "train":
            from pathlib import Path

            self.app.open_run(Path(self.state.run_path))
            return
        module, name = SCREENS[stage]
        screen: Any = getattr(import_module(f"ftui.tui.screens.{module}"), name)(field)
        if self.stage:
            self.app.switch_screen(screen)
        else:
            self.app.push_screen(screen)
        self.stage = stage

    def farewell(self) -> str:
        """What to say when the program is left in the middle of the walk."""
        begun = self.stage and not self.state.run_path and self.state != WizardState()
        return "Your draft is kept: `ftui`, then g, goes on where you were." if begun else ""

    def started(self) -> None:
        """A run was started from the draft: show it, and its result after it."""
        from pathlib import Path

        from ftui.services.drafts import remove_draft

        remove_draft()
        self.open("result")
        self.app.open_run(Path(self.state.run_path))

    def next_after(self, stage: str) -> None:
        """Go to the stage after this one."""
        self.open(STAGES[min(len(STAGES) - 1, STAGES.index(stage) + 1)])

    def back_from(self, stage: str) -> None:
        """Go to the stage before this one, or to the first screen."""
        index = STAGES.index(stage)
        if index == 0:
            self.close()
        else:
            self.open(STAGES[index - 1] if STAGES[index - 1] != "train" else "plan")

    def close(self) -> None:
        """Back to the first screen; the draft stays."""
        if self.stage:
            self.stage = ""
            self.app.pop_screen()

    def keep(self, stage: str, field: str = "") -> None:
        """Save the draft. A disk that refuses is said once and stops nothing."""
        from ftui.services.drafts import save_draft

        if self.state.run_path:
            return  # its run was started: there is nothing left to go on with
        try:
            save_draft(stage, field, self.state.to_mapping())
        except OSError as error:
            self.app.notify(f"The draft could not be saved: {error.strerror}", severity="warning", markup=False)

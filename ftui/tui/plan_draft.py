"""The plan that is being reviewed: what was proposed, what of it is yours, and both kept in the wizard's state."""

from __future__ import annotations

from typing import Any

from ftui.core.plan import Plan, field_names, from_mapping, to_mapping, with_values
from ftui.errors import FtuiError
from ftui.tui import plan_words
from ftui.tui.state import WizardState

_YOURS = "your choice"
_CHOSEN_ELSEWHERE = ("model.id", "data.train")
"""Fields that other stages settle: once another file or model was chosen there, an earlier change here is void."""


class PlanDraft:
    """Every change goes into the state at once, so that a lost connection loses none."""

    def __init__(self, state: WizardState) -> None:
        self._state = state
        proposed = _readable(state.proposal) if state.plan_basis == state.basis() else None
        self.proposed = proposed
        self.plan = _readable(state.plan) if proposed is not None else None
        """None where nothing is proposed yet, or where another model, other rows or another advice ask for a new
        proposal: what was planned for others must neither be shown nor be started."""

    @property
    def changed(self) -> list[str]:
        """Dotted fields that are yours."""
        return self._state.changed

    def propose(self, proposed: Plan) -> None:
        """Take a new proposal; what is yours stays, as far as it is still possible."""
        self.proposed = proposed
        if self._state.plan_basis != self._state.basis():
            self._state.changed = [name for name in self.changed if name not in _CHOSEN_ELSEWHERE]
        self._state.proposal = to_mapping(proposed)
        self._state.plan_basis = self._state.basis()
        self._keep(plan_words.merged(proposed, self._state.plan, self.changed))

    def change(self, name: str, text: str) -> None:
        """Set a field to what was typed. Raises FtuiError where it cannot be that."""
        assert self.plan is not None and self.proposed is not None
        plan = plan_words.changed_plan(self.plan, name, text)
        if plan_words.value_of(plan, name) == plan_words.value_of(self.proposed, name):
            self.reset(name)
        else:
            self._mark([name])
            self._keep(plan)

    def reset(self, name: str) -> None:
        """Bring a field back to its proposed value."""
        assert self.plan is not None and self.proposed is not None
        self._state.changed = [other for other in self.changed if other != name]
        value = plan_words.value_of(self.proposed, name)
        self._keep(with_values(self.plan, {name: value}, {name: self.proposed.reasons.get(name, "")}))

    def take(self, values: dict[str, Any]) -> None:
        """Make these values yours. Raises FtuiError, with nothing changed, where they do not go together."""
        assert self.plan is not None
        plan = with_values(self.plan, values, dict.fromkeys(values, _YOURS))
        self._mark(list(values))
        self._keep(plan)

    def replace(self, edited: Plan) -> None:
        """Take a plan that was edited as a whole: what differs is yours."""
        assert self.plan is not None
        before = self.plan
        names = field_names()
        self._mark([name for name in names if plan_words.value_of(before, name) != plan_words.value_of(edited, name)])
        self._keep(edited)

    def _mark(self, names: list[str]) -> None:
        self._state.changed = list(dict.fromkeys([*self.changed, *names]))

    def _keep(self, plan: Plan) -> None:
        self.plan = plan
        self._state.plan = to_mapping(plan)


def _readable(mapping: dict[str, Any]) -> Plan | None:
    """The plan that a state holds, or None where it holds none that can be read."""
    try:
        return from_mapping(mapping) if mapping else None
    except FtuiError:
        return None

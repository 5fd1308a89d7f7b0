"""What the wizard has been told so far: plain values, saved as the draft and given to the services."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

STAGES = ("decide", "data", "model", "plan", "train", "result")
STAGE_TITLES = {
    "decide": "Decide", "data": "Data", "model": "Model", "plan": "Plan", "train": "Train", "result": "Result",
}  # fmt: skip


DEFAULT_LIMIT_TOKENS = 1024


@dataclass
class WizardState:
    """The wizard's choices. Everything is JSON: a draft is `to_mapping`, and `from_mapping` reads any older one."""

    answers: dict[str, Any] = field(default_factory=dict)
    """As `ftui decide --answers` takes them."""
    verdict: dict[str, Any] = field(default_factory=dict)
    """What deciding said: approach, technique, reasons, ..."""
    data_file: str = ""
    data_original: str = ""
    """The file that `data_file` was repaired from, or reviewed; empty where it is as it was found."""
    data_choices: dict[str, str] = field(default_factory=dict)
    """Code of a finding -> "fix" or "keep", where the user said so."""
    data_format: str = ""
    data_rows: int = 0
    data_findings: dict[str, int] = field(default_factory=dict)
    """Findings by severity, once the file was checked."""
    model_id: str = ""
    model_path: str = ""
    fit: dict[str, Any] = field(default_factory=dict)
    """The verdict on the chosen model: verdict, method, headline."""
    general_file: str = ""
    """General rows to mix in against forgetting, as they were chosen in the plan."""
    general_chosen: bool = False
    """Whether somebody chose them, or chose none: otherwise those that lie beside the rows are taken."""
    plan: dict[str, Any] = field(default_factory=dict)
    """The proposed plan with the user's changes (core.plan.to_mapping)."""
    proposal: dict[str, Any] = field(default_factory=dict)
    """The plan as it was proposed, for bringing values back."""
    changed: list[str] = field(default_factory=list)
    """Dotted plan fields that the user set: a new proposal keeps them."""
    plan_basis: str = ""
    """What the plan was proposed from; another data file or model asks for another proposal."""
    run_path: str = ""
    typed: dict[str, Any] = field(default_factory=dict)
    """What stands in the inputs by their ids, chosen or not: a lost connection loses no keystroke."""

    def to_mapping(self) -> dict[str, Any]:
        """Plain values for the draft."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, data: dict[str, Any]) -> WizardState:
        """Read a draft; what is missing, unknown or of another type is left at its default."""
        fresh = cls()
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        return cls(**{name: value for name, value in known.items() if type(value) is type(getattr(fresh, name))})

    def length_limit(self) -> int:
        """How many tokens a row may have: as planned, or what is usual."""
        data = self.plan.get("data", {})
        limit = data.get("max_length_tokens") if isinstance(data, dict) else None
        return limit if isinstance(limit, int) and limit else DEFAULT_LIMIT_TOKENS

    def basis(self) -> str:
        """What a plan would be proposed from now."""
        technique = str(self.verdict.get("technique") or "")
        return "|".join((self.data_file, self.model_path or self.model_id, technique))

    def decided(self, stage: str) -> str:
        """What is settled about a stage, in a few words; empty where nothing is."""
        if stage == "decide":
            return str(self.verdict.get("approach", "")).replace("_", " ")
        if stage == "data":
            return self.data_file.rpartition("/")[2]
        if stage == "model":
            return self.model_id.rpartition("/")[2]
        if stage == "plan":
            method = self.plan.get("method", {})
            return str(method.get("technique", "")) if isinstance(method, dict) else ""
        return self.run_path.rpartition("/")[2] if stage == "train" else ""

    def reachable(self, stage: str) -> str:
        """Why a stage cannot be opened yet, or empty where it can."""
        if stage == "model" and not self.data_file:
            return "Choose the data first: what fits depends on how long its rows are."
        if stage == "plan" and not (self.data_file and self.model_id):
            return "Choose data and a model first: the plan is made from them."
        if stage == "train" and not self.run_path:
            return "Start the plan first (Plan, then Start)."
        return "Nothing was trained yet." if stage == "result" and not self.run_path else ""

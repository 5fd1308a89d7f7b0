"""The model stage: which model, and does it fit this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual import work
from textual.binding import Binding
from textual.widget import Widget

from ftui.core.text import safe
from ftui.errors import FtuiError
from ftui.tui.ask import ask
from ftui.tui.model_words import about
from ftui.tui.screens.base import Plain
from ftui.tui.screens.stage import StageScreen
from ftui.tui.widgets.model_picker import ModelPicker

ASKS = "Which model shall learn it? Try a small one before a large one."


class ModelScreen(StageScreen):
    """Choosing; the verdict stands in each row, for one row of data at the planned length."""

    STAGE = "model"
    HELP_TITLE = "Model"
    BINDINGS = [Binding("ctrl+r", "look", "Look again", show=False, key_display="^r", id="model.look")]

    def compose_stage(self) -> Iterator[Widget]:
        yield Plain("", id="device")
        yield ModelPicker(value=self.state.model_id, glyphs=self.ftui.glyphs, id="picker")

    def on_mount(self) -> None:
        super().on_mount()
        self.tell(ASKS)
        self.query_one("#model").focus()
        self._say_chosen()
        self._look()

    def missing(self) -> str:
        return "" if self.state.model_id else "Choose a model first."

    def action_look(self) -> None:
        self._look()

    @work(exclusive=True, group="models")
    async def _look(self) -> None:
        picker = self.query_one(ModelPicker)
        try:
            answer = await ask("--seq-len", str(self.state.length_limit()), module="ftui.services.model_choices")
        except FtuiError as error:
            picker.say(safe(f"{error} {error.hint} A hub id or a folder can be typed all the same.".strip()))
            return
        self._device = f"Sized for {safe(str(answer['device']))}, {answer['seq_len']:,} tokens a row."
        self._say_chosen()
        picker.offer(answer["models"])

    _device = ""

    def _say_chosen(self) -> None:
        chosen = f"Chosen: {safe(self.state.model_id)}. " if self.state.model_id else ""
        self.query_one("#device", Plain).update(chosen + self._device)

    def on_model_picker_picked(self, event: ModelPicker.Picked) -> None:
        choice: dict[str, Any] = dict(event.choice or {})
        if choice.get("verdict") == "no":
            self.say(f"{event.name} does not fit this machine: {about(choice)}", severity="warning")
        self.state.model_id = event.name
        self.state.model_path = str(choice.get("path") or "")
        self.state.fit = {key: choice[key] for key in ("verdict", "method", "peak_bytes") if key in choice}
        self._say_chosen()
        self.action_next()

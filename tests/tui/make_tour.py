"""The README's tour: `python tests/tui/make_tour.py [.github/tour]` goes the whole walk and pictures each stage.

Nothing in it is staged: the questions are answered by keys, the shipped rows are checked, the tiny model is trained (a
minute or two on a CPU) and scored. Needs the `train` extra.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from textual.pilot import Pilot

from ftui.services.paths import sample_data
from ftui.tui.app import FtuiApp
from ftui.tui.screens.welcome import WelcomeScreen

SIZE = (100, 30)
PATIENCE_SECONDS = 2400.0
ANSWERS = ("3", "enter", "1", "2", "3", "enter", *"420", "enter", "1", "2", "1")
"""A fixed format; prompt, examples and schema were tried; 420 reviewed rows; own machines; an evaluation set."""


class Walk:
    """The program, its pilot, and where the pictures go."""

    def __init__(self, pilot: Pilot[int], folder: Path) -> None:
        self.pilot, self.folder = pilot, folder

    @property
    def text(self) -> str:
        return "\n".join(strip.text for strip in self.pilot.app.screen._compositor.render_strips())

    async def until(self, words: str) -> None:
        """Wait until words stand on the screen."""
        patience = time.monotonic() + PATIENCE_SECONDS
        while not re.search(words, self.text):
            if time.monotonic() > patience:
                raise TimeoutError(f"{words!r} never came; the screen says:\n{self.text}")
            await self.pilot.pause(0.2)
        await self.pilot.pause(0.5)

    async def press(self, *keys: str, then: str) -> None:
        await self.pilot.press(*keys)
        await self.until(then)

    def picture(self, name: str) -> None:
        svg = self.pilot.app.export_screenshot(title="ftui")
        (self.folder / f"{name}.svg").write_text(slim(svg), encoding="utf-8")


def slim(svg: str) -> str:
    """The picture without web fonts, which GitHub does not load."""
    return re.sub(r"\s*@font-face \{[^}]*\}", "", svg).replace("Fira Code", "DejaVu Sans Mono, Menlo, Consolas")


async def tour(folder: Path) -> None:
    """From the first question to the verdict."""
    app = FtuiApp(WelcomeScreen)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        walk = Walk(pilot, folder)
        await walk.press("n", then="What should the model do better")
        await walk.press(*ANSWERS, then="Training is right for this")
        await walk.press("escape", "escape", then="Where will the model run")
        walk.picture("1-decide")
        await walk.press("2", "1", then="Training is right for this")
        await walk.press("g", then="Which rows")
        await walk.press(*"train", then="about 420 rows")
        await walk.press("enter", then="420 rows.*(warning|note)")
        await walk.press("home", "down", then="tokens are trained")
        walk.picture("2-data")
        await walk.press("ctrl+n", then="fits with")
        walk.picture("3-model")
        await walk.press(*"tiny", "enter", then="train.learning_rate")
        await walk.press(*["down"] * 9, then="lora")
        walk.picture("4-plan")
        await walk.press("s", then=r"step (7\d|8\d|9\d|1\d\d) of")
        walk.picture("5-train")
        await walk.until("finished")
        await walk.press("q", then="SHIP|INCONCLUSIVE")
        walk.picture("6-result")


def main() -> None:
    """Make the pictures in a home and a folder of their own."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".github/tour").absolute()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tour-") as folder:
        # The pictures show paths: those of somebody who just logged in, with three files in the home folder.
        os.environ.update(HOME=folder, FTUI_HOME=str(Path(folder) / ".ftui"), FTUI_ASCII="0")
        os.environ.pop("NO_COLOR", None)
        for split in ("train", "eval"):
            shutil.copy(sample_data() / "tickets" / f"{split}.jsonl", Path(folder) / f"tickets-{split}.jsonl")
        shutil.copy(sample_data() / "general" / "replay.jsonl", Path(folder) / "general.jsonl")
        os.chdir(folder)
        try:
            asyncio.run(tour(target))
        except TimeoutError:
            subprocess.run([sys.executable, "-m", "ftui", "runs", "stop", "last"], check=False)
            raise


if __name__ == "__main__":
    main()

"""The README's picture: `python tests/tui/make_screenshot.py RUN OUT.svg [--size 100x30]`, made from a run's files."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from ftui.services.runs import find_run
from ftui.tui.app import FtuiApp
from ftui.tui.screens.train import TrainScreen


async def picture(run_path: Path, columns: int, rows: int) -> str:
    """The dashboard of a run as SVG, once everything in it is loaded."""
    app = FtuiApp(lambda: TrainScreen(run_path))
    async with app.run_test(size=(columns, rows)) as pilot:
        await pilot.pause(3.0)
        return app.export_screenshot(title="ftui watch")


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", default="100x30")
    arguments = parser.parse_args()
    columns, _, rows = arguments.size.partition("x")
    arguments.out.write_text(asyncio.run(picture(find_run(arguments.run).path, int(columns), int(rows))))


if __name__ == "__main__":
    main()

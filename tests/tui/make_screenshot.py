"""The README's picture: `python tests/tui/make_screenshot.py RUN OUT.svg [--size 120x36]`, made from a run's files."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from make_tour import slim

from ftui.services.runs import find_run
from ftui.tui.app import FtuiApp
from ftui.tui.screens.train import TrainScreen


async def picture(run_path: Path, columns: int, rows: int, keys: list[str]) -> str:
    """The dashboard of a run as SVG, once everything in it is loaded."""
    app = FtuiApp(lambda: TrainScreen(run_path))
    async with app.run_test(size=(columns, rows)) as pilot:
        await pilot.pause(2.0)
        await pilot.press(*keys)
        await pilot.pause(1.0)
        return slim(app.export_screenshot(title="ftui watch"))


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", default="120x36")
    parser.add_argument(
        "--press", nargs="*", default=["8", "1"], metavar="KEY", help="keys to press before it is taken"
    )
    arguments = parser.parse_args()
    columns, _, rows = arguments.size.partition("x")
    arguments.out.write_text(
        asyncio.run(picture(find_run(arguments.run).path, int(columns), int(rows), arguments.press))
    )


if __name__ == "__main__":
    main()

"""SVG screenshots to PNG, for looking at them: python tests/tui/to_png.py FILE.svg... [--out FOLDER].

Needs cairosvg and DejaVu Sans Mono. Each character is set on its own cell, because converters disagree on how wide a
text becomes; braille, which monospaced fonts rarely have, is drawn dot by dot.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

CELL = 12.2
_TEXT = re.compile(
    r'<text class="([^"]*)" x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+"( clip-path="[^"]*")>([^<]*)</text>'
)
_ENTITY = re.compile(r"&#?\w+;|.")

_DOTS = [(0.25, -15.0), (0.25, -8.9), (0.25, -2.8), (0.75, -15.0), (0.75, -8.9), (0.75, -2.8), (0.25, 3.3), (0.75, 3.3)]
"""Where the dot of each bit lies: cells from the left, units from the baseline."""


def _is_braille(character: str) -> bool:
    return len(character) == 1 and 0x2800 <= ord(character) < 0x2900


def on_cells(svg: str) -> str:
    """The SVG with every character at its cell."""

    def spread(found: re.Match[str]) -> str:
        kind, x, y, clip_path, text = found.groups()
        characters = _ENTITY.findall(text)
        places = " ".join(f"{float(x) + index * CELL:.1f}" for index in range(len(characters)))
        words = "".join(" " if _is_braille(character) else character for character in characters)
        dots = [
            f'<circle class="{kind}" cx="{float(x) + (index + across) * CELL:.1f}" cy="{float(y) + down:.1f}" r="1.7"/>'
            for index, character in enumerate(characters)
            if _is_braille(character)
            for bit, (across, down) in enumerate(_DOTS)
            if (ord(character) - 0x2800) >> bit & 1
        ]
        return f'<text class="{kind}" x="{places}" y="{y}"{clip_path}>{words}</text>' + "".join(dots)

    svg = re.sub(r"@font-face \{[^}]*\}", "", svg).replace("Fira Code", "DejaVu Sans Mono")
    return _TEXT.sub(spread, svg)


def main() -> None:
    import cairosvg

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    for file in arguments.files:
        target = (arguments.out or file.parent) / f"{file.stem}.png"
        cairosvg.svg2png(on_cells(file.read_text()).encode(), write_to=str(target), output_width=1400)


if __name__ == "__main__":
    main()

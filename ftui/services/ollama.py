"""Hand an export to Ollama, where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from ftui.core.text import clip

CREATE_SECONDS_MAX = 1800.0


def create_model(name: str, folder: Path, *, replace: bool) -> tuple[str, ...]:
    """Run `ollama create` and give the next steps in words; what did not work is one of them.

    The export itself is good whatever Ollama says: it may not be running. A model of that name is replaced only where
    that was asked for.
    """
    model = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._") or "tuned"
    by_hand = f"cd {folder} && ollama create {model} -f Modelfile"
    ollama = shutil.which("ollama")
    if ollama is None:
        return (by_hand,)
    if not replace and _call([ollama, "show", model], folder)[0] == 0:
        return (f"Ollama has a model {model} already: take another name, or add --overwrite", by_hand)
    code, words = _call([ollama, "create", model, "-f", "Modelfile"], folder)
    if code:
        return (f"ollama create failed: {words or f'exit code {code}'}", by_hand)
    return (f"ollama run {model}",)


def _call(command: list[str], folder: Path) -> tuple[int, str]:
    """Exit code and last line of a command."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CREATE_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, clip(str(error), 150)
    lines = [line for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
    return done.returncode, clip(lines[-1], 150) if lines else ""

"""From pressing start to the first training step, beyond what importing the libraries costs.

    python tests/benchmarks/first_step.py [--rounds 3] [--json]

A first run, not timed, tells which modules a trainer loads that are not ftui's. Each round then starts a process that
imports just those and nothing else, and `ftui train PLAN` on the tiny model and the sample tickets, and waits for the
first event of the kind `step` in the run's file. The difference is ftui's own: command, supervisor, data, tokens,
model, checks, and the step itself. The smallest times of the rounds count, because other work on the machine only ever
adds. Exit code 1 above 2 seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WANTED_SECONDS = 2.0
LONGEST_SECONDS = 120.0
LISTING = """
import json, sys
from ftui.trainer.__main__ import main
code = main()
names = [name for name in sys.modules if name.partition(".")[0] not in ("ftui", "__main__", "__mp_main__")]
json.dump(names, open(sys.argv[1] + "/modules.json", "w"))
sys.exit(code)
"""
"""The trainer, telling in the end which modules it has loaded, in their order."""
IMPORTS = """
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
for name in json.load(open(sys.argv[1])):
    try:
        importlib.import_module(name)
    except Exception:
        pass
"""
"""Those modules and nothing else."""
QUIET = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rounds = []
    with tempfile.TemporaryDirectory() as name:
        modules = loaded_modules(press_start(Path(name) / "first")["run"])
        for number in range(options.rounds):
            imports = import_seconds(modules)
            rounds.append({"import_seconds": imports, **press_start(Path(name) / str(number))})
    best = min(rounds, key=lambda one: one["first_step_seconds"])
    beyond = best["first_step_seconds"] - min(one["import_seconds"] for one in rounds)
    if options.json:
        print(json.dumps({"beyond_imports_seconds": round(beyond, 3), "rounds": rounds}, indent=1, default=str))
    else:
        for one in rounds:
            print(f"import {one['import_seconds']:.2f} s, first step after {one['first_step_seconds']:.2f} s")
        print("the best round, seconds after pressing start:")
        for what, seconds in best["events"]:
            print(f"  {seconds:6.2f}  {what}")
        print(f"beyond the libraries' imports  {beyond:.2f} s  (wanted: at most {WANTED_SECONDS:.0f} s)")
    return 0 if beyond <= WANTED_SECONDS else 1


def loaded_modules(run: Path) -> Path:
    """Train the plan of `run` once more, in a process that lists its modules; give the list's file."""
    again = run.with_name("again")
    for part in ("events", "checkpoints", "eval", "logs"):
        (again / part).mkdir(parents=True)
    shutil.copyfile(run / "plan.yaml", again / "plan.yaml")
    shutil.copytree(run / "data", again / "data")
    for tokens in (again / "data").glob("tokens-*"):
        tokens.unlink()
    subprocess.run([sys.executable, "-c", LISTING, str(again)], check=True, env={**os.environ, **QUIET})
    return again / "modules.json"


def import_seconds(modules: Path) -> float:
    """How long a process lives that does nothing but import them."""
    began = time.perf_counter()
    command = [sys.executable, "-c", IMPORTS, str(modules)]
    subprocess.run(command, check=True, env={**os.environ, **QUIET}, capture_output=True)
    return time.perf_counter() - began


def press_start(folder: Path) -> dict[str, Any]:
    """Start a run as a user does; give seconds to its first step, and what was told on the way."""
    import yaml

    folder.mkdir()
    plan = {
        "model": {"id": str(ROOT / "sample_data" / "tiny-model")},
        "data": {
            "train": str(ROOT / "sample_data" / "tickets" / "train.jsonl"),
            "eval_fraction": 0.0, "max_length_tokens": 384,
        },
        "train": {"max_steps": 1, "micro_batch": 2, "accumulation": 1},
        "eval": {"enabled": False, "samples": 0},
    }  # fmt: skip
    file = folder / "plan.yaml"
    file.write_text(yaml.safe_dump(plan), encoding="utf-8")
    surroundings = {**os.environ, "FTUI_HOME": str(folder / "home")}
    began, clock = time.time(), time.perf_counter()
    started = subprocess.run(
        [sys.executable, "-m", "ftui", "train", str(file), "--json"],
        env=surroundings, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if started.returncode:
        raise SystemExit(started.stderr)
    run = Path(json.loads(started.stdout)["path"])
    told: list[tuple[str, float]] = [("the command returns", time.perf_counter() - clock)]
    while not any(event["kind"] == "step" for event in events_of(run)):
        if time.perf_counter() - clock > LONGEST_SECONDS:
            raise SystemExit((run / "logs" / "trainer.log").read_text(encoding="utf-8")[-3000:])
        time.sleep(0.05)
    for event in events_of(run):
        seconds = datetime.fromisoformat(event["time"]).timestamp() - began
        words = f"{event.get('name', '')} {event.get('detail', '')}".strip()
        told.append((f"{event['kind']} {words}".strip(), seconds))
    first = next(seconds for what, seconds in told if what.startswith("step"))
    wait_until_over(run)
    return {"run": run, "first_step_seconds": first, "events": sorted(told, key=lambda one: one[1])}


def events_of(run: Path) -> list[dict[str, Any]]:
    """What supervisor and trainer have told so far."""
    events = []
    for file in sorted((run / "events").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                events.append(json.loads(line))
            except ValueError:
                continue  # half a line, still being written
    return events


def wait_until_over(run: Path) -> None:
    """The next round must not share the machine with this one."""
    until = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < until:
        state = json.loads((run / "state.json").read_text(encoding="utf-8"))
        if state["status"] in ("finished", "failed", "stopped"):
            return
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())

"""The whole path on data that ships with ftui: decide, hardware, lint, fit, plan, base score, training, verdict.

  ftui demo                        the tiny model that ships with ftui: about a minute on two CPU cores
  ftui demo --model smollm2-135m   a real pretrained model: minutes on two CPU cores
  ftui demo --plain                lines instead of panels

No question is asked, and nothing leaves this machine (SmolLM2 is fetched once where it is not there).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
import time
from typing import Any

from ftui.core.text import cell_width, clip, duration, gib, safe
from ftui.errors import EXIT_INTERRUPTED, EXIT_NO, EXIT_OK, FtuiError
from ftui.services.runs import Run


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--model", default="tiny", metavar="NAME", help="tiny (default) or smollm2-135m")
    parser.add_argument("--plain", action="store_true", help="lines instead of live panels, also on a terminal")
    parser.add_argument("--json", action="store_true", help="one JSON document at the end, nothing else on stdout")
    parser.add_argument("--ascii", action="store_true", help="no glyphs beyond ASCII in the panels")


def run(args: argparse.Namespace) -> int:
    """Walk the path; 0 when the verdict is SHIP."""
    from ftui.services.decided import decision_files
    from ftui.services.demo import demo_plan
    from ftui.services.launch import require_training_stack, start_run
    from ftui.services.run_requests import request
    from ftui.services.runs import read_state
    from ftui.services.terminal import shows_screens

    started = time.monotonic()
    require_training_stack()
    plan = demo_plan(args.model)
    talk = Talk(to_stderr=args.json)
    panels = not (args.plain or args.json) and shows_screens()
    answers = _decide(talk)
    _hardware(talk)
    _lint(talk, plan)
    _fit(talk, plan)
    _plan(talk, plan)
    talk.stage("train", "base score, LoRA training, tuned score")
    demo_run = start_run(plan, extra_files=decision_files(answers), progress=talk.line)
    talk.line(f"run {demo_run.name}: it would go on if this terminal closed")
    try:
        if panels:
            from ftui.tui.app import run_watch

            run_watch(demo_run.path, ascii_only=args.ascii, mouse=False, exit_when_done=True)
        else:
            _follow(demo_run, talk)
    except KeyboardInterrupt:
        request(demo_run, "stop")
        talk.line(f"Stopping with a checkpoint. Go on later: ftui runs resume {demo_run.name}")
        return EXIT_INTERRUPTED
    state = read_state(demo_run)
    if state.status in ("running", "starting", "queued"):
        talk.line(f"It goes on without you. Come back with: ftui watch {demo_run.name}")
        return EXIT_OK
    if state.status != "finished":
        stands = state.status in ("stopped", "paused")
        hint = f"Go on: ftui runs resume {demo_run.name}" if stands else f"Its log: {demo_run.log}"
        raise FtuiError("The demo's run did not finish", f"{state.status}: {state.reason}", hint, EXIT_NO)
    return _result(demo_run, talk, time.monotonic() - started, as_json=args.json)


class Talk:
    """Numbered stages, and lines below them; on a terminal (of so many columns) broken between words."""

    def __init__(self, *, to_stderr: bool = False, columns: int = 0) -> None:
        self._file = sys.stderr if to_stderr else sys.stdout
        self._columns = columns or (shutil.get_terminal_size().columns if self._file.isatty() else 0)
        self._number = 0

    def stage(self, name: str, words: str) -> None:
        self._number += 1
        self._say(f"{self._number}  {name:<9} ", words)

    def line(self, words: str) -> None:
        self._say(" " * _INDENT, words)

    def _say(self, head: str, words: str) -> None:
        room = max(40, self._columns - _INDENT) if self._columns else 0
        words = clip(words, 300)
        # What fits stays as it is: textwrap would take the blanks of a column away.
        lines = textwrap.wrap(words, room, break_on_hyphens=False) if room and cell_width(words) > room else [words]
        for number, line in enumerate(lines):
            print((head if not number else " " * _INDENT) + line, file=self._file, flush=True)


_INDENT = 13


def _decide(talk: Talk) -> str:
    """Say the verdict on the shipped answers; gives the answers as JSON."""
    from ftui.core.decide.answers import answers_from_json
    from ftui.core.decide.verdict import decide
    from ftui.services.demo import shipped_answers

    text = shipped_answers().read_text(encoding="utf-8")
    verdict = decide(answers_from_json(text))
    technique = f" ({verdict.technique})" if verdict.technique else ""
    talk.stage("decide", f"{verdict.approach.replace('_', ' ')}{technique}")
    for reason in verdict.reasons[:2]:
        talk.line(reason.text)
    return text


def _hardware(talk: Talk) -> None:
    from ftui.services.hardware import snapshot

    machine = snapshot()
    gpus = ", ".join(f"{gpu.name} with {gib(gpu.free_bytes)} free" for gpu in machine.gpus) or "no GPU"
    cores = f"{machine.cpu.usable_cores:g} CPU cores"
    talk.stage("hardware", f"{gpus}, {cores}, {gib(machine.memory.usable_bytes)} of memory to use")


def _lint(talk: Talk, plan: Any) -> None:
    from ftui.services.lint import LintOptions, lint
    from ftui.services.lint_targets import targets

    options = LintOptions(workers=1)
    for target in targets([plan.data.train], plan.data.eval, options):
        report = lint(target, options)
        found = report.findings
        words = ", ".join(f"{count} {name}" for name, count in found.by_severity.items()) or "nothing to complain about"
        talk.stage("lint", f"{report.rows} rows of {report.format}: {words}")
        for code in list(found.samples)[:2]:
            talk.line(f"{code} {found.samples[code][0].message}")


def _fit(talk: Talk, plan: Any) -> None:
    from pathlib import Path

    from ftui.core.fit.device import PHASE_WORDS
    from ftui.services.prediction import predict
    from ftui.services.pretrained import resolve_model

    model = resolve_model(plan.model.id, progress=talk.line)
    assert model.path is not None
    prediction = predict(plan, Path(model.path))
    if "unknown" in prediction:
        talk.stage("fit", f"not known: {prediction['unknown']}")
        return
    peak = prediction["predicted_allocated_bytes"]
    deciding = PHASE_WORDS.get(prediction["deciding_phase"], prediction["deciding_phase"])
    talk.stage("fit", f"{plan.method.technique} needs {gib(peak)} at its peak {deciding}")


def _plan(talk: Talk, plan: Any) -> None:
    talk.stage("plan", f"{plan.train.max_steps} steps of {plan.train.micro_batch} rows, rank {plan.method.lora_rank}")
    for name in ("train.learning_rate", "train.max_steps"):
        section, _, key = name.partition(".")
        talk.line(f"{name} {getattr(getattr(plan, section), key):g}: {plan.reasons[name]}")


def _follow(followed: Run, talk: Talk) -> None:
    from ftui.core.events import Step
    from ftui.services.follow import follow, plain_line

    for stamped in follow(followed):
        event = stamped.event
        if isinstance(event, Step) and event.step % 10 and event.step != event.steps_total and event.step != 1:
            continue
        words = plain_line(event)
        if words is not None:
            talk.line(words)


def _result(done: Run, talk: Talk, seconds: float, *, as_json: bool) -> int:
    from ftui.services.files import read_json

    verdict = read_json(done.verdict_file)
    if not isinstance(verdict, dict):
        raise FtuiError("The run has no verdict", f"{done.verdict_file} is missing", f"Its log: {done.log}")
    talk.stage("verdict", verdict["verdict"].replace("DONT_SHIP", "DON'T SHIP"))
    metrics = verdict["metrics"]
    for name in ("schema_valid", verdict["primary"], "loss"):
        if name in metrics:
            m = metrics[name]
            talk.line(
                f"{name.replace('_', ' '):<16} base {m['base']:.2f} -> tuned {m['tuned']:.2f}"
                f"   (change {m['delta']:+.2f}, 95 % {m['ci_low']:+.2f} to {m['ci_high']:+.2f}, {m['n']} prompts)"
            )
    for reason in verdict["reasons"]:
        talk.line(reason)
    talk.stage("files", f"{safe(str(done.path))}   ({duration(seconds)} in all)")
    talk.line("plan.yaml, events/, eval/ with every answer, model/ with the tuned model")
    talk.stage("next", "ftui lint YOUR_DATA.jsonl          is your own data any good")
    talk.line("ftui                               the wizard, with your data and your model")
    talk.line(f"ftui watch {done.name}   this run's curves again")
    if as_json:
        print(json.dumps({"run": done.name, "path": str(done.path), "seconds": round(seconds, 1), "verdict": verdict}))
    return EXIT_OK if verdict["verdict"] == "SHIP" else EXIT_NO

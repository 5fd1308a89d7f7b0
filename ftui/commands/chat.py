"""Ask base and tuned the same thing and see both answers, as they come.

  ftui chat RUN
  ftui chat RUN --system "You are a support agent."
  echo "Where is my parcel?" | ftui chat RUN --json

Each line is a new conversation; with --keep the tuned model's answers are kept as the conversation's history. An empty
line or Ctrl+D ends it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from ftui.core.text import safe
from ftui.errors import EXIT_OK, FtuiError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--system", metavar="TEXT", help="system prompt")
    parser.add_argument("--keep", action="store_true", help="go on with the conversation instead of starting anew")
    parser.add_argument("--max-new-tokens", type=int, default=200, metavar="N")
    parser.add_argument("--json", action="store_true", help="one JSON line per question: {prompt, base, tuned}")


def run(args: argparse.Namespace) -> int:
    """Talk until the input ends."""
    from ftui.services.launch import require_training_stack
    from ftui.services.runs import find_run

    require_training_stack()
    talked = find_run(args.run)
    if not (talked.path / "model").is_dir():
        raise FtuiError("The run has no model yet", talked.name, f"Finish it: ftui runs resume {talked.name}")
    if args.max_new_tokens < 1:
        raise FtuiError("Wrong length", f"--max-new-tokens {args.max_new_tokens}; at least one token is needed")
    log = (talked.path / "logs" / "worker.log").open("ab")
    with (
        log,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "ftui.trainer.chat", str(talked.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
        ) as worker,
    ):
        try:
            print("Loading base and tuned model...", file=sys.stderr, flush=True)
            _heard(worker)
            return _talk(worker, args)
        finally:
            if worker.stdin is not None:
                worker.stdin.close()
            worker.terminate()


def _talk(worker: subprocess.Popen[str], args: argparse.Namespace) -> int:
    lead = [{"role": "system", "content": args.system}] if args.system else []
    history: list[dict[str, str]] = []
    while True:
        try:
            asked = input("\n> ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        except EOFError:
            return EXIT_OK
        if not asked.strip():
            return EXIT_OK
        question = {"role": "user", "content": asked}
        answers = _ask(worker, [*lead, *history, question], args)
        if args.json:
            print(json.dumps({"prompt": asked, **answers}), flush=True)
        if args.keep:
            history += [question, {"role": "assistant", "content": answers.get("tuned", "")}]


def _ask(worker: subprocess.Popen[str], messages: list[dict[str, str]], args: argparse.Namespace) -> dict[str, str]:
    """Both answers; printed as they come unless JSON was asked for."""
    assert worker.stdin is not None
    worker.stdin.write(json.dumps({"messages": messages, "max_new_tokens": args.max_new_tokens}) + "\n")
    worker.stdin.flush()
    answers = {"base": "", "tuned": ""}
    speaker = ""
    while True:
        heard = _heard(worker)
        if "error" in heard:
            print(f"ftui: {safe(str(heard['error']))}", file=sys.stderr)
            return answers
        name = str(heard.get("model", ""))
        if name != speaker and not args.json:
            speaker = name
            print(f"\n{name}:", flush=True)
        if "text" in heard:
            answers[name] += heard["text"]
            if not args.json:
                print(safe(heard["text"], newlines=True, tabs=True), end="", flush=True)
        elif heard.get("end"):
            if not args.json:
                print(flush=True)
            if name == "tuned":
                return answers


def _heard(worker: subprocess.Popen[str]) -> dict[str, Any]:
    """The worker's next word. Raises FtuiError where it fails or ends."""
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise FtuiError(
            "The chat ended", "the models' process is gone", "Its log: logs/worker.log in the run's folder."
        )
    heard: dict[str, Any] = json.loads(line)
    if heard.get("fatal"):
        raise FtuiError("The models cannot be loaded", str(heard["error"]))
    return heard

"""Ask base and tuned the same thing and see both answers, as they come.

  ftui chat RUN
  ftui chat RUN --system "You are a support agent."     instead of the system prompt that the training rows have
  ftui chat RUN --with OTHER_RUN      a further adapter of the same base; `/use NAME` switches
  echo "Where is my parcel?" | ftui chat RUN --json

On a terminal this is a screen with both answers side by side. With --plain, or where there is no terminal, it asks in
lines: each line is a new conversation; with --keep the last model's answers are kept as the conversation's history. An
empty line or Ctrl+D ends it; Ctrl+C ends the answer that is being written. `/use tuned` or `/use base tuned NAME` says
who answers.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from ftui.core.text import clip, safe
from ftui.errors import EXIT_OK, FtuiError

if TYPE_CHECKING:
    from ftui.services.chat import Chat
    from ftui.services.runs import Run


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument(
        "--system", metavar="TEXT", help="system prompt ('' for none; default: that of the training rows)"
    )
    parser.add_argument(
        "--with",
        dest="others",
        action="append",
        default=[],
        metavar="ADAPTER",
        help="a further adapter of the same base: a run or a folder (repeatable)",
    )
    parser.add_argument("--keep", action="store_true", help="go on with the conversation instead of starting anew")
    parser.add_argument("--max-new-tokens", type=int, default=200, metavar="N")
    parser.add_argument("--json", action="store_true", help="one JSON line per question: {prompt, base, tuned}")
    parser.add_argument("--plain", action="store_true", help="in lines, also where a screen could be shown")


def run(args: argparse.Namespace) -> int:
    """Talk until the input ends."""
    from ftui.services.adapters import adapter_folder
    from ftui.services.chat import open_chat
    from ftui.services.runs import find_run
    from ftui.tui.open import can_show, show_chat

    if args.max_new_tokens < 1:
        raise FtuiError("Wrong length", f"--max-new-tokens {args.max_new_tokens}; at least one token is needed")
    talked = find_run(args.run)
    others = dict(adapter_folder(reference) for reference in args.others)
    if not (args.plain or args.json) and can_show():
        return show_chat(talked, others, system=args.system, max_new_tokens=args.max_new_tokens, keep=args.keep)
    if args.system is None:
        args.system = _as_trained(talked)
    print("Loading base and tuned model...", file=sys.stderr, flush=True)
    with open_chat(talked, others=others) as chat:
        return _talk(chat, args, ["base", "tuned", *others])


def _as_trained(talked: Run) -> str:
    """The system prompt of the training rows, said on stderr."""
    from ftui.services.trained_system import trained_system

    system = trained_system(talked)
    if system:
        print(f"System prompt, as in the training rows (--system '' for none): {clip(system, 300)}", file=sys.stderr)
    return system


def _talk(chat: Chat, args: argparse.Namespace, speakers: list[str]) -> int:
    lead = [{"role": "system", "content": args.system}] if args.system else []
    history: list[dict[str, str]] = []
    while True:
        try:
            asked = input("\n> ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        except EOFError:
            return EXIT_OK
        if not asked.strip():
            return EXIT_OK
        if asked.startswith("/use"):
            speakers = _chosen(asked.split()[1:], chat.models) or speakers
            continue
        question = {"role": "user", "content": asked}
        answers = _ask(chat, [*lead, *history, question], speakers, args)
        if args.json:
            print(json.dumps({"prompt": asked, **answers}), flush=True)
        if args.keep:
            history += [question, {"role": "assistant", "content": answers.get(speakers[-1], "")}]


def _chosen(names: list[str], known: tuple[str, ...]) -> list[str]:
    """The models that the names, or unique parts of names, mean; [] where one means none, or several."""
    found: list[str] = []
    for name in names:
        fitting = [name] if name in known else [model for model in known if name in model]
        if len(fitting) != 1:
            found = []
            break
        found += fitting
    if not found:
        print(f"There are {', '.join(map(safe, known))}.", file=sys.stderr)
    return found


def _ask(chat: Chat, messages: list[dict[str, str]], speakers: list[str], args: argparse.Namespace) -> dict[str, str]:
    """All answers; printed as they come unless JSON was asked for.

    The answers grow side by side; a terminal shows one after the other: the first as it comes, the next from what has
    come of it since.
    """
    answers = dict.fromkeys(speakers, "")
    ended: dict[str, str] = {}
    printed = dict.fromkeys(speakers, 0)
    place = -1

    def show() -> None:
        nonlocal place
        while not args.json and place < len(speakers):
            name = speakers[max(place, 0)]
            if place < 0:
                place = 0
                print(f"\n{safe(name)}:", flush=True)
            print(safe(answers[name][printed[name] :], newlines=True, tabs=True), end="", flush=True)
            printed[name] = len(answers[name])
            if name not in ended:
                return
            print(f"\n  ({ended[name]})", flush=True)
            place += 1
            if place < len(speakers):
                print(f"\n{safe(speakers[place])}:", flush=True)

    pieces = chat.ask(messages, models=speakers, max_new_tokens=args.max_new_tokens)
    while True:
        try:
            for piece in pieces:
                if piece.error:
                    print(f"ftui: {safe(piece.error)}", file=sys.stderr)
                    return answers
                answers[piece.model] += piece.text
                if piece.end:
                    speed = piece.tokens / piece.seconds if piece.seconds else 0.0
                    ended[piece.model] = f"{piece.tokens} tokens, {speed:.0f} a second"
                show()
            return answers
        except KeyboardInterrupt:
            pieces.close()  # type: ignore[attr-defined]
            return answers

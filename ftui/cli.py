"""The `ftui` command: finds the sub-command, imports only that one, and turns every failure into a sentence.

A sub-command lives in `ftui.commands.<module>` and has two functions: `configure(parser)` and `run(args) -> int`.
"""

from __future__ import annotations

import errno
import gc
import sys

from ftui import __version__

# name -> (module in ftui.commands, one line for `ftui --help`)
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "the whole path on data that ships with ftui, no questions asked"),
    "decide": ("decide", "prompting, RAG, fine-tuning or preference tuning? a verdict with reasons"),
    "hardware": ("hardware", "what this machine has"),
    "models": ("models", "the catalogue, and what is already on this machine"),
    "fit": ("fit", "will it fit, how fast, and what is the best setting"),
    "lint": ("lint", "check a dataset, row by row"),
    "data": ("data", "convert, split, mix, show, fingerprint a dataset"),
    "plan": ("plan", "new, show, check, import, export: the file a run is made from"),
    "train": ("train", "start a run from a plan (detached unless --foreground)"),
    "runs": ("runs", "list, show, compare, stop, pause, resume, adopt, remove"),
    "watch": ("watch", "live panels of a run, from any terminal"),
    "eval": ("eval", "base against tuned, with a verdict"),
    "rate": ("rate", "rate base against tuned yourself, blind"),
    "chat": ("chat", "base and tuned side by side"),
    "adapters": ("adapters", "list adapters, merge several into one"),
    "export": ("export", "adapter, merged, gguf, ollama, vllm, hub"),
    "doctor": ("doctor", "is this installation sound"),
}

OPTIONS = ("--help", "--version", "--plain", "--ascii", "--no-mouse")

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

EPILOG = """Without a command, ftui opens the wizard (--plain: in lines, for a screen reader; --ascii; --no-mouse).
Every command takes --help; most take --json.

Exit codes: 0 good, 1 the answer is no, 2 it could not be done, 130 interrupted."""


def usage() -> str:
    """The text of `ftui --help`."""
    width = max(len(name) for name in COMMANDS)
    rows = "\n".join(f"  {name:<{width}}  {line}" for name, (_, line) in COMMANDS.items())
    return f"usage: ftui [--version] [--help] [COMMAND ...]\n\ncommands:\n{rows}\n\n{EPILOG}"


def main(argv: list[str] | None = None) -> int:
    """Run one command line; returns the exit code and never raises to the user."""
    arguments = sys.argv[1:] if argv is None else argv
    if None in (sys.stdin, sys.stdout, sys.stderr) or sys.stdout.encoding != "utf-8":
        from ftui.services.streams import mend_streams

        mend_streams()
    try:
        if len(arguments) > 1 and arguments[0] == "help":
            arguments = [*arguments[1:], "--help"]  # `ftui help fit` is `ftui fit --help`
        if arguments[:1] in (["--version"], ["-V"]):
            print(f"ftui {__version__}")
            code = 0
        elif arguments[:1] in (["--help"], ["-h"], ["help"]):
            print(usage())
            code = 0
        else:
            code = _dispatch(arguments)
        sys.stdout.flush()
        if argv is None:
            # The process ends here. What is alive need not be searched for garbage once more: a seventh of its time.
            gc.freeze()
        return code
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our stdout left (`ftui runs list | head`): not an error, but Python would complain at exit.
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as stop:  # argparse
        return stop.code if isinstance(stop.code, int) else 2
    except Exception as error:
        return _report(error)


def _dispatch(arguments: list[str]) -> int:
    # Imports leave tens of thousands of objects that stay: looking for garbage among them every 700 finds nothing.
    gc.set_threshold(50_000, 10, 10)
    if not arguments or arguments[0] in OPTIONS[2:]:
        return _open_wizard(arguments)
    name = arguments[0]
    if name not in COMMANDS:
        return _unknown(name)
    import argparse
    import importlib

    from ftui.commands.command_line import CommandLine

    module = importlib.import_module(f"ftui.commands.{COMMANDS[name][0]}")
    parser = CommandLine(
        prog=f"ftui {name}",
        description=module.__doc__,
        # Left to itself, argparse asks shutil for the width, an import that costs every command four milliseconds.
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=_columns()),
        allow_abbrev=False,
    )
    module.configure(parser)
    return int(module.run(parser.parse_args(arguments[1:])))


def _columns() -> int:
    """Columns for help texts, as argparse would take them: the terminal's, less two."""
    import os

    try:
        return int(os.environ.get("COLUMNS") or os.get_terminal_size().columns) - 2
    except (OSError, ValueError):
        return 78


def _open_wizard(arguments: list[str]) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(usage())
        print("\nNot a terminal, so the wizard stays closed: name a command.", file=sys.stderr)
        return 2
    from ftui.services.terminal import shows_screens

    if "--plain" in arguments or not shows_screens():
        from ftui.commands.walk import run

        return run()
    from ftui.tui.app import run_wizard

    return run_wizard(ascii_only="--ascii" in arguments, mouse="--no-mouse" not in arguments)


def _unknown(name: str) -> int:
    import difflib

    from ftui.core.text import safe

    close = difflib.get_close_matches(name.lower().strip(), (*COMMANDS, *OPTIONS), n=1)
    guess = f" Did you mean `ftui {close[0]}`?" if close else ""
    print(f"ftui: no command {safe(name)!r}.{guess} `ftui --help` lists them all.", file=sys.stderr)
    return 2


def _report(error: Exception) -> int:
    from ftui.core.text import safe
    from ftui.errors import EXIT_COULD_NOT, FtuiError

    if isinstance(error, FtuiError):
        print(f"ftui: {safe(str(error))}", file=sys.stderr)
        if error.hint:
            print(f"      {safe(error.hint)}", file=sys.stderr)
        return error.exit_code
    if isinstance(error, OSError) and error.filename is not None:
        print(f"ftui: {safe(str(error.filename))}: {error.strerror}.", file=sys.stderr)
        return EXIT_COULD_NOT
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        print(f"ftui: Not all could be written: {error.strerror}.", file=sys.stderr)
        print("      Make room where the output goes, or name another place for it.", file=sys.stderr)
        return EXIT_COULD_NOT
    from ftui.services.crash import save_traceback

    where = save_traceback(error)
    print(f"ftui: a bug in ftui: {type(error).__name__}: {safe(str(error))[:200]}", file=sys.stderr)
    print(f"      Nothing of yours was changed. Details: {where}", file=sys.stderr)
    return EXIT_COULD_NOT

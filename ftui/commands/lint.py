"""Check datasets, row by row: what will hurt a fine-tuning run, where, why, and what it costs.

  ftui lint train.jsonl                          every rule that needs no model
  ftui lint train.jsonl --eval eval.jsonl        also leaks between the two
  ftui lint train.jsonl --model Qwen/Qwen3-0.6B --max-length 1024
                                                 also what the tokenizer, template and length limit do to each row
  ftui lint data/ --format sarif > lint.sarif    for code scanning; also: json jsonl github junit
  ftui lint train.jsonl --fix                    repair what is safe to repair, into train.fixed.jsonl
  ftui lint data/ --fix                          every split of a folder, into the folder data.fixed
  ftui lint train.jsonl --diff --unsafe-fixes    show what the other repairs would change, write nothing
  ftui lint explain DUP701                       what a rule means, with a bad and a good row
  ftui lint rules                                all rules
  ftui lint -- -odd-name.jsonl                   a file whose name begins with a dash
  zcat F.gz | ftui lint -                        standard input

Exit codes: 0 nothing at or above --fail-on (default: error), 1 findings, 2 a file could not be read.
Settings can stand in ftui.toml under [lint]; the command line wins.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.core.text import safe
from ftui.errors import EXIT_COULD_NOT, EXIT_NO, EXIT_OK, FtuiError

if TYPE_CHECKING:
    from ftui.services.lint import FileReport, LintOptions
    from ftui.services.lint_config import LintConfig
    from ftui.services.lint_targets import Target

FORMATS = ("full", "concise", "grouped", "json", "jsonl", "sarif", "github", "junit")
FOR_PEOPLE = (None, "full", "concise", "grouped")
TASKS = ("sft", "dpo", "kto", "orpo", "reward", "grpo", "rloo", "text")
TARGETS = ("ftui", "openai", "together", "mistral")
LEVELS = ("error", "warning", "info", "never")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="file, folder, glob or - ; or: explain CODE, rules")
    parser.add_argument("--eval", metavar="F", help="the eval split: finds leaks into it and classes it alone has")
    parser.add_argument("--model", metavar="M", help="model whose tokenizer and chat template the rows must fit")
    parser.add_argument("--max-length", type=int, metavar="N", help="longest row in tokens, for the TOK rules")
    parser.add_argument("--task", choices=TASKS, help="what the rows are for")
    parser.add_argument("--target", choices=TARGETS, help="who trains: their limits and columns (default: ftui)")
    parser.add_argument("--map", metavar="NAME=COLUMN", action="append", help="name a column, e.g. prompt=question")
    parser.add_argument("--epochs", type=float, metavar="X", help="passes over the data, for DST809")
    parser.add_argument("--batch-rows", type=int, metavar="N", help="rows per update, for DST809")
    parser.add_argument("--benchmark", metavar="F", action="append", help="items that must not be trained on (DUP707)")

    which = parser.add_argument_group("which rules")
    which.add_argument("--select", metavar="CODES", action="append", help="only these codes or prefixes: TOK,DUP7")
    which.add_argument("--extend-select", metavar="CODES", action="append", help="these too, on top of the selection")
    which.add_argument("--ignore", metavar="CODES", action="append", help="not these; the longer prefix wins")
    which.add_argument("--baseline", metavar="F", type=Path, help="accept the findings that are in this file")
    which.add_argument("--add-baseline", action="store_true", help="accept all findings: write them to the baseline")
    which.add_argument("--config", metavar="F", type=Path, help="ftui.toml to read (default: nearest one above)")
    which.add_argument("--no-config", action="store_true", help="read no ftui.toml")
    which.add_argument("--show-config", action="store_true", help="print the settings in force and stop")

    fixing = parser.add_argument_group("repairs (always into a new file)")
    fixing.add_argument("--fix", action="store_true", help="apply the repairs that keep what rows mean")
    fixing.add_argument("--unsafe-fixes", action="store_true", help="also those that may change or drop rows")
    fixing.add_argument("--diff", action="store_true", help="show what would change, write nothing")
    fixing.add_argument(
        "--output", metavar="F", type=Path, help="the new file (default: NAME.fixed.jsonl; of splits: FOLDER.fixed)"
    )

    output = parser.add_argument_group("output")
    output.add_argument("--format", choices=FORMATS, help="default: full, or grouped above 20 findings")
    output.add_argument("--json", action="store_true", help="the same as --format json")
    output.add_argument("--statistics", action="store_true", help="a table of codes instead of the findings")
    output.add_argument("--all", action="store_true", help="every finding, not the first five of each code")
    output.add_argument("--fail-on", choices=LEVELS, help="lowest severity that gives exit code 1 (default: error)")
    output.add_argument("--exit-zero", action="store_true", help="exit code 0 whatever is found")
    output.add_argument("--workers", type=int, default=0, metavar="N", help="processes (default: one per core)")
    output.add_argument("--no-progress", action="store_true", help="no progress line on stderr")


def run(args: argparse.Namespace) -> int:
    from ftui.commands import lint_explain

    if args.files[:1] == ["explain"] and not Path("explain").exists():
        return lint_explain.explain(args.files[1:], as_json=args.json or args.format == "json")
    if args.files[:1] == ["rules"] and not Path("rules").exists():
        return lint_explain.list_rules(as_json=args.json or args.format == "json")
    if args.json:
        args.format = "json"
    config = _config(args)
    if args.show_config:
        return lint_explain.show_config(config, args)
    if not args.files:
        raise FtuiError("Nothing to check", "no file was named", "Example: ftui lint train.jsonl")
    options = _options(args, config)
    return _lint(args, options, config)


def _config(args: argparse.Namespace) -> LintConfig:
    from ftui.services.lint_config import find_config, load_config

    if args.config is not None and not args.config.is_file():
        raise FtuiError("No such configuration", str(args.config), "Name an existing file with --config.")
    path = None if args.no_config else args.config or find_config(Path.cwd())
    config = load_config(path)
    values = config.values
    args.select = _codes(args.select) or list(values.get("select", []))
    args.select += _codes(args.extend_select) + list(values.get("extend-select", [])) if args.select else []
    args.ignore = _codes(args.ignore) + list(values.get("ignore", []))
    for name in ("model", "task", "target", "eval", "epochs", "baseline"):
        if getattr(args, name) is None and name in values:
            setattr(args, name, Path(values[name]) if name == "baseline" else values[name])
    for name, key in (("max_length", "max-length"), ("batch_rows", "batch-rows"), ("fail_on", "fail-on")):
        if getattr(args, name) is None and key in values:
            setattr(args, name, values[key])
    args.benchmark = list(args.benchmark or values.get("benchmark", []))
    args.fail_on = args.fail_on or "error"
    args.target = args.target or "ftui"
    _check_choice("fail-on", args.fail_on, LEVELS)
    _check_choice("task", args.task, TASKS)
    _check_choice("target", args.target, TARGETS)
    return config


def _check_choice(name: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise FtuiError("The configuration is wrong", f"lint.{name} is {value!r}", f"Known: {', '.join(known)}")


def _codes(given: Iterable[str] | None) -> list[str]:
    return [code.strip() for text in given or () for code in text.split(",") if code.strip()]


def _options(args: argparse.Namespace, config: LintConfig) -> LintOptions:
    from ftui.core.lint.catalogue import select_rules
    from ftui.core.lint.model import Context, Severity
    from ftui.services.lint import LintOptions
    from ftui.services.lint_baseline import load_baseline
    from ftui.services.lint_config import thresholds

    try:
        select_rules(args.select, args.ignore)
    except ValueError as error:
        raise FtuiError("No such rule", str(error), "ftui lint rules lists them all.") from None
    mapping = {**config.values.get("map", {}), **_mapping(args.map)}
    context = Context(
        task=args.task or "",
        model=args.model or "",
        max_length_tokens=args.max_length,
        epochs=args.epochs,
        batch_rows=args.batch_rows,
        trainer=args.target,
        labels=tuple(config.values.get("labels", ())),
        language=config.values.get("language", ""),
        shuffled=config.values.get("shuffle", True),
        thresholds=thresholds(config),
    )
    reads_baseline = args.baseline is not None and not args.add_baseline
    return LintOptions(
        select=args.select,
        ignore=args.ignore,
        severities={code: Severity(level) for code, level in config.values.get("severity", {}).items()},
        context=context,
        mapping=mapping or None,
        workers=max(0, args.workers),
        model=_tokenizer(args.model),
        benchmarks=args.benchmark,
        keep_keys=args.add_baseline,
        baselines=load_baseline(args.baseline) if reads_baseline else {},
    )


def _tokenizer(model: str | None) -> str:
    if not model:
        return ""
    from ftui.services.lint_tokenizer import tokenizer_folder

    return str(tokenizer_folder(model))


def _mapping(given: Iterable[str] | None) -> dict[str, str]:
    pairs = [part for text in given or () for part in text.split(",") if part]
    for pair in pairs:
        if "=" not in pair:
            raise FtuiError("--map needs NAME=COLUMN", f"got {pair!r}", "Example: --map prompt=question")
    return dict(pair.split("=", 1) for pair in pairs)


def _lint(args: argparse.Namespace, options: LintOptions, config: LintConfig) -> int:
    from ftui.commands.lint_progress import ProgressLine
    from ftui.services.lint import lint
    from ftui.services.lint_targets import targets

    found = targets(args.files, args.eval, options)
    line = ProgressLine(enabled=not args.no_progress and sys.stderr.isatty())
    reports: list[FileReport] = []
    for target in found:
        own = config.ignores_for(target.name)
        reports.append(lint(target, replace(options, ignore=[*options.ignore, *own]) if own else options, line.show))
        line.clear()
    if args.add_baseline:
        _add_baseline(args, reports)
    fixes = _fix(args, found, reports, options) if args.fix or args.diff else []
    _print(args, reports, fixes)
    for report in reports:
        for failure in report.failures:
            print(f"ftui: a bug in ftui, please report it: {safe(report.path)}: {safe(failure)}", file=sys.stderr)
    for baseline in options.baselines.values():
        if baseline.unused:
            print(f"{baseline.unused:,} baseline entries match nothing any more.", file=sys.stderr)
    return _exit_code(args, reports)


def _exit_code(args: argparse.Namespace, reports: Sequence[FileReport]) -> int:
    from ftui.core.lint.model import Severity

    if any(not report.readable or report.failures for report in reports):
        return EXIT_COULD_NOT
    if args.exit_zero or args.add_baseline or args.fail_on == "never":
        return EXIT_OK
    limit = Severity(args.fail_on).rank
    worst = [report.findings.worst() for report in reports]
    return EXIT_NO if any(level is not None and level.rank >= limit for level in worst) else EXIT_OK


def _add_baseline(args: argparse.Namespace, reports: Sequence[FileReport]) -> None:
    from ftui.services.lint_baseline import DEFAULT_NAME, write_baseline

    path = args.baseline or Path(DEFAULT_NAME)
    count = write_baseline(path, [(r.path, r.sha256, r.findings, r.content_key) for r in reports])
    print(f"{count:,} findings are accepted from now on: {safe(str(path))}", file=sys.stderr)


def _fix(
    args: argparse.Namespace, found: Sequence[Target], reports: list[FileReport], options: LintOptions
) -> list[dict[str, Any]]:
    from ftui.commands import lint_fixing

    if args.output is not None and len({target.data.path for target in found}) > 1:
        raise FtuiError("--output is for one file or folder", f"{len(found)} were given", "Fix them one at a time.")
    if args.diff:
        out = sys.stdout if args.format in FOR_PEOPLE else sys.stderr  # a document on stdout stays one document
        lint_fixing.show_diff(found, reports, options, unsafe=args.unsafe_fixes, out=out)
        return []
    return lint_fixing.write_fixes(found, reports, options, unsafe=args.unsafe_fixes, output=args.output)


def _print(args: argparse.Namespace, reports: Sequence[FileReport], fixes: Sequence[dict[str, Any]]) -> None:
    from ftui.services import lint_machine, lint_text

    if args.diff and args.format in FOR_PEOPLE:
        return
    machine = {"jsonl": lint_machine.json_lines, "sarif": lint_machine.sarif, "github": lint_machine.github,
               "junit": lint_machine.junit}  # fmt: skip
    if args.format == "json":
        _write(lint_machine.json_document(reports, {"fixes": list(fixes)} if args.fix else None))
        return
    if args.format in machine:
        _write(machine[args.format](reports))
        return
    per_code = None if args.all else lint_text.SHOWN_PER_CODE
    for report in reports:
        if args.add_baseline and args.format is None and not args.statistics:
            lines: Iterable[str] = ()
        elif args.statistics:
            lines = lint_text.statistics(report)
        elif args.format == "concise":
            lines = lint_text.concise(report)
        elif args.format == "grouped" or (args.format is None and len(report.findings) > lint_text.GROUPED_ABOVE):
            lines = lint_text.grouped(report, per_code)
        else:
            lines = lint_text.full(report, per_code)
        for line in lines:
            print(line)
        if args.format != "concise":
            for line in lint_text.summary(report, fixed=args.fix):
                print(line)


def _write(pieces: Iterable[bytes]) -> None:
    sys.stdout.flush()
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()

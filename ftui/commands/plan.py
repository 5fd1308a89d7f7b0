"""The file that a run is made from.

ftui plan new --model Qwen/Qwen3-8B --data rows.jsonl -o plan.yaml     every value with its reason
ftui plan new ... --set method.technique=qlora --set train.epochs=2    some of them are yours
ftui plan show plan.yaml                                               the values, their reasons, their defaults
ftui plan check plan.yaml                                              is it whole, and does everything exist
ftui plan export plan.yaml --to trl                                    for TRL, Axolotl or LLaMA-Factory
ftui plan export last --to axolotl                                     a run's plan (show and check take runs too)
ftui plan import axolotl.yaml -o plan.yaml                             from them
ftui plan schema                                                       the JSON Schema of plan.yaml
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

from ftui.core.text import cell_width, clip, safe
from ftui.errors import EXIT_OK, FtuiError

TOOLS = ["trl", "axolotl", "llamafactory"]
TASKS = ["sft", "dpo", "kto", "orpo", "reward", "grpo", "rloo", "text"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser("new", help="propose a plan, every value with its reason")
    new.add_argument("--model", required=True, help="folder, catalogue id, hub id, or tiny")
    new.add_argument("--data", required=True, metavar="FILE", help="training rows")
    new.add_argument(
        "--eval", metavar="FILE", help="held-out rows (default: an eval file beside FILE, else a part of it)"
    )
    new.add_argument("--replay", metavar="FILE", help="general rows, mixed in against forgetting")
    new.add_argument("--schema", metavar="FILE", help="JSON Schema that every answer must satisfy")
    new.add_argument("--map", action="append", default=[], metavar="OURS=THEIRS", help="column mapping")
    new.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="settle a value yourself")
    new.add_argument("-o", "--out", type=Path, metavar="FILE", help="write it there instead of to stdout")
    new.add_argument("--overwrite", action="store_true")
    new.add_argument("--json", action="store_true", help="as JSON")
    for name, words in (("show", "values, reasons, defaults"), ("check", "is it whole, and does everything exist")):
        action = actions.add_parser(name, help=words)
        action.add_argument("plan", metavar="PLAN", help="a plan file, or a run")
        action.add_argument("--json", action="store_true")
    export = actions.add_parser("export", help="for another tool")
    export.add_argument("plan", metavar="PLAN", help="a plan file, or a run")
    export.add_argument("--to", required=True, choices=TOOLS)
    export.add_argument("-o", "--out", type=Path, metavar="FILE")
    export.add_argument("--overwrite", action="store_true")
    take = actions.add_parser("import", help="from another tool")
    take.add_argument("file", type=Path, metavar="FILE")
    take.add_argument("--from", dest="source", choices=TOOLS, help="which tool's file it is (guessed where left out)")
    take.add_argument("--task", choices=TASKS, help="what is trained; TRL's file does not say it")
    take.add_argument("-o", "--out", type=Path, metavar="FILE")
    take.add_argument("--overwrite", action="store_true")
    actions.add_parser("schema", help="the JSON Schema of plan.yaml")


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    from ftui.services.plans import plan_file

    match args.action:
        case "new":
            return _new(args)
        case "show":
            return _show(plan_file(args.plan), as_json=args.json)
        case "check":
            return _check(plan_file(args.plan), as_json=args.json)
        case "export":
            from ftui.commands.plan_exchange import export_plan

            return export_plan(plan_file(args.plan), args.to, args.out, overwrite=args.overwrite)
        case "import":
            from ftui.commands.plan_exchange import import_plan

            return import_plan(args.file, args.source, args.task, args.out, overwrite=args.overwrite)
    from ftui.core.plan import schema

    print(json.dumps(schema(), indent=2))
    return EXIT_OK


def _new(args: argparse.Namespace) -> int:
    from ftui.core.plan import to_mapping
    from ftui.services.launch import with_absolute_paths
    from ftui.services.plans import dump_plan
    from ftui.services.proposal import propose, write_plan_file

    choices: dict[str, Any] = {name: _value(text) for name, text in (_pair(text, "--set") for text in args.set)}
    if args.schema:
        choices["eval.schema"] = args.schema
    mapping = dict(_pair(text, "--map") for text in args.map)
    plan = propose(
        args.model, args.data, eval_path=args.eval, replay_path=args.replay, mapping=mapping or None, choices=choices
    )
    if args.replay and not plan.data.replay:
        print(f"Not mixed in: {safe(args.replay)}. {plan.method.task} has no use for general rows.", file=sys.stderr)
    plan = with_absolute_paths(plan)
    if plan.data.eval and not args.eval and "data.eval" not in choices:
        beside = safe(Path(plan.data.eval).name)
        print(
            f"Held out: {beside}, which lies beside the rows (--set data.eval=null splits some off).", file=sys.stderr
        )
    text = json.dumps(to_mapping(plan), indent=2) + "\n" if args.json else dump_plan(plan)
    if args.out is None:
        print(text, end="")
        return EXIT_OK
    write_plan_file(text, args.out, overwrite=args.overwrite)
    print(f"Wrote {safe(str(args.out))}. Look it over, then: ftui train {safe(str(args.out))}", file=sys.stderr)
    return EXIT_OK


def _show(path: Path, *, as_json: bool) -> int:
    from ftui.core.plan import default, field_names, to_mapping
    from ftui.services.plans import load_plan

    plan = load_plan(path)
    if as_json:
        print(json.dumps(to_mapping(plan), indent=2))
        return EXIT_OK
    whole = to_mapping(plan)
    cells = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for name in field_names():
        section, _, key = name.partition(".")
        value, usual = whole[section][key], default(name)
        reason = plan.reasons.get(name)
        if value == usual and reason is None:
            continue
        print("\n".join(_lines(f"{name:<32} {clip(_shown(value), 40):<20}", reason or "", cells)))
    print("\nEverything else has its default; `ftui plan schema` lists all fields.")
    return EXIT_OK


def _lines(value: str, reason: str, cells: int) -> list[str]:
    """A value and its reason, below it where a terminal of so many columns has no room beside it; 0 is no terminal."""
    if cells and len(value) + 2 + cell_width(reason) > cells:
        return [value.rstrip(), *textwrap.wrap(safe(reason), max(cells, 40) - 4, initial_indent="    ",
                                               subsequent_indent="    ")]  # fmt: skip
    return [f"{value}  {clip(reason, 200)}".rstrip()]


def _check(path: Path, *, as_json: bool) -> int:
    from ftui.services.launch import check_inputs, with_absolute_paths
    from ftui.services.model_config import find_model
    from ftui.services.plans import load_plan
    from ftui.services.task_rows import refuse_unusable_rows

    plan = with_absolute_paths(load_plan(path))
    check_inputs(plan)
    refuse_unusable_rows(plan)
    found = find_model(plan.model.path or plan.model.id)
    if as_json:
        print(json.dumps({"sound": True, "model": found.id, "source": found.source}))
    else:
        print(f"{safe(str(path))} is sound: {safe(plan.method.task)}, {plan.method.technique}, {safe(found.id)}.")
    return EXIT_OK


def _pair(text: str, option: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise FtuiError("A setting has no value", f"{option} {text}", f"Write {option} NAME=VALUE.")
    return name.strip(), value.strip()


def _value(text: str) -> Any:
    """A value as YAML would read it: 2, 1e-4, true, null, [q_proj, v_proj], or text."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)

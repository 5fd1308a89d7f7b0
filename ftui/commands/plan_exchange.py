"""`ftui plan export` and `ftui plan import`: to and from other tools, with what could not be carried over listed."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote

from ftui.core.text import clip, safe
from ftui.errors import EXIT_OK, FtuiError


def export_plan(path: Path, tool: str, out: Path | None, *, overwrite: bool) -> int:
    """Print (or write) the plan as the tool's YAML; what it has no word for goes to stderr and into comments."""
    import yaml

    from ftui.core.exchange import to_tool
    from ftui.core.exchange_words import TASKS
    from ftui.services.launch import with_absolute_paths
    from ftui.services.plans import load_plan
    from ftui.services.proposal import write_plan_file

    plan = with_absolute_paths(load_plan(path))
    made = to_tool(plan, tool)
    notes = "".join(f"# not carried over: {safe(words)}\n" for words in made.left_out)
    text = notes + yaml.safe_dump(made.data, sort_keys=False, allow_unicode=True)
    _say_left_out(made.left_out)
    if out is None:
        print(text, end="")
    else:
        write_plan_file(text, out, overwrite=overwrite)
        print(
            f"Wrote {safe(str(out))}. {HOW_TO_RUN[tool].format(quote(safe(str(out))), TASKS[tool][plan.method.task])}",
            file=sys.stderr,
        )
    return EXIT_OK


HOW_TO_RUN = {
    "trl": "Run it: trl {1} --config {0}",
    "axolotl": "Run it: axolotl train {0}",
    "llamafactory": "Run it: llamafactory-cli train {0}  (name the dataset in dataset_info.json first)",
}


def import_plan(path: Path, tool: str | None, task: str | None, out: Path | None, *, overwrite: bool) -> int:
    """Print (or write) a plan made from another tool's YAML. Raises FtuiError where it cannot be read."""
    import yaml

    from ftui.core.exchange_import import from_tool, guess_tool
    from ftui.core.plan import from_mapping
    from ftui.services.plans import dump_plan
    from ftui.services.proposal import write_plan_file

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FtuiError("The file cannot be read", f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise FtuiError("The file is not YAML", f"{path}: {clip(str(error), 120)}") from None
    if not isinstance(data, dict):
        raise FtuiError(
            "Not a configuration",
            f"{path} holds no keys",
            "Give the YAML or JSON that TRL, Axolotl or LLaMA-Factory trains from.",
        )
    made = from_tool(data, tool or guess_tool(data), task)
    _say_left_out(made.left_out)
    for words in made.notes:
        print(f"look at: {safe(words)}", file=sys.stderr)
    text = dump_plan(from_mapping(made.data))
    if out is None:
        print(text, end="")
    else:
        write_plan_file(text, out, overwrite=overwrite)
        print(f"Wrote {safe(str(out))}. Look it over, then: ftui train {safe(str(out))}", file=sys.stderr)
    return EXIT_OK


def _say_left_out(left_out: tuple[str, ...]) -> None:
    for words in left_out:
        print(f"not carried over: {safe(words)}", file=sys.stderr)

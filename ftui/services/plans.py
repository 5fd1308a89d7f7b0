"""plan.yaml: read with errors that name the line and the key, written so that a person can edit it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from ftui.core import plan as plans
from ftui.core.plan import Plan
from ftui.core.plan_sections import SECTIONS
from ftui.core.text import clip, safe
from ftui.errors import FtuiError
from ftui.services.files import write_atomic

_LARGEST_PLAN_BYTES = 1 << 20


def load_plan(path: Path) -> Plan:
    """Read and check a plan file. Raises FtuiError naming file, line and key."""
    try:
        if path.is_dir():
            path = path / "plan.yaml"
        if path.stat().st_size > _LARGEST_PLAN_BYTES:
            raise FtuiError(
                "Not a plan", f"{path} has more than 1 MiB", "Is it a dataset? Then: ftui plan new --data FILE"
            )
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FtuiError("No such plan", str(path), "Make one: ftui plan new --model MODEL --data FILE") from None
    except UnicodeDecodeError:
        raise FtuiError("Not a plan", f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise FtuiError("The plan cannot be read", f"{path}: {error.strerror}") from None
    return parse_plan(text, str(path))


def plan_file(reference: str) -> Path:
    """The plan file that a path, a run's name, a unique part of one, or `last` stands for. A file goes before a run.

    Raises FtuiError where there is neither.
    """
    path = Path(reference).expanduser()
    if path.exists() or path.suffix in (".yaml", ".yml", ".json"):
        return path
    from ftui.services.runs import find_run

    try:
        return find_run(reference).plan_file
    except FtuiError as error:
        raise FtuiError(error.title.replace("No such run", "No such plan or run"), error.message, error.hint) from None


def parse_plan(text: str, source: str = "plan") -> Plan:
    """Check the text of a plan. Raises FtuiError naming `source`, line and key."""
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f"{source}:{error.problem_mark.line + 1}" if error.problem_mark else source
        raise FtuiError("The plan is not YAML", f"{line}: {error.problem or 'it cannot be parsed'}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FtuiError("The plan is not YAML", f"{source}: {clip(str(error), 120)}") from None
    if not isinstance(data, dict):
        raise FtuiError(
            "Not a plan",
            f"{source} holds no sections",
            "Make one: ftui plan new --model MODEL --data FILE -o plan.yaml",
        )
    try:
        plan = plans.from_mapping(data)
        if not plan.model.id:
            raise FtuiError(
                "The plan is incomplete", "model.id is missing: which model is tuned?", "Add it, or: ftui models"
            )
        if not plan.data.train:
            raise FtuiError(
                "The plan is incomplete", "data.train is missing: which rows teach it?", "Add a file's path."
            )
        return plan
    except FtuiError as error:
        raise _with_line(error, root, source) from None


_BREAKS = re.compile("[\n\r\x85\u2028\u2029]")
"""What YAML takes for the end of a line."""
_RARE_BREAKS = re.compile("[\r\x85\u2028\u2029]")


@cache
def _dumper() -> Any:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes rare line ends as escapes: PyYAML would write them as they are and read blanks."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, '"' if _RARE_BREAKS.search(value) else None)

    Dumper.add_representer(str, text)
    return Dumper


def dump_plan(plan: Plan) -> str:
    """The plan as YAML, each value with its reason as a comment behind it."""
    import yaml

    whole = plans.to_mapping(plan)
    lines = []
    section = ""
    whole_text = yaml.dump(whole, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=1_000_000)
    for line in whole_text.rstrip("\n").split("\n"):
        if found := re.match(r"^(\w+):", line):
            section = found[1]
        key = re.match(r"^  (\w+): ", line)
        reason = plan.reasons.get(f"{section}.{key[1]}") if key and section in SECTIONS else None
        if reason and _BREAKS.search(str(whole[section][key[1]])):  # type: ignore[index]
            reason = None  # a text of several lines goes on below: a comment would become part of it
        one_line = safe(" ".join(reason.split())) if reason else ""
        lines.append(
            f"{line}  # {one_line}" if one_line and not line.rstrip().endswith(("|", ">", "|-", ">-")) else line
        )
    return "\n".join(lines) + "\n"


def save_plan(plan: Plan, path: Path) -> None:
    """Write plan.yaml atomically. Raises FtuiError where the folder refuses."""
    try:
        write_atomic(path, dump_plan(plan))
    except OSError as error:
        raise FtuiError("The plan cannot be written", f"{path}: {error.strerror}") from None


def _with_line(error: FtuiError, root: Any, source: str) -> FtuiError:
    """The same error with `file:line:` before it, found by the dotted key that the message begins with."""
    words = re.match(r"[\w.\[\]]+", error.message)
    path = re.findall(r"\w+", words[0]) if words else []
    line = _line_of(root, path)
    where = f"{source}:{line}" if line else source
    return FtuiError(error.title, f"{where}: {error.message}", error.hint, error.exit_code)


def _line_of(node: Any, path: list[str]) -> int | None:
    import yaml

    line = None
    for word in path:
        if isinstance(node, yaml.MappingNode):
            pair = next((p for p in node.value if p[0].value == word), None)
            if pair is None:
                return line
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and word.isdigit() and int(word) < len(node.value):
            node = node.value[int(word)]
            line = node.start_mark.line + 1
    return line

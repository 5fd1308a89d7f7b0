"""`[lint]` in ftui.toml: what to check and how strictly. The command line wins over it."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftui.core.lint.catalogue import all_rules
from ftui.core.lint.model import Severity
from ftui.errors import FtuiError

NAME = "ftui.toml"
MAX_BYTES = 1 << 20

_TEXT, _NUMBER, _TEXTS, _TABLE, _YES = "text", "number", "list of texts", "table", "true or false"
KEYS = {
    "select": _TEXTS, "extend-select": _TEXTS, "ignore": _TEXTS, "fail-on": _TEXT, "baseline": _TEXT, "model": _TEXT,
    "max-length": _NUMBER, "task": _TEXT, "target": _TEXT, "eval": _TEXT, "language": _TEXT, "labels": _TEXTS,
    "epochs": _NUMBER, "batch-rows": _NUMBER, "shuffle": _YES, "map": _TABLE, "severity": _TABLE,
    "thresholds": _TABLE, "per-file-ignores": _TABLE, "benchmark": _TEXTS,
}  # fmt: skip
"""Every key of [lint] and what it takes."""


@dataclass(frozen=True)
class LintConfig:
    """What ftui.toml says; `values` by key, checked. path: None when there is no file."""

    path: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    def ignores_for(self, file: str) -> list[str]:
        """Codes that [lint.per-file-ignores] switches off for a file; keys are globs over the path or the name."""
        found: list[str] = []
        for pattern, codes in self.values.get("per-file-ignores", {}).items():
            path = Path(file)
            if path.match(pattern) or path.name == pattern or file == pattern:
                found += codes
        return found


def find_config(start: Path) -> Path | None:
    """ftui.toml in a folder or the nearest one above it."""
    folder = start.absolute()
    return next((place / NAME for place in (folder, *folder.parents) if (place / NAME).is_file()), None)


def load_config(path: Path | None) -> LintConfig:
    """Read and check a configuration. Raises FtuiError naming the file and the key."""
    if path is None:
        return LintConfig()
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FtuiError("Not a configuration", f"{path} has more than 1 MiB")
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FtuiError("The configuration cannot be read", f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FtuiError("The configuration is not TOML", f"{path}: {error}") from None
    section = document.get("lint", {})
    if not isinstance(section, dict):
        raise FtuiError("The configuration is wrong", f"{path}: lint must be a table", "Write: [lint]")
    for key, value in section.items():
        _check(path, key, value)
    return LintConfig(path, section)


def _check(path: Path, key: str, value: Any) -> None:
    if key not in KEYS:
        close = difflib.get_close_matches(key, KEYS, n=1)
        guess = f"Did you mean {close[0]}?" if close else f"Known keys: {', '.join(KEYS)}"
        raise FtuiError("Unknown key in the configuration", f"{path}: lint.{key}", guess)
    wanted = KEYS[key]
    fits = {
        _TEXT: isinstance(value, str),
        _NUMBER: isinstance(value, (int, float)) and not isinstance(value, bool),
        _TEXTS: isinstance(value, list) and all(isinstance(item, str) for item in value),
        _TABLE: isinstance(value, dict),
        _YES: isinstance(value, bool),
    }[wanted]
    if not fits:
        raise FtuiError("The configuration is wrong", f"{path}: lint.{key} must be a {wanted}")
    if key == "severity":
        for code, level in value.items():
            if code not in all_rules():
                raise FtuiError("Unknown rule in the configuration", f"{path}: lint.severity.{code}", "ftui lint rules")
            if level not in tuple(Severity):
                raise FtuiError(
                    "The configuration is wrong", f"{path}: lint.severity.{code} must be error, warning or info"
                )
    if key == "thresholds" and not all(isinstance(number, (int, float)) for number in _flat(value).values()):
        raise FtuiError("The configuration is wrong", f"{path}: every lint.thresholds value must be a number")
    if key == "map" and not all(isinstance(column, str) for column in value.values()):
        raise FtuiError("The configuration is wrong", f"{path}: every lint.map value must be a column name")
    if key == "per-file-ignores" and not all(isinstance(codes, list) for codes in value.values()):
        raise FtuiError("The configuration is wrong", f"{path}: lint.per-file-ignores takes lists of codes")


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """`{"QUA608": {"loss": 0.6}}` and `{"QUA608.loss": 0.6}` are the same thresholds."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{key}.")
        else:
            flat[before + key] = value
    return flat


def thresholds(config: LintConfig) -> dict[str, float]:
    """Thresholds by name, as `Context.threshold` asks for them."""
    return {name: float(value) for name, value in _flat(config.values.get("thresholds", {})).items()}

"""The catalogue's own files, that lie beside this module."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_data(name: str) -> dict[str, Any]:
    """Read one JSON file of the catalogue. (importlib.resources would cost every start 10 ms for zip files.)"""
    document: dict[str, Any] = json.loads(Path(__file__).with_name(name).read_bytes())
    return document

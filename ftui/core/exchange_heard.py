"""What has been understood of another tool's configuration, and what is said alike by all of them.

See exchange_import.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from ftui.core.plan import Plan, with_values
from ftui.errors import FtuiError

NAMES = {"trl": "TRL", "axolotl": "Axolotl", "llamafactory": "LLaMA-Factory"}


@dataclass
class Heard:
    """What has been understood of a file so far.

    data: the file without its empty keys. values: plan fields. used: keys that were heard. missed: plan fields of which
    the file says something that ftui cannot take. notes: what is not carried over, and why.
    """

    tool: str
    data: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    missed: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def get(self, key: str, usual: Any = None) -> Any:
        """What the file says under the key, which thereby is heard."""
        self.used.add(key)
        return self.data.get(key, usual)

    def settle(self, name: str, key: str, hear: Callable[[Any], Any] = lambda value: value) -> None:
        """Take the key's value for the plan's field; say so where it cannot be one."""
        self.used.add(key)
        try:
            value = hear(self.data[key])
            with_values(Plan(), {name: value})
        except FtuiError as error:
            self.missed.add(name)
            self.left_out.append(f"{self.said(key)}: {error.message}")
        except (TypeError, ValueError, AttributeError):
            self.missed.add(name)
            self.left_out.append(f"{self.said(key)}: it is no value for {name}")
        else:
            self.values[name] = value

    def said(self, key: str) -> str:
        """The key with its value, short."""
        return f"{key} = {self.data[key]!r:.60}"


def share_of_steps(heard: Heard) -> None:
    """Warm-up in steps as the share of them that ftui knows, where the number of steps is known."""
    for key in ("warmup_ratio", "warmup_steps"):
        said = heard.data.get(key)
        if isinstance(said, int | float) and not isinstance(said, bool) and (said < 1 or key == "warmup_ratio"):
            heard.settle("train.warmup_ratio", key)  # transformers 5 takes a share in warmup_steps too
            return
    steps, whole = heard.data.get("warmup_steps"), heard.values.get("train.max_steps")
    if isinstance(steps, int) and whole:
        heard.settle("train.warmup_ratio", "warmup_steps", lambda value: min(1.0, value / whole))
    elif steps is not None:
        heard.used.add("warmup_steps")
        heard.missed.add("train.warmup_ratio")
        heard.left_out.append(
            f"{heard.said('warmup_steps')}: ftui counts the warm-up as a share of all steps; set train.warmup_ratio"
        )


def precision(heard: Heard) -> None:
    """train.precision from bf16, fp16 and the type of the weights; left open where the file leaves it open."""
    bf16, fp16 = heard.get("bf16"), heard.get("fp16")
    key = "dtype" if "dtype" in heard.data else "torch_dtype"
    dtype = str(heard.data.get(key, "auto")).removeprefix("torch.")
    if key in heard.data:
        heard.settle("model.dtype", key, lambda _: dtype)
    if bf16 == "auto":
        heard.values["train.precision"] = "auto"
    elif bf16:
        heard.values["train.precision"] = "bf16-mixed"
    elif fp16:
        heard.values["train.precision"] = "fp16-mixed"
    elif bf16 is False:
        heard.values["train.precision"] = "bf16" if dtype == "bfloat16" else "fp32"


def quantised(heard: Heard, technique: str) -> str:
    """qlora where an adapter is trained on weights that are loaded in four or eight bits."""
    four, eight = heard.get("load_in_4bit"), heard.get("load_in_8bit")
    if not (four or eight):
        return technique
    if technique == "full":
        raise FtuiError(
            "ftui has no such technique",
            "load_in_4bit or load_in_8bit without an adapter trains nothing",
            "Add an adapter (LoRA), or load the weights whole.",
        )
    heard.values["method.quant"] = "int8" if eight else "nf4-dq"
    return "qlora"


def entries(datasets: Any) -> list[Any]:
    """The datasets as a list, be there one, several or none."""
    return list(datasets) if isinstance(datasets, list) else [datasets] if datasets else []


_FORMATS = ("chat_template", "alpaca", "sharegpt", "completion")
"""Row formats of Axolotl that ftui finds out by itself."""


def rows(heard: Heard, key: str, datasets: Any, name: str = "data.train") -> None:
    """Take the first file of the datasets for data.train or data.eval; note the others, and what is said of each."""
    heard.used |= {key} & heard.data.keys()
    files: list[str] = []
    for number, entry in enumerate(entries(datasets)):
        if not isinstance(entry, Mapping):
            files.append(str(entry))
            continue
        files += [str(file) for file in entries(entry.get("data_files") or entry.get("path"))]
        for option, value in entry.items():
            known = option in ("path", "data_files", "ds_type") or (option == "split" and value == "train")
            if value is not None and not known and not (option == "type" and str(value).startswith(_FORMATS)):
                heard.left_out.append(f"{key}[{number}].{option} = {value!r:.60}: ftui has no word for it")
    if not files:
        return
    heard.values[name] = files[0]
    for other in files[1:]:
        heard.left_out.append(
            f"{key}: {other!r} is left out, a plan has one file here; ftui data mix makes one of several"
        )
    if not PurePath(files[0]).suffix and not files[0].startswith(("/", "./", "../", "~")):
        heard.notes.append(f"{name} = {files[0]!r}: a name that {NAMES[heard.tool]} looks up; put a file's path there")

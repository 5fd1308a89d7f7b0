"""What `ftui fit MODEL --method ... --json` says to every published measurement, asked as a user would ask it.

    python tests/benchmarks/fit_flags.py [--rows] [--stack]

Nothing but the command and its flags is used: each row's columns become an argument list, the command runs in this
process, and its JSON document is scored. `--stack` adds the flags that tell which libraries a source ran. `--rows`
lists every row. Reads ../shared/vram/measured.csv beside the repository; exits 2 where that is not there.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import re
import statistics
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ftui.commands import fit
from ftui.errors import FtuiError
from ftui.services import fit_stack

CSV = Path(__file__).resolve().parents[2].parent / "shared" / "vram" / "measured.csv"
GIB = 2**30


class Answered(NamedTuple):
    """One row, what was asked, and what came back."""

    row: dict[str, str]
    argv: list[str]
    document: dict[str, Any]
    trouble: str

    @property
    def allocated_error(self) -> float | None:
        """Predicted over measured allocated bytes, minus one; None where none were measured."""
        if not self.document or not self.row["peak_GiB"] or "reserved" in self.row["measure"]:
            return None
        return float(self.document["memory"]["allocated_bytes"]) / (float(self.row["peak_GiB"]) * GIB) - 1

    @property
    def device_error(self) -> float | None:
        """The same of what the device shows: nvidia-smi, reserved memory with or without the context."""
        seen = device_bytes(self.row)
        return float(self.document["memory"]["device_bytes"]["expected"]) / seen - 1 if self.document and seen else None


def main() -> int:
    """Print every figure; 2 if the measurements are not there."""
    if not CSV.is_file():
        print(f"no measurements: {CSV} is not there", file=sys.stderr)
        return 2
    with CSV.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(FTUI_HOME=home, HF_HOME=home, HF_HUB_OFFLINE="1")
        answers = [ask(row, stack="--stack" in sys.argv) for row in rows]
    if "--rows" in sys.argv:
        _list(answers)
    troubles = Counter(answer.trouble for answer in answers if answer.trouble)
    print(f"{len(rows)} rows: {len(rows) - sum(troubles.values())} answered")
    for trouble, count in troubles.most_common():
        print(f"  {count:3d}  {trouble}")
    for title, chosen in (
        ("grade A, one GPU", [a for a in answers if a.row["grade"] == "A" and a.row["n_gpus"] == "1"]),
        ("grades B and C, one GPU", [a for a in answers if a.row["grade"] in "BC" and a.row["n_gpus"] == "1"]),
        ("several GPUs", [a for a in answers if a.row["n_gpus"] != "1"]),
    ):
        print(f"\nAllocated (or the published peak), {title}")
        _table(chosen, "allocated_error")
        print(f"Device, {title}")
        _table(chosen, "device_error")
    print("\nDevice by column of the research, grade A, one GPU (target: MAPE <= 8 % in each)")
    columns: dict[str, list[float]] = defaultdict(list)
    for answer in answers:
        if answer.row["grade"] == "A" and answer.device_error is not None:
            columns[_column(answer.row)].append(answer.device_error)
    for name in sorted(columns):
        _line(name, columns[name])
    if "--stack" not in sys.argv:
        with tempfile.TemporaryDirectory() as home:
            os.environ.update(FTUI_HOME=home, HF_HOME=home, HF_HUB_OFFLINE="1")
            _leave_one_out(rows)
    verdicts = Counter(a.document["verdict"] for a in answers if a.document and a.row["peak_value"] == "OOM")
    print(f"\nRuns that ran out of memory: {dict(verdicts)}")
    return 0


def ask(row: dict[str, str], stack: bool) -> Answered:
    """Run the command on what the row's columns say."""
    argv = arguments(row, stack)
    if not argv:
        return Answered(row, argv, {}, "a way of tuning that ftui does not do")
    parser = argparse.ArgumentParser(prog="ftui fit", exit_on_error=False)
    fit.configure(parser)
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            fit.run(parser.parse_args(argv))
    except (FtuiError, argparse.ArgumentError, SystemExit) as error:
        return Answered(row, argv, {}, f"{getattr(error, 'title', error)}: {row['model']}, {row['gpu']}")
    return Answered(row, argv, json.loads(out.getvalue()), "")


def arguments(row: dict[str, str], stack: bool) -> list[str]:
    """The row's columns as flags; empty where the technique is none of ftui's."""
    if row["technique"] not in ("full", "lora", "qlora"):
        return []
    argv = [row["model"], "--method", row["technique"], "--json", "--offline"]
    argv += ["--gpu", row["gpu"]] if _known(row["gpu"]) else ["--vram-gib", "80"]
    plain = (
        ("--seq-len", _length(row)), ("--micro-batch", row["micro_batch"]), ("--task", row["task"].lower()),
        ("--grad-checkpointing", row["grad_ckpt"][:3].strip(" (+")), ("--attention", _attention(row["attn_impl"])),
        ("--optimizer", _optimizer(row["optimizer"])), ("--precision", _precision(row)),
        ("--quant", _quant(row, stack)), ("--loss", _loss(row["fused_loss"], stack)),
    )  # fmt: skip
    for flag, value in plain:
        argv += [flag, value] if value else []
    if row["technique"] != "full":
        argv += ["--lora-rank", row["lora_rank"]] if row["lora_rank"] else []
        targets = _targets(row["lora_targets"])
        argv += ["--lora-targets", targets] if targets else []
        argv += ["--modules-to-save", "embed_tokens,lm_head"] if "modules_to_save" in row["lora_targets"] else []
    if int(row["n_gpus"]) > 1:
        argv += ["--gpus", row["n_gpus"], "--sharding", "fsdp" if "FSDP" in row["parallel"] else "ddp"]
    argv += ["--cpu-offload"] if "CPU offload" in row["parallel"] else []
    return argv + (_stack(row) if stack else [])


LOOPS: dict[str, dict[str, Any]] = {
    "transformers 5, logits let go": {"transformers": "5", "logits_held": False},
    "transformers 5, logits held": {"transformers": "5", "logits_held": True},
    "transformers 4.48, logits let go": {"transformers": "4.48", "logits_held": False},
    "transformers 4.48, logits held": {"transformers": "4.48", "logits_held": True},
}
"""What could be taken for granted of a loop with a whole loss."""


def _leave_one_out(rows: list[dict[str, str]]) -> None:
    """Choose what to take for granted of a plain loop without a source, and score that source with the choice."""
    # A mixture's experts are another question.
    plain = [row for row in rows if row["grade"] == "A" and row["n_gpus"] == "1" and row["fused_loss"] == "no"
             and "Mixtral" not in row["model"]]  # fmt: skip
    errors: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in LOOPS}
    was = dict(fit_stack.PLAIN_LOOP)
    for name, loop in LOOPS.items():
        fit_stack.PLAIN_LOOP.update(loop)
        for row in plain:
            error = ask(row, stack=False).allocated_error
            if error is not None:
                errors[name][_family(row)].append(error)
    fit_stack.PLAIN_LOOP.update(was)
    print(f"\nThe plain loop, allocated, {len(plain)} rows: what the other sources would choose for a source left out")
    for source in errors["transformers 5, logits held"]:
        rest = {name: _mape(e for other, some in found.items() if other != source for e in some)
                for name, found in errors.items()}  # fmt: skip
        best = min(rest, key=lambda name: rest[name])
        own = errors[best][source]
        print(f"  without {source:20s} {best:34s} ({rest[best]:5.1%})  then {source:20s} n {len(own):3d}  "
              f"MAPE {_mape(own):5.1%}  worst under {min(*own, 0.0, 0.0):6.1%}")  # fmt: skip
    for name, found in errors.items():
        everything = [e for some in found.values() for e in some]
        used = "  in use" if all(was[key] == value for key, value in LOOPS[name].items()) else ""
        print(f"  all with {name:34s} MAPE {_mape(everything):5.1%}  worst under {min(everything):6.1%}{used}")


def _mape(errors: Iterable[float]) -> float:
    return statistics.mean(abs(error) for error in errors)


def _family(row: dict[str, str]) -> str:
    found = re.search(r"measurements/(t4-[a-z0-9]+)", row["source"])
    return found.group(1) if found else _source(row).split(" ")[0]


def _column(row: dict[str, str]) -> str:
    if "T4" in row["gpu"]:
        return "T4"
    if row["technique"] == "full":
        return "A100 full, pure bf16"
    loss = row["fused_loss"]
    return "A100 Liger CE" if "liger" in loss else "A100 Triton CE" if "triton" in loss else "A100 plain CE"


def _known(name: str) -> bool:
    return bool(name) and "unstated" not in name


def _length(row: dict[str, str]) -> str:
    """fms divides tokens a second by rows a second and by GPUs: of several GPUs the column is a share of the length,
    which the same script's rows of one GPU give in full."""
    found = re.search(r"tokens/sample (\d+)", row["notes"])
    if found is None or row["n_gpus"] == "1":
        return row["seq_len"]
    length = int(found.group(1)) * int(row["n_gpus"])
    return str(min((1024, 2048, 4096, 8192), key=lambda known: abs(known - length)))


def _attention(name: str) -> str:
    name = name.lower()
    if "fa2" in name or ("flash" in name and "no flash" not in name):
        return "flash"
    return name.split(" ")[0].replace("hf", "")


def _optimizer(name: str) -> str:
    name = name.lower()
    if "8bit" in name:
        return "paged_adamw_8bit" if "paged" in name else "adamw_8bit"
    return "adamw_torch_fused" if "fused" in name else "adamw_torch" if "adamw" in name else ""


def _precision(row: dict[str, str]) -> str:
    """A full fine-tune that says bf16 autocast was of bf16 weights: that is `bf16`."""
    words = f"{row['mixed_precision']} {row['base_dtype']}".lower()
    low = "fp16" if "fp16" in words or "float16" in words.split() else "bf16" if "bf" in words else ""
    # FSDP and DeepSpeed hold trained weights in fp32 too; one GPU under autocast holds them as they were loaded.
    pure = (
        "pure" in words
        or "true" in words
        or (row["technique"] == "full" and row["n_gpus"] == "1" and "DeepSpeed" not in row["framework"])
    )
    return low and (low if pure and low == "bf16" else f"{low}-mixed")


def _quant(row: dict[str, str], stack: bool) -> str:
    name = row["quant"].lower()
    if row["technique"] != "qlora" or not name:
        return ""
    if "int8" in name:
        return "int8"
    if stack and "gptq" in name:
        return "gptq"
    if stack and "fms" in row["framework"]:
        return "nf4-dq"
    if name.startswith("nf4-dq"):
        return "nf4-dq"
    return "nf4"


def _loss(name: str, stack: bool) -> str:
    if "liger" in name:
        return "fused"
    if "chunked" in name:
        return "chunked"
    if stack and "triton" in name:
        return "inplace"
    return "full" if name == "no" or "triton" in name else ""


def _targets(names: str) -> str:
    if names.startswith("all"):
        return "all-linear"
    if "DEFAULT" in names or "litgpt" in names:
        return ""
    return ",".join(
        name for name in re.split(r"[\s+]+", names) if name and name not in ("modules_to_save", "wte,lm_head")
    )


def _stack(row: dict[str, str]) -> list[str]:
    found = re.search(r"transformers (4\.4[58])", row["notes"])
    flags = ["--transformers", found.group(1)] if found else []
    return [*flags, "--kbit-upcast", "norms"] if "baseline-peft-bnb" in row["framework"] else flags


def device_bytes(row: dict[str, str]) -> float | None:
    """What the device showed, where a source published it."""
    if "reserved" in row["measure"]:
        return float(row["peak_GiB"]) * GIB if row["peak_GiB"] else None
    found = re.search(r"(?:nvidia-smi peak same run|process\(reserved\+context\)) ([\d.]+) MiB", row["notes"])
    return float(found.group(1)) * 2**20 if found else None


def _table(answers: list[Answered], what: str) -> None:
    groups: dict[str, list[float]] = defaultdict(list)
    for answer in answers:
        error = getattr(answer, what)
        if error is not None:
            groups[f"{_source(answer.row)}, {answer.row['technique']}"].append(error)
    for name in sorted(groups):
        _line(name, groups[name])
    _line("all", [error for errors in groups.values() for error in errors])


def _source(row: dict[str, str]) -> str:
    found = re.search(r"config=([\w-]+)", row["framework"])
    return "fms " + found.group(1) if found else re.split(r"[ (]", row["framework"])[0]


def _line(name: str, errors: Iterable[float]) -> None:
    values = list(errors)
    if values:
        print(f"  {name:52s} n {len(values):3d}  MAPE {statistics.mean(map(abs, values)):6.1%}  "
              f"bias {statistics.mean(values):+6.1%}  worst under {min(*values, 0):6.1%}  "
              f"worst over {max(*values, 0):6.1%}")  # fmt: skip


def _list(answers: list[Answered]) -> None:
    for a in answers:
        row, size = a.row, a.document.get("memory", {}).get("allocated_bytes", 0) / GIB
        errors = " ".join("      -" if e is None else f"{e:+7.1%}" for e in (a.allocated_error, a.device_error))
        print(f"{row['id']:>4} {row['grade']:5} {_source(row)[:34]:34s} {row['model'][-24:]:24s} x{row['n_gpus']} "
              f"{row['technique'][:5]:5s} b{row['micro_batch']}x{row['seq_len']:<5s} {size:8.2f} {row['peak_GiB']:>8s} "
              f"{errors} {a.document.get('verdict', a.trouble)}")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

"""Will it fit, and how fast? Before any download: memory, verdict and speed of fine-tuning MODEL.

MODEL is a catalogue id, a hub id, a folder or a config.json. Without --method the best setting that fits is
recommended, with reasons. Without MODEL, what can be fine-tuned on the GPU is listed.

  ftui fit Qwen/Qwen2.5-7B                         on this machine
  ftui fit Qwen/Qwen2.5-7B --gpu "RTX 4090"        on another one
  ftui fit llama-3.1-8b --method qlora --seq-len 4096 --micro-batch 2
  ftui fit --gpu "RTX 4090"                        what fits there
  ftui fit tiny --dry-run                          the training step itself, without weights
  ftui fit Qwen/Qwen3-8B --probe                   two real steps of a few layers, remembered

Exit code 1 when it does not fit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.errors import EXIT_NO, FtuiError

if TYPE_CHECKING:
    from ftui.core.fit.report import Calibration
    from ftui.services.fit_predict import FitAnswer
    from ftui.services.fit_target import Target
    from ftui.services.model_config import FoundModel

ON_OFF = {"on": True, "off": False}


def configure(parser: argparse.ArgumentParser) -> None:
    # Written out, so that --help needs no import; a test compares them with FitRequest's.
    parser.add_argument("model", nargs="?", metavar="MODEL", help="catalogue id, hub id, folder or config.json")
    recipe = parser.add_argument_group("recipe (what is not given is recommended)")
    recipe.add_argument("--method", choices=("full", "lora", "qlora"))
    recipe.add_argument("--task", choices=("sft", "dpo", "kto", "reward", "grpo", "rloo"))
    recipe.add_argument("--seq-len", type=int, metavar="N", help="tokens of the longest row (default 2048)")
    recipe.add_argument("--micro-batch", type=int, metavar="N", help="rows per GPU and forward pass")
    recipe.add_argument("--grad-checkpointing", choices=tuple(ON_OFF))
    recipe.add_argument(
        "--optimizer", choices=("adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit", "adafactor")
    )
    recipe.add_argument("--precision", choices=("bf16", "bf16-mixed", "fp16", "fp16-mixed", "fp32"))
    recipe.add_argument("--quant", choices=("nf4", "nf4-dq", "int8", "gptq", "none"))
    recipe.add_argument(
        "--loss",
        choices=("full", "inplace", "chunked", "fused"),
        help="full and inplace (a Triton cross-entropy over whole logits) are other programs': ftui never holds them",
    )
    recipe.add_argument(
        "--accumulation", type=int, metavar="N", dest="accumulates", help="micro-batches per optimizer step"
    )
    recipe.add_argument("--attention", choices=("sdpa", "flash", "eager"))
    recipe.add_argument("--lora-rank", type=int, metavar="N")
    recipe.add_argument("--lora-targets", metavar="all-linear|NAME,NAME")
    recipe.add_argument("--modules-to-save", metavar="NAME,NAME", help="trained in full: embed_tokens, lm_head")
    recipe.add_argument("--gpus", type=int, metavar="N", help="GPUs that share the work (default 1)")
    recipe.add_argument("--sharding", choices=("none", "ddp", "fsdp", "zero2", "zero3"))
    recipe.add_argument(
        "--cpu-offload", action="store_true", default=None, help="FSDP and ZeRO keep weights and states in host memory"
    )
    others = parser.add_argument_group("how other programs train (not given: as ftui does)")
    others.add_argument("--kernels", choices=("torch", "liger", "unsloth"), help="of norms, rotary positions and MLPs")
    others.add_argument(
        "--transformers",
        choices=("5", "4.48", "4.45"),
        help="the release whose memory habits count (default: 5, with which ftui trains; 4.48 for a full loss)",
    )
    others.add_argument(
        "--kbit-upcast",
        choices=("none", "norms", "all"),
        help="raised to fp32 beside 4-bit weights: all (peft.prepare_model_for_kbit_training), norms (TRL before 1.0)",
    )
    where = parser.add_argument_group("where")
    where.add_argument("--gpu", metavar="NAME", help='a GPU of the catalogue, say "RTX 4090"')
    where.add_argument("--vram-gib", type=float, metavar="X", help="memory of a GPU of which nothing else is known")
    where.add_argument("--free-gib", type=float, metavar="X", help="of it free (default: what is free, else all)")
    where.add_argument("--probe-file", type=Path, metavar="F", help="a recorded machine (ftui hardware --json)")
    more = parser.add_argument_group("more")
    more.add_argument("--rows", type=int, metavar="N", help="rows of training data: few of them argue for LoRA")
    more.add_argument("--tokens", type=int, metavar="N", help="tokens to train on in all, for time and cost")
    more.add_argument("--price-per-hour", type=float, metavar="P", help="of all GPUs together, in any currency")
    more.add_argument("--dry-run", action="store_true", help="take the training step on tensors without contents")
    more.add_argument("--probe", action="store_true", help="take two real steps of a few layers here, and remember")
    more.add_argument("--offline", action="store_true", help="do not ask the hub")
    more.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    given = requested(args)
    if args.dry_run or args.probe:
        given.setdefault("transformers", "5")  # what they run is what is installed
    target = _target(args, given)
    if args.model is None:
        from ftui.commands.fit_list import list_fitting

        return list_fitting(target, given, as_json=args.json)
    from ftui.services.fit_predict import answer_fit
    from ftui.services.model_config import find_model

    found = find_model(args.model, online=False if args.offline else None, guess=True)
    calibration = _calibration(target)
    answer = answer_fit(found.shape, target, given, rows=args.rows, calibration=calibration)
    extra: dict[str, Any] = {}
    if args.dry_run:
        answer = _dry_run(found, answer, extra)
    if args.probe:
        answer = _probe(found, answer, extra)
    if args.json:
        import json

        from ftui.commands.fit_json import document

        print(json.dumps({**document(found, answer, args.tokens, args.price_per_hour), **extra}, indent=1))
    else:
        from ftui.commands.fit_page import page

        print("\n".join(page(found, answer, args.tokens, args.price_per_hour, extra)))
    return EXIT_NO if answer.verdict.answer == "no" else 0


def requested(args: argparse.Namespace) -> dict[str, Any]:
    """The fields of FitRequest that the user named. Raises FtuiError for numbers that cannot be."""
    plain = ("method", "task", "seq_len", "micro_batch", "optimizer", "precision", "quant", "loss", "attention")
    names = (
        *plain,
        "lora_rank",
        "gpus",
        "sharding",
        "transformers",
        "kernels",
        "accumulates",
        "kbit_upcast",
        "cpu_offload",
    )
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    for name in ("seq_len", "micro_batch", "lora_rank", "gpus", "accumulates"):
        if name in given and given[name] < 1:
            flag = {"accumulates": "accumulation"}.get(name, name.replace("_", "-"))
            raise FtuiError(f"--{flag} {given[name]} is not possible", "it is a whole number from 1 up")
    if "accumulates" in given:
        given["accumulates"] = given["accumulates"] > 1
    for name in ("rows", "tokens", "price_per_hour"):
        value = getattr(args, name)
        if value is not None and value <= 0:
            raise FtuiError(f"--{name.replace('_', '-')} {value} is not possible", "it is a number above 0")
    if args.grad_checkpointing is not None:
        given["grad_checkpointing"] = ON_OFF[args.grad_checkpointing]
    for name in ("lora_targets", "modules_to_save"):
        if getattr(args, name) is not None:
            given[name] = tuple(part.strip() for part in getattr(args, name).split(",") if part.strip())
    if given.get("gpus", 1) > 1 and given.get("sharding", "none") == "none":
        given["sharding"] = "fsdp"
    if given.get("method") == "full" and given.get("quant", "none") != "none":
        raise FtuiError(
            "Full fine-tuning cannot train quantised weights", "--method full --quant", "Use --method qlora."
        )
    return given


def _target(args: argparse.Namespace, given: Mapping[str, Any]) -> Target:
    from dataclasses import replace

    from ftui.services.fit_target import GIB, machine_target, named_target

    if args.gpu is not None or args.vram_gib is not None:
        target = named_target(args.gpu, args.vram_gib)
    else:
        target = machine_target(args.probe_file, given.get("gpus", 1))
    if args.free_gib is None:
        return target
    if not 0 < args.free_gib * GIB <= target.gpu.total_bytes:
        raise FtuiError(
            f"--free-gib {args.free_gib:g} is not possible", f"{target.gpu.name} has less, or it is not above 0"
        )
    return replace(target, free_bytes=int(args.free_gib * GIB))


def _calibration(target: Target) -> Calibration | None:
    """What earlier runs and probes measured on this kind of GPU with the installed libraries."""
    from ftui.services.paths import home

    if target.is_cpu or not (home() / "fit-measurements.jsonl").exists():
        return None
    from ftui.services.environment import versions
    from ftui.services.fit_memory import calibration_for

    return calibration_for(target.gpu.name, versions())


def _dry_run(found: FoundModel, answer: FitAnswer, extra: dict[str, Any]) -> FitAnswer:
    from ftui.services.fit_predict import with_dry_run
    from ftui.services.fit_worker import run_worker

    print("Taking the training step on tensors without contents ...", file=sys.stderr)
    result = run_worker("dry_run", found.config, answer.request, answer.target.gpu.compute_capability)
    closed, better = answer.memory.allocated_bytes, with_dry_run(answer, result)
    booked = better.memory.allocated_bytes
    found_out = {"allocated_bytes": booked, "closed_form_bytes": closed, "difference": closed / booked - 1}
    extra["dry_run"] = {**result, **found_out}
    return better


def _probe(found: FoundModel, answer: FitAnswer, extra: dict[str, Any]) -> FitAnswer:
    """Two real steps here. On a GPU they are remembered; on the CPU they only answer."""
    from ftui.services.fit_predict import with_probe
    from ftui.services.fit_worker import TIMEOUT_SECONDS, run_worker

    if answer.target.origin not in ("machine", "cpu"):
        raise FtuiError(
            "A probe runs on this machine", "--probe with a GPU that is not here", "Leave --gpu or --probe out."
        )
    slow = f" on the CPU, for {TIMEOUT_SECONDS // 60} minutes at most" if answer.target.is_cpu else ""
    print(f"Training a few layers with random weights{slow} ...", file=sys.stderr)
    result = run_worker("probe", found.config, answer.request)
    extra["probe"] = {**result, "remembered": False}
    if result["device"] != "cpu":
        from ftui.services.fit_memory import remember_measured_peak

        extra["probe"]["remembered"] = remember_measured_peak(
            answer.target.gpu.name,
            result["versions"],
            answer.memory.allocated_bytes,
            result["device_bytes"],
            measured_allocated_bytes=result["allocated_bytes"],
            context_bytes=result["context_bytes"] or None,
            tokens_per_second=result["tokens_per_second"],
            predicted_tokens_per_second=answer.speed.tokens_per_second if answer.speed else None,
            kind="probe",
            source=f"{found.id}, {answer.request.method}",
        )
    return with_probe(answer, result)

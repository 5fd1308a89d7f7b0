"""Take the tuned model out, in the form that its user needs, checked against the model that was trained.

  ftui export RUN --to adapter            the LoRA adapter, with tokenizer, chat template and model card
  ftui export RUN --to merged             base and adapter in one, also after QLoRA; in 16 bit, or in fp32 where the
                                          model was trained so and is small
  ftui export RUN --to gguf --quantize q8_0
                                          for llama.cpp; q4_k_m where llama.cpp's own quantizer is on the PATH
  ftui export RUN --to ollama             GGUF and a Modelfile with the template of the training; created where
                                          ollama is installed
  ftui export RUN --to vllm               serve scripts, configuration, an A/B split between base and tuned
  ftui export RUN --to hub --repo ME/NAME upload (private unless --public), after showing what goes
  ftui export RUN --adapter NAME --to merged
                                          with a merged adapter in place of the run's own (ftui adapters)

Every export ends with a check report: the same held-out prompts, the same greedy text. One that fails the check is
named .failed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ftui.commands.phases import teller
from ftui.core.text import clip, gib, safe
from ftui.errors import EXIT_NO, EXIT_OK, FtuiError
from ftui.services.runs import Run


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--to", required=True, choices=["adapter", "merged", "gguf", "ollama", "vllm", "hub"])
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: export/FORMAT in the run's folder")
    parser.add_argument(
        "--dtype",
        choices=["auto", "bf16", "fp16", "fp32"],
        default="auto",
        help="of merged weights (auto: 16 bit; fp32 if small and trained so)",
    )
    parser.add_argument(
        "--quantize", "--quant", dest="quant", default="auto",
        choices=["auto", "f32", "f16", "bf16", "q8_0", "q4_k_m"], help="of a GGUF file (auto: f16, f32 if small)",
    )  # fmt: skip
    parser.add_argument("--adapter", metavar="ADAPTER", help="a merged adapter, a run or a folder")
    parser.add_argument("--prompts", type=int, default=32, metavar="N", help="held-out prompts that the check compares")
    parser.add_argument("--overwrite", action="store_true", help="replace an export (or hub repository) that is there")
    parser.add_argument("--repo", metavar="OWNER/NAME", help="hub repository")
    parser.add_argument("--public", action="store_true", help="make the hub repository public")
    parser.add_argument("--yes", action="store_true", help="upload without asking")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Export; 1 where the check fails."""
    from ftui.core.card import check_lines
    from ftui.services.adapters import adapter_folder
    from ftui.services.deliver import deliver, delivered_bytes
    from ftui.services.launch import require_training_stack
    from ftui.services.runs import find_run

    exported = find_run(args.run)
    if args.prompts < 1:
        raise FtuiError("Wrong number of prompts", f"--prompts {args.prompts}; the check needs at least one")
    if args.to == "hub":
        return _upload(exported, args)
    require_training_stack()
    options = {"dtype": args.dtype, "quant": args.quant, "prompts": args.prompts}
    if args.adapter:
        options["adapter"] = str(adapter_folder(args.adapter)[1])
    done = deliver(exported, args.to, args.out, options, teller(), overwrite=args.overwrite)
    if args.json:
        whole = {"format": done.format, "path": str(done.path), "passed": done.passed, "check": done.check}
        print(json.dumps({**whole, "next": list(done.next_steps)}, indent=2))
        return EXIT_OK if done.passed else EXIT_NO
    print(f"{'Exported' if done.passed else 'FAILED the check:'} {safe(str(done.path))} ({gib(delivered_bytes(done))})")
    for line in [*check_lines(done.check), *done.check["notes"]]:
        print(f"  {clip(line, 150)}")
    for changed in done.check.get("differences", [])[:2] if not done.passed else ():
        print(f"  wanted {clip(changed['wanted'], 100)}\n  got    {clip(changed['got'], 100)}")
    for step in done.next_steps if done.passed else ():
        print(f"  next: {safe(step)}")
    return EXIT_OK if done.passed else EXIT_NO


def _upload(exported: Run, args: argparse.Namespace) -> int:
    """Show what goes, ask, and send it."""
    from ftui.services.hub_upload import planned_upload, send

    upload = planned_upload(exported, args.repo, public=args.public, folder=args.out)
    talk = sys.stderr if args.json else sys.stdout
    seen = "PUBLIC" if upload.public else "private"
    print(f"To {safe(upload.repo)} ({seen}), from {safe(str(upload.folder))}, {gib(upload.size_bytes)}:", file=talk)
    for name, size in upload.files:
        print(f"  {safe(name)}  {gib(size)}", file=talk)
    if not args.yes:
        if not sys.stdin.isatty():
            raise FtuiError("Not sure enough", "nothing is uploaded without a word", "Say so with --yes.")
        if input("Upload? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was uploaded.", file=talk)
            return EXIT_NO
    url = send(upload, into_existing=args.overwrite)
    print(json.dumps({"repo": upload.repo, "url": url}) if args.json else f"Uploaded: {safe(url)}")
    return EXIT_OK

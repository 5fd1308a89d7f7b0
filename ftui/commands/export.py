"""Take the tuned model out, in the form that its user needs, checked against the model that was trained.

  ftui export RUN --to adapter            the LoRA adapter, with tokenizer, chat template and model card
  ftui export RUN --to merged             base and adapter in one, 16 bit, also after QLoRA
  ftui export RUN --to gguf --quant q8_0  for llama.cpp
  ftui export RUN --to ollama             GGUF and a Modelfile with the template of the training
  ftui export RUN --to vllm               serve script, configuration, an A/B split
  ftui export RUN --to hub --repo ME/NAME upload (private unless --public), after showing what goes

Every export ends with a check report: the same held-out prompts, the same greedy text. One that fails the check is
named .failed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ftui.core.events import Event, Phase
from ftui.core.text import clip, gib, safe
from ftui.errors import EXIT_NO, EXIT_OK, FtuiError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--to", required=True, choices=["adapter", "merged", "gguf", "ollama", "vllm", "hub"])
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: export/FORMAT in the run's folder")
    parser.add_argument("--dtype", choices=["auto", "bf16", "fp16", "fp32"], default="auto", help="of merged weights")
    parser.add_argument("--quant", choices=["f32", "f16", "bf16", "q8_0"], default="f16", help="of a GGUF file")
    parser.add_argument("--prompts", type=int, default=32, metavar="N", help="held-out prompts that the check compares")
    parser.add_argument("--overwrite", action="store_true", help="replace an export that is there")
    parser.add_argument("--repo", metavar="OWNER/NAME", help="hub repository")
    parser.add_argument("--public", action="store_true", help="make the hub repository public")
    parser.add_argument("--yes", action="store_true", help="upload without asking")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Export; 1 where the check fails."""
    from ftui.services.deliver import deliver, delivered_bytes
    from ftui.services.launch import require_training_stack
    from ftui.services.runs import find_run

    require_training_stack()
    exported = find_run(args.run)
    if args.prompts < 1:
        raise FtuiError("Wrong number of prompts", f"--prompts {args.prompts}; the check needs at least one")
    if args.to == "hub":
        from ftui.services.hub_upload import upload

        return upload(exported, args.repo, public=args.public, sure=args.yes, as_json=args.json)
    options = {"dtype": args.dtype, "quant": args.quant, "prompts": args.prompts}
    done = deliver(exported, args.to, args.out, options, _say, overwrite=args.overwrite)
    check = done.check
    if args.json:
        whole = {"format": done.format, "path": str(done.path), "passed": done.passed, "check": check}
        print(json.dumps(whole, indent=2))
        return EXIT_OK if done.passed else EXIT_NO
    print(f"{'Exported' if done.passed else 'FAILED the check:'} {safe(str(done.path))} ({gib(delivered_bytes(done))})")
    print(
        f"  same greedy text on {check['same_text']:.1%} of {check['compared']} held-out prompts"
        f" (at least {check['threshold']:.0%}), largest logit difference {check['largest_logit_difference']:.3g}"
        if check["compared"]
        else "  nothing could be compared: the run has no held-out prompts"
    )
    for note in check["notes"]:
        print(f"  {clip(note, 150)}")
    for step in done.next_steps if done.passed else ():
        print(f"  next: {safe(step)}")
    return EXIT_OK if done.passed else EXIT_NO


def _say(event: Event) -> None:
    if isinstance(event, Phase):
        print(f"… {safe(event.name)}: {clip(event.detail, 100)}", file=sys.stderr, flush=True)

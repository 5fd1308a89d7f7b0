"""Several adapters of one base: list them, put them together, try the result.

  ftui adapters                              all of this machine: of runs, and merged ones
  ftui adapters merge RUN OTHER              stack them: the sum of what both changed
  ftui adapters merge RUN OTHER --weights 0.7 0.3
  ftui adapters merge RUN OTHER --method ties --density 0.5
  ftui chat RUN --with NAME                  base, the run's adapter and another one, side by side

linear is the weighted sum, exact, and its rank is the sum of the ranks. ties, dare_linear and dare_ties keep only a
share of each change (--density), so that the changes disturb each other less. The result is checked on each part's own
held-out rows: how much of its gain over the base is left. One that does worse than the base is named .failed (exit 1).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from ftui.commands.phases import teller
from ftui.core.text import clip, gib, safe
from ftui.errors import EXIT_NO, EXIT_OK


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action")
    listing = actions.add_parser("list", help="all adapters of this machine")
    merging = actions.add_parser("merge", help="several adapters become one")
    merging.add_argument("run", metavar="RUN", help="its base, tokenizer and chat template are taken")
    merging.add_argument("others", nargs="+", metavar="ADAPTER", help="runs, merged adapters, or folders")
    merging.add_argument("--weights", type=float, nargs="+", default=[], metavar="W", help="one each, RUN's first")
    merging.add_argument("--method", choices=["linear", "ties", "dare_linear", "dare_ties"], default="linear")
    merging.add_argument("--density", type=float, default=0.5, metavar="SHARE", help="of each change that is kept")
    merging.add_argument("--rank", type=int, metavar="R", help="of the result, but for linear (default: their sum)")
    merging.add_argument("--out", type=Path, metavar="FOLDER")
    for one in (parser, listing, merging):
        one.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """List, or merge; 1 where a merged adapter fails its check."""
    return _merge(args) if args.action == "merge" else _list(args)


def _list(args: argparse.Namespace) -> int:
    from ftui.services.adapters import list_adapters

    found = list_adapters()
    if args.json:
        print(json.dumps([asdict(adapter) for adapter in found], indent=2))
        return EXIT_OK
    if not found:
        print("No adapters yet. A run with LoRA makes one: ftui demo")
    wide = min(120, max((len(safe(a.name)) for a in found), default=0))  # whole: a name must be typed to be used
    for a in found:
        print(
            f"{clip(a.name, 120):<{wide}} rank {a.rank:<4} {gib(a.size_bytes):>10}  {a.verdict:<12} {clip(a.base, 60)}"
        )
    return EXIT_OK


def _merge(args: argparse.Namespace) -> int:
    from ftui.services.adapters import merge_adapters
    from ftui.services.runs import find_run

    done = merge_adapters(
        find_run(args.run),
        args.others,
        weights=args.weights,
        method=args.method,
        density=args.density,
        rank=args.rank,
        out=args.out,
        hear=teller(),
    )
    if args.json:
        print(json.dumps({"path": str(done.path), "passed": done.passed, "check": done.check}, indent=2))
        return EXIT_OK if done.passed else EXIT_NO
    print(f"{'Merged' if done.passed else 'FAILED the check:'} {safe(str(done.path))}")
    for part in done.check.get("parts", []):
        if part["loss_merged"] is None:
            print(f"  {clip(part['name'], 40)}: no held-out rows to check it on")
            continue
        kept = f", {part['kept']:.0%} of its gain is left" if part["kept"] is not None else ""
        losses = f"base {part['loss_base']:.3f}, alone {part['loss_own']:.3f}, merged {part['loss_merged']:.3f}"
        print(f"  {clip(part['name'], 40)}: loss on its {part['rows']} rows: {losses}{kept}")
    if done.passed:
        print(f"  next: ftui chat {safe(args.run)} --with {safe(str(done.path))}")
        print(f"        ftui export {safe(args.run)} --adapter {safe(str(done.path))} --to merged")
    return EXIT_OK if done.passed else EXIT_NO

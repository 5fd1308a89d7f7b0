"""The models that ftui knows: a catalogue with exact parameter counts, and what is already on this machine.

ftui models                     what is here, then the catalogue
ftui models --search "qwen3 8"  only ids with these words
ftui models --local             only what is on this machine
ftui models Qwen/Qwen2.5-7B     all about one model: catalogue id, hub id, folder or config.json
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from ftui.core.text import clip, gib, safe
from ftui.errors import EXIT_NO
from ftui.services.fit_words import parameter_words


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID", help="one model: catalogue id, hub id, folder, config.json")
    parser.add_argument("--search", metavar="WORDS", default="", help="only ids that have all these words in them")
    parser.add_argument("--local", action="store_true", help="only what is on this machine")
    parser.add_argument("--offline", action="store_true", help="do not ask the hub (also: HF_HUB_OFFLINE=1)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    if args.id:
        return _one(args)
    from ftui.services.model_list import local_models, matching

    here = [model for model in local_models() if all(word in model.id.lower() for word in args.search.lower().split())]
    cards = [] if args.local else matching(args.search)
    if args.json:
        document = {
            "local": [
                {"id": m.id, "folder": str(m.folder), "state": m.state, "weights_bytes": m.weights_bytes} for m in here
            ],
            "catalogue": [
                {
                    "id": card.id,
                    "variant": card.variant,
                    "params_total": card.params_total,
                    "params_active": card.params_active,
                    "context_tokens": card.max_positions,
                    "license": card.license,
                    "gated": card.gated,
                    "system_role": card.system_role,
                }
                for card in cards
            ],
        }
        print(json.dumps(document, indent=1))
        return 0 if here or cards else EXIT_NO
    if here:
        print("On this machine:")
        for model in here:
            words = {"complete": gib(model.weights_bytes), "none": "config only", "unsafe": "pickles only"}
            print(f"  {clip(model.id, 48):<48}  {words.get(model.state, 'incomplete download')}")
        print()
    if cards:
        print(f"{'Catalogue':<50} {'params':>8} {'active':>8} {'context':>9}  licence")
        for card in cards:
            active = parameter_words(card.params_active) if card.params_active != card.params_total else ""
            context = f"{card.max_positions:,}" if card.max_positions else "?"
            terms = f"{card.license or '?'}{', gated' if card.gated else ''}"
            print(f"  {card.id:<48} {parameter_words(card.params_total):>8} {active:>8} {context:>9}  {terms}")
    if not here and not cards:
        print("No model has these words in its id. Any hub id, folder or config.json works all the same.")
        return EXIT_NO
    return 0


def _one(args: argparse.Namespace) -> int:
    from ftui.services.model_config import find_model
    from ftui.services.model_list import describe

    facts = describe(find_model(args.id, online=False if args.offline else None))
    if args.json:
        print(json.dumps(facts, indent=1))
    else:
        print("\n".join(page(facts)))
    return 0


def page(facts: dict[str, Any]) -> list[str]:
    """All about one model, line by line."""
    active = facts["params_active"]
    sparse = f", {parameter_words(active)} active per token" if active != facts["params_total"] else ""
    sizes = f"{facts['layers']} layers, hidden {facts['hidden_size']:,}, vocabulary {facts['vocab_size']:,}"
    lines = [
        safe(facts["id"]),
        f"  from       {safe(facts['source'])}: {clip(facts['where'], 90)}",
        f"  size       {facts['params_total']:,} parameters ({parameter_words(facts['params_total'])}{sparse})",
        f"  shape      {safe(facts['model_type'])}, {sizes}{', tied' if facts['tied_embeddings'] else ''}",
        f"  context    {_tokens(facts['context_tokens'])}",
        f"  licence    {safe(facts['license'] or 'not known')}{', gated' if facts['gated'] else ''}",
        f"  weights    {_weights(facts['weights'])}",
        f"  template   {_template(facts['template'])}",
    ]
    check = facts["checked_against"]
    if check:
        same = check["params"] == facts["params_total"]
        verdict = "the same count" if same else f"{check['params']:,} parameters"
        lines.append(f"  checked    {check['source']}: {verdict}")
    for key, word in (("base_id", "base"), ("instruct_id", "instruct")):
        if facts[key] and facts[key] != facts["id"]:
            lines.append(f"  {word:<10} {facts[key]}")
    lines += [f"  assumed    {safe(item)}" for item in facts["assumed"]]
    lines += [f"  note       {safe(item)}" for item in facts["notes"]]
    lines += ["", f"Will it fit? ftui fit {safe(facts['id'])}"]
    return lines


def _weights(weights: dict[str, Any]) -> str:
    states = {
        "none": "not on this machine",
        "unsafe": "pickles only, which ftui does not load",
        "partial": "incomplete",
    }
    if weights["state"] == "complete":
        return f"{gib(weights['bytes'])} in {clip(weights['folder'], 80)}"
    return states[weights["state"]]


def _template(template: dict[str, Any]) -> str:
    parts = []
    if template.get("known"):
        parts.append("a chat template" if template["present"] else "none: a base model")
        parts += [word for word in ("tools", "thinking") if template[word]]
        if template["present"] and not template["generation_markers"]:
            parts.append("no generation markers")
    if template["system_role"]:
        parts.append(f"system role: {template['system_role'].replace('_', ' ')}")
    return ", ".join(parts) or "not known until the tokenizer is here"


def _tokens(count: int | None) -> str:
    return f"{count:,} tokens" if count else "no limit named in the config"

"""`python -m ftui.trainer.chat RUN_DIR`: base and tuned answer the same prompts, word by word.

stdin: one JSON line per question, {"messages": [...], "max_new_tokens": 200}. stdout: one JSON line per piece,
{"model": "base"|"tuned", "text": "..."}; {"model": ..., "end": true, "tokens": n} after an answer; {"ready": true} at
the start; {"error": "..."} where a question cannot be asked.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def say(record: dict[str, Any]) -> None:
    """One line on stdout, at once."""
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Answer until stdin ends."""
    from ftui.trainer import finished
    from ftui.trainer.failure import as_failed

    run_dir = Path(arguments[0])
    try:
        plan = finished.read_run(run_dir)
        tokenizer = finished.tokenizer_of(run_dir, plan)
        tuned = finished.load_tuned(run_dir, plan)
        # An adapter is switched off for the base's answers; a whole tuned model needs the base beside it.
        base = None if hasattr(tuned, "disable_adapter") else finished.load_base(run_dir, plan)
    except Exception as error:  # whatever a model or a library raises: the caller gets one sentence
        failed = as_failed(error)
        say({"error": f"{failed.title}: {failed.message}", "fatal": True})
        return 1
    say({"ready": True})
    for line in sys.stdin:
        try:
            asked = json.loads(line)
            _answer(tuned if base is None else base, tokenizer, asked, "base", switch_off=base is None)
            _answer(tuned, tokenizer, asked, "tuned", switch_off=False)
        except Exception as error:
            say({"error": as_failed(error).message or str(error)})
    return 0


def _answer(model: Any, tokenizer: Any, asked: dict[str, Any], name: str, *, switch_off: bool) -> None:
    import torch

    from ftui.core.render import Options, end_of_turn, render_prompt
    from ftui.trainer.dialect import dialect_of
    from ftui.trainer.generate import stop_ids

    dialect = dialect_of(tokenizer)
    ids = render_prompt(dialect, asked["messages"], None, Options()).ids
    stops = stop_ids(model, tokenizer, end_of_turn(dialect))
    count = 0
    with model.disable_adapter() if switch_off else contextlib.nullcontext(), torch.inference_mode():
        for piece in _pieces(model, tokenizer, list(ids), stops, int(asked.get("max_new_tokens", 200))):
            count += 1
            if piece:
                say({"model": name, "text": piece})
    say({"model": name, "end": True, "tokens": count})


def _pieces(model: Any, tokenizer: Any, ids: list[int], stops: list[int], limit: int) -> Iterator[str]:
    """Greedy text, piece by piece; a piece waits until its bytes are whole characters."""
    import torch

    device = next(model.parameters()).device
    cache, current, made, shown = None, torch.tensor([ids], device=device), list[int](), ""
    for _ in range(limit):
        output = model(input_ids=current, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        token = int(output.logits[0, -1].argmax())
        if token in stops:
            return
        made.append(token)
        text = tokenizer.decode(made, skip_special_tokens=True)
        if not text.endswith("\ufffd"):
            yield text[len(shown) :]
            shown = text
        current = torch.tensor([[token]], device=device)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

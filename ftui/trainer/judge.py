"""`python -m ftui.trainer.judge RUN_DIR REQUEST.json`: a model on this machine judges pairs of answers.

REQUEST: {"model": folder, "asked": [{"key", "messages"}], "out": file}. Each criterion is asked for in turn; the model
does not write, its probabilities of the digits 1 to 5 are read off, and their mean is the score (Liu et al. 2023,
G-Eval). So there is no reply that cannot be read. Leaves {key: {criterion: score}}. Speaks in events on stdout.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftui.core.events import Phase
from ftui.core.judge import FORM
from ftui.core.rating import CRITERIA
from ftui.errors import FtuiError
from ftui.trainer.request import emit, serve


def judge(run_dir: Path, request: Mapping[str, Any]) -> None:
    """Give each asked pair its scores, and write them to request["out"]. Raises FtuiError."""
    emit(Phase("importing", "torch, transformers"))
    import torch
    from transformers import AutoModelForCausalLM

    from ftui.core.render import Options, render_prompt
    from ftui.trainer import finished
    from ftui.trainer.dialect import dialect_of, load_tokenizer
    from ftui.trainer.job import write_json

    folder = str(request["model"])
    emit(Phase("loading", f"the judge, {Path(folder).name}"))
    tokenizer = load_tokenizer(folder, finished.without_template(finished.read_run(run_dir)))
    on_gpu = torch.cuda.is_available()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype="auto" if on_gpu else torch.float32,
            use_safetensors=True,
            device_map={"": 0} if on_gpu else None,
        ).eval()
    except (OSError, ValueError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FtuiError("The judge cannot be loaded", f"{folder}: {words}") from None
    dialect = dialect_of(tokenizer)
    digits = [tokenizer(str(number), add_special_tokens=False).input_ids[-1] for number in range(1, 6)]
    window = int(getattr(model.config, "max_position_embeddings", 0) or 1 << 30)
    scores: dict[str, dict[str, float]] = {}
    asked = request["asked"]
    for place, one in enumerate(asked):
        system, pair = one["messages"]
        found = {}
        for criterion in CRITERIA:
            words = system["content"].replace(FORM, f"Judge {criterion.name} only. Reply with the number alone.")
            messages = [{**system, "content": words}, pair]
            ids = list(render_prompt(dialect, messages, None, Options(max_length=window)).ids)
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([ids], device=model.device), logits_to_keep=1).logits[0, -1]
            chance = logits[digits].float().softmax(-1)
            found[criterion.name] = float(sum((place + 1) * float(p) for place, p in enumerate(chance)))
        scores[one["key"]] = found
        emit(Phase("judging", f"{place + 1} of {len(asked)} questions", (place + 1) / len(asked)))
    write_json(Path(request["out"]), scores)


if __name__ == "__main__":
    sys.exit(serve(judge, sys.argv[1:]))

"""How fast held-out prompts are answered: batched and sorted by length, against one prompt at a time; same text.

    python tests/benchmarks/evaluate.py                         the tiny model of sample_data
    python tests/benchmarks/evaluate.py --model FOLDER --rows 24 --batch 8 16 32

One model, one process, the same prompts; each way is run after a warm-up, and the figures of one call belong together.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = Path(__file__).parents[2]


def main() -> int:
    """Measure and print; 1 where a batch says something else or is not three times as fast."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "sample_data" / "tiny-model")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16, 32])
    parser.add_argument("--max-new-tokens", type=int, default=96)
    args = parser.parse_args()
    import torch
    from transformers import AutoModelForCausalLM

    from ftui.core.plan import from_mapping
    from ftui.core.render import end_of_turn
    from ftui.trainer.dialect import dialect_of, load_tokenizer
    from ftui.trainer.generate import generate, stop_ids
    from ftui.trainer.score_rows import prompt_ids, questions

    plan = from_mapping({"model": {"id": str(args.model)}, "data": {"max_length_tokens": 1024}})
    tokenizer = load_tokenizer(str(args.model), plan)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    if torch.cuda.is_available():
        model = model.to("cuda")
    dialect = dialect_of(tokenizer)
    rows = [json.loads(line) for line in (ROOT / "sample_data" / "tickets" / "eval.jsonl").read_text().splitlines()]
    prompts = [prompt_ids(dialect, pair, plan) for pair in questions(rows, args.rows)]
    print(f"{args.model.name}: {len(prompts)} prompts of {min(map(len, prompts))} to {max(map(len, prompts))} tokens,")
    print(f"{torch.get_num_threads()} threads, {model.device}, at most {args.max_new_tokens} tokens an answer\n")

    def answers(batch: int, count: int) -> tuple[list[str], float, int]:
        made = generate(
            model,
            prompts[:count],
            stops=stop_ids(model, tokenizer, end_of_turn(dialect)),
            pad_id=tokenizer.pad_token_id,
            decode=lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True)),
            max_new_tokens=args.max_new_tokens,
            batch=batch,
        )
        return [answer.text for answer in made.answers], made.seconds, sum(answer.tokens for answer in made.answers)

    answers(1, 2)
    texts, alone, tokens = answers(1, len(prompts))
    print(f"{'batch':>6}{'seconds':>9}{'prompts/s':>11}{'tokens/s':>10}{'ratio':>7}  same text")
    print(f"{1:>6}{alone:>9.1f}{len(prompts) / alone:>11.2f}{tokens / alone:>10.0f}{1:>7.1f}")
    best, equal = 1.0, True
    for batch in [size for size in args.batch if size > 1]:
        got, seconds, tokens = answers(batch, len(prompts))
        same = sum(one == other for one, other in zip(texts, got, strict=True))
        ratio = alone / seconds
        best, equal = max(best, ratio), equal and same == len(texts)
        rate = f"{len(prompts) / seconds:>11.2f}{tokens / seconds:>10.0f}{ratio:>7.1f}"
        print(f"{batch:>6}{seconds:>9.1f}{rate}  {same} of {len(texts)}")
    return 0 if best >= 3 and equal else 1


if __name__ == "__main__":
    sys.exit(main())

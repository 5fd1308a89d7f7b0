"""Does llama.cpp itself say what the tuned model said? A run's GGUF export against its answers to held-out prompts.

    pip install xllamacpp && python tests/benchmarks/llama_cpp.py RUN_FOLDER
    python tests/benchmarks/llama_cpp.py RUN_FOLDER --gguf FILE

llama.cpp reads the file, writes the prompt with the chat template in it, cuts it into tokens with the vocabulary in it,
and answers greedily: none of it is ftui's code. Compared with eval/samples.jsonl, character by character. Exit code 1
below 98 %.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

WANTED = 0.98


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--gguf", type=Path, help="default: the one in the run's export/gguf")
    parser.add_argument("--max-tokens", type=int, default=160)
    options = parser.parse_args()
    file = options.gguf or next((options.run / "export" / "gguf").glob("*.gguf"))
    rows = [json.loads(line)["messages"] for line in (options.run / "data" / "eval.jsonl").open(encoding="utf-8")]
    samples = [json.loads(line) for line in (options.run / "eval" / "samples.jsonl").open(encoding="utf-8")]
    server = start(file)
    same = 0
    for sample in samples:
        asked = rows[sample["id"]][:-1]
        got = answer(server, asked, options.max_tokens)
        same += got.strip() == sample["tuned"].strip()
        if got.strip() != sample["tuned"].strip():
            print(f"wanted {sample['tuned'][:150]!r}\ngot    {got[:150]!r}")
    print(f"{file.name} in llama.cpp: {same} of {len(samples)} held-out prompts gave the tuned model's text")
    return 0 if same >= WANTED * len(samples) else 1


def start(file: Path) -> Any:
    """llama.cpp's server in this process, without a port."""
    try:
        import xllamacpp
    except ImportError:
        raise SystemExit("It needs llama.cpp: pip install xllamacpp") from None
    settings = xllamacpp.CommonParams()
    settings.model.path = str(file)
    settings.n_ctx, settings.n_parallel, settings.warmup, settings.use_jinja = 2048, 1, False, True
    return xllamacpp.Server(settings)


def answer(server: Any, messages: list[dict[str, Any]], max_tokens: int) -> str:
    request = {"messages": messages, "max_tokens": max_tokens, "temperature": 0.0, "top_k": 1, "cache_prompt": False}
    made = server.handle_chat_completions(request)
    made = json.loads(made) if isinstance(made, str | bytes) else made
    return str(made["choices"][0]["message"]["content"])


if __name__ == "__main__":
    sys.exit(main())

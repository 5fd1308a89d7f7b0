"""What the plain commands would answer, for the wizard's tests: real shapes, fixed values, no child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ftui.core.plan import Plan, to_mapping, with_values

NULLED = '{"role": "assistant", "content": null}'

CHECK: dict[str, Any] = {
    "schema_version": 1, "path": "/data/tickets.jsonl", "format": "chat", "rows": 400, "unreadable": 0,
    "bytes": 182_331, "sha256": "0" * 64, "parts": 1, "readable": True,
    "cost": {"duplicate_share": 0.031, "useless_rows": 2, "leaked_eval_rows": 0},
    "groups": [
        {
            "code": "SCH212", "name": "null-content", "severity": "error", "summary": "The content is null.",
            "explanation": "A message without text teaches nothing: the trainer sees an empty answer.",
            "count": 2, "fixable": 2, "fix": {"safety": "unsafe", "description": "drop the row"}, "rows": [3, 90],
            "findings": [
                {"code": "SCH212", "severity": "error", "row": 3, "line": 4, "pointer": "/messages/1/content",
                 "message": "the content is null", "excerpt": NULLED, "mark": [33, 4]},
                {"code": "SCH212", "severity": "error", "row": 90, "line": 91, "pointer": "/messages/1/content",
                 "message": "the content is null", "excerpt": NULLED, "mark": [33, 4]},
            ],
            "examples": [{"row": 3, "line": 4, "dropped": True, "places": [["", NULLED, ""]]}],
        },
        {
            "code": "TXT404", "name": "zero-width", "severity": "warning", "summary": "Invisible characters.",
            "explanation": "Characters that no reader sees are tokens that the model learns to write.",
            "count": 11, "fixable": 11, "fix": {"safety": "safe", "description": "remove them"}, "rows": [17, 18, 19],
            "findings": [
                {"code": "TXT404", "severity": "warning", "row": 17, "line": 18, "pointer": "/messages/0/content",
                 "message": "2 zero-width spaces", "excerpt": "Where\\u{200b} is my parcel?", "mark": [5, 8]},
            ],
            "examples": [{"row": 17, "line": 18, "dropped": False, "places": [
                ["/messages/0/content", "Where\\u{200b} is my parcel?", "Where is my parcel?"]]}],
        },
        {
            "code": "SEC901", "name": "secret", "severity": "warning", "summary": "It looks like an API key.",
            "explanation": "A model repeats what it was trained on.",
            "count": 1, "fixable": 1, "fix": {"safety": "unsafe", "description": "mask it"}, "rows": [44],
            "findings": [
                {"code": "SEC901", "severity": "warning", "row": 44, "line": 45, "pointer": "/messages/0/content",
                 "message": "looks like an API key", "excerpt": "my key is sk-****", "mark": [10, 7]},
            ],
            "examples": [],
        },
        {
            "code": "QUA603", "name": "short-answer", "severity": "info", "summary": "A very short answer.",
            "explanation": "Short answers teach short answers.", "count": 4, "fixable": 0, "fix": None, "rows": [7],
            "findings": [
                {"code": "QUA603", "severity": "info", "row": 7, "line": 8, "pointer": "/messages/1/content",
                 "message": "an answer of 3 characters", "excerpt": "yes"},
            ],
            "examples": [],
        },
    ],
}  # fmt: skip
"""What services.data_check says of a file."""

PREVIEW = {
    "schema_version": 1,
    "tokenizer": "tiny-model",
    "stands_in": True,
    "lengths": [80 + (index * 37) % 300 for index in range(400)] + [1400, 1800],
    "over": 2,
    "untrained": 0,
    "refused": [],
    "rows": [
        {
            "index": 0, "tokens": 96, "trained": 31, "dropped": "", "notes": [],
            "pieces": [
                ["<|user|>", False, True], ["\n", False, False], ["Hello", False, False], [", my", False, False],
                [" parcel", False, False], [" 4417", False, False], [" has not come", False, False],
                ["<|end|>", False, True], ["\n", False, False], ["<|assistant|>", False, True], ["\n", False, False],
                ['{"topic":', True, False], [' "delivery"', True, False], [', "order":', True, False],
                [' "4417"', True, False], [', "urgent": true}', True, False], ["<|end|>", True, True],
                ["\n", False, False],
            ],
        }
    ],
}  # fmt: skip


def plan() -> Plan:
    """A proposed plan with reasons."""
    return with_values(
        Plan(),
        {
            "model.id": "Qwen/Qwen3-0.6B", "data.train": "/data/tickets.jsonl", "data.max_length_tokens": 512,
            "method.technique": "lora", "method.lora_rank": 16, "train.epochs": 3, "train.learning_rate": 2e-4,
            "train.micro_batch": 4, "train.accumulation": 4, "run.name": "tickets",
        },
        {
            "data.max_length_tokens": "the longest of 400 rows has 431 tokens",
            "method.technique": "LoRA fits in 9.2 GiB of 24 GiB; full tuning would need 31 GiB",
            "method.lora_rank": "400 rows of one narrow task: a middling rank holds it",
            "train.learning_rate": "the usual rate for LoRA of rank 16 on models of this size",
            "train.micro_batch": "the largest that fits with 20 % to spare",
            "train.accumulation": "16 rows a step in all",
        },
    )  # fmt: skip


PREDICTION = {
    "schema_version": 1,
    "device": "NVIDIA GeForce RTX 4090",
    "predicted_allocated_bytes": 9 * 2**30,
    "predicted_device_bytes": {"low": 9 * 2**30, "expected": 10 * 2**30, "high": 12 * 2**30},
    "verdict": "fits",
    "reasons": ["10.0 GiB of 22.9 GiB free"],
}

MODELS = {
    "schema_version": 1,
    "device": "NVIDIA GeForce RTX 4090, 22.9 GiB free",
    "seq_len": 1024,
    "models": [
        {"id": "tiny", "title": "the tiny model that ships with ftui", "parameters": 3_400_000, "where": "ships",
         "path": "/opt/ftui/tiny-model", "variant": "instruct", "license": "apache-2.0", "gated": False,
         "verdict": "fits", "method": "lora", "peak_bytes": 2**30, "reason": "1.0 GiB of 22.9 GiB free"},
        {"id": "Qwen/Qwen3-0.6B", "title": "Qwen/Qwen3-0.6B", "parameters": 596_049_920, "where": "cached",
         "path": "/cache/qwen", "variant": "instruct", "license": "apache-2.0", "gated": False,
         "verdict": "fits", "method": "lora", "peak_bytes": 3 * 2**30, "reason": "3.0 GiB of 22.9 GiB free"},
        {"id": "meta-llama/Llama-3.1-8B-Instruct", "title": "meta-llama/Llama-3.1-8B-Instruct",
         "parameters": 8_030_261_248, "where": "hub", "path": "", "variant": "instruct", "license": "llama3.1",
         "gated": True, "verdict": "tight", "method": "qlora", "peak_bytes": 21 * 2**30,
         "reason": "21.0 GiB of 22.9 GiB free"},
        {"id": "meta-llama/Llama-3.1-70B", "title": "meta-llama/Llama-3.1-70B", "parameters": 70_553_706_496,
         "where": "hub", "path": "", "variant": "base", "license": "llama3.1", "gated": True, "verdict": "no",
         "method": "qlora", "peak_bytes": 52 * 2**30, "reason": "52.0 GiB of 22.9 GiB free"},
    ],
}  # fmt: skip


EXPORTED: dict[str, Any] = {
    "format": "gguf", "path": "/runs/x/export/gguf", "passed": True, "next": ["llama-server -m model.gguf"],
    "check": {"same_text": 1.0, "compared": 32, "threshold": 0.98, "notes": ["a note"]},
}  # fmt: skip


async def fake_ask(*arguments: str, module: str = "ftui", **_: Any) -> Any:
    """Answers as `ftui.tui.ask.ask` would."""
    if module == "ftui.services.preview":
        return PREVIEW
    if module == "ftui.services.model_choices":
        return MODELS
    if module == "ftui.services.data_check":
        return CHECK
    if arguments[:2] == ("plan", "new"):
        return to_mapping(plan())
    if arguments[0] == "export":
        return EXPORTED
    if arguments[0] == "train":
        return {"run": "20261122-040000-tickets", "path": str(Path("/nowhere/20261122-040000-tickets"))}
    raise AssertionError(f"no answer for {arguments}")

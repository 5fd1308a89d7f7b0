"""What would make a recipe smaller: single changes, each tried, with what it saves."""

from __future__ import annotations

from dataclasses import replace

from ftui.core.fit.report import MemoryReport
from ftui.core.fit.request import FitRequest
from ftui.core.text import gib


def single_changes(request: FitRequest) -> list[tuple[str, FitRequest]]:
    """Smaller recipes that differ in one thing: what to say, and the recipe."""
    changes: list[tuple[str, FitRequest]] = []

    def add(words: str, **fields: object) -> None:
        changes.append((words, replace(request, **fields)))  # type: ignore[arg-type]

    if request.micro_batch > 1:
        add(f"micro-batch {request.micro_batch // 2}", micro_batch=request.micro_batch // 2)
    if not request.grad_checkpointing:
        add("gradient checkpointing", grad_checkpointing=True)
    if request.loss == "full":
        add("chunked loss", loss="chunked", logits_held=False)
    if request.attention == "eager":
        add("sdpa attention", attention="sdpa")
    if request.method == "full":
        if request.optimizer == "adamw_torch":
            add("fused AdamW", optimizer="adamw_torch_fused")
        if request.optimizer in ("adamw_torch", "adamw_torch_fused"):
            add("8-bit AdamW", optimizer="adamw_8bit")
        if request.precision.endswith("mixed") and request.precision.startswith("bf16"):
            add("weights in bf16", precision="bf16")
        add("LoRA", method="lora")
    if request.method == "lora" and request.quant == "none":
        add("QLoRA", method="qlora", quant="nf4-dq")
    if request.quant == "nf4":
        add("double quantisation", quant="nf4-dq")
    if request.seq_len > 512:
        shorter = request.seq_len // 2
        limit = None if request.completion_len is None else min(request.completion_len, shorter)
        add(f"length {shorter}", seq_len=shorter, completion_len=limit)
    return changes


def what_would_change(report: MemoryReport, budget_bytes: int, limit: int = 4) -> tuple[str, ...]:
    """The single changes that save most, largest first, and whether each alone is enough for `budget_bytes`."""
    from ftui.core.fit.memory import predict_memory

    found = []
    for words, request in single_changes(report.request):
        needed = predict_memory(report.shape, request).allocated_bytes
        saved = report.allocated_bytes - needed
        if saved > report.allocated_bytes // 100:
            enough = ", which is enough" if needed * 1.1 <= budget_bytes else ""
            found.append((saved, f"{words} saves {gib(saved)}{enough}"))
    return tuple(words for _, words in sorted(found, reverse=True)[:limit])

"""What defaults are made from: facts about model, data and machine. Whatever is not known is None."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelFacts:
    """id: catalogue id, hub id or folder. parameters: all weights. window_tokens: longest position it was made for."""

    id: str
    parameters: int
    hidden_size: int | None = None
    window_tokens: int | None = None


@dataclass(frozen=True)
class DataFacts:
    """Rows for training, with the token lengths of whole rows (of the longer side for preference pairs).

    kind: chat, completion, text, preference, kto, prompt or stepwise (core/canonical.py). answer_p99_tokens: of the
    trained part. replay_path: general rows that can be mixed in.
    """

    path: str
    kind: str
    rows: int
    p50_tokens: int | None = None
    p99_tokens: int | None = None
    longest_tokens: int | None = None
    answer_p99_tokens: int | None = None
    eval_path: str | None = None
    replay_path: str | None = None


@dataclass(frozen=True)
class HardwareFacts:
    """gpus: 0 on a CPU. memory_bytes: of one GPU, or of the host. flash: flash attention is installed."""

    gpus: int = 0
    memory_bytes: int | None = None
    bf16: bool = False
    flash: bool = False
    cores: int = 1

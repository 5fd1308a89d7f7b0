"""One training step of a fit request, as ftui's trainers (TRL on transformers) take it: forward, loss, backward,
clipping, optimizer; and what happens between steps (evaluation, generation).

Shared by the dry run and the probe. `Stage` is told what is about to happen, so that memory can be booked by phase.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from ftui.core.fit.request import FitRequest
from ftui.errors import FtuiError
from ftui.trainer.dry_run_model import autocast_dtype, decoder_layers, trained

Stage = Callable[[str], None]
MAX_GRAD_NORM = 1.0


def rows_of(request: FitRequest) -> int:
    """Rows of one forward pass: pairs are two rows."""
    return request.micro_batch * (2 if request.task in ("dpo", "reward") else 1)


def needs_reference(request: FitRequest) -> bool:
    """Whether a frozen reference is asked in each step."""
    if request.precompute_reference:
        return False
    if request.task in ("dpo", "kto"):
        return True
    return request.task in ("grpo", "rloo") and request.beta_positive


def loads_reference(request: FitRequest) -> bool:
    """Whether that reference is a second model: with LoRA it is the model without its adapter."""
    if request.reference_model is not None:
        return request.reference_model
    return needs_reference(request) and request.method == "full"


class Trainee:
    """The model as accelerate wraps it (autocast around forward, results in fp32), its optimizer, its batches."""

    def __init__(self, model: nn.Module, request: FitRequest, device: str, reference: nn.Module | None = None) -> None:
        self.model, self.request, self.device, self.reference = model, request, device, reference
        self._held: Any = None
        self._prepare_head(model)
        if reference is not None:
            self._prepare_head(reference)
        from ftui.trainer.dry_run_optimizer import make_optimizer

        self.optimizer = make_optimizer(model, request, real=device != "cpu")

    def _prepare_head(self, model: Any) -> None:
        if self.request.loss != "chunked" or self.request.task == "reward":
            return
        from trl.trainer.utils import add_fused_lm_head

        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        names = ("log_probs", "entropy", "is_top1")
        add_fused_lm_head(inner, outputs=(*names, "mean_logits") if self.request.task in ("dpo", "kto") else names)

    def autocast(self) -> AbstractContextManager[Any]:
        dtype = autocast_dtype(self.request)
        return torch.autocast(self.device, dtype=dtype) if dtype else nullcontext()

    def tokens(self, rows: int, length: int) -> torch.Tensor:
        return torch.zeros((rows, length), dtype=torch.long, device=self.device)

    # ---- the parts of a step ----

    def step(self, stage: Stage) -> None:
        """One optimizer step: two micro-batches when gradients are accumulated, else one."""
        for _ in range(2 if self.request.accumulates else 1):
            stage("forward")
            loss = self.loss(self.tokens(rows_of(self.request), self.request.seq_len))
            stage("backward_head")
            loss.backward()
            self._held = None
            del loss
        stage("optimizer")
        nn.utils.clip_grad_norm_(trained(self.model), MAX_GRAD_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def evaluate(self) -> None:
        """One batch of evaluation: the loss without gradients."""
        self.model.eval()
        rows = (self.request.eval_batch or self.request.micro_batch) * rows_of(self.request) // self.request.micro_batch
        with torch.no_grad():
            self.loss(self.tokens(rows, self.request.seq_len))
        self.model.train()

    def loss(self, ids: torch.Tensor) -> torch.Tensor:
        """The loss of one micro-batch, with the graph that its backward needs."""
        if self.request.task == "reward":
            with self.autocast():
                chosen, rejected = _in_fp32(self.model(input_ids=ids, use_cache=False, **self._mask(ids))).logits.chunk(
                    2
                )
            return -nn.functional.logsigmoid(chosen - rejected).mean()
        if self.request.task == "sft" and self.request.loss in ("full", "fused", "inplace"):
            return self._whole_loss(ids)
        scores = self._log_probs(self.model, ids)
        if self.request.task == "sft":
            return -scores.sum() / torch.as_tensor(scores.numel())
        if needs_reference(self.request):
            with torch.no_grad():
                base = self._reference_log_probs(ids)
        else:
            base = torch.zeros_like(scores)
        # Each of these losses works on one number per token or row; their shape, not their formula, takes memory.
        return -nn.functional.logsigmoid((scores - base).sum(-1)).mean()

    def _reference_log_probs(self, ids: torch.Tensor) -> torch.Tensor:
        if self.reference is not None:
            return self._log_probs(self.reference, ids)
        model: Any = self.model
        if hasattr(model, "disable_adapter"):
            with model.disable_adapter():
                return self._log_probs(model, ids)
        raise FtuiError("No reference", f"{self.request.task} of full weights needs a reference model")

    def _log_probs(self, model: Any, ids: torch.Tensor) -> torch.Tensor:
        """Log-probability of each token, (rows, tokens - 1)."""
        with self.autocast():
            if self.request.loss == "chunked":
                output = _in_fp32(
                    model(input_ids=ids, labels=ids, fused_lm_head=True, use_cache=False, **self._mask(ids))
                )
                scores: torch.Tensor = output.log_probs
                return scores
            logits = _in_fp32(model(input_ids=ids, use_cache=False, **self._mask(ids))).logits
        return _gathered(logits[:, :-1], ids[:, 1:])

    def _whole_loss(self, ids: torch.Tensor) -> torch.Tensor:
        if self.request.loss == "full":
            return self._plain_loss(ids) if self.request.transformers == "5" else self._shifted_loss(ids)
        from ftui.trainer.dry_run_kernels import InPlaceLoss, fused_linear_cross_entropy

        inner: Any = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        with self.autocast():
            hidden = inner.base_model(input_ids=ids, use_cache=False, **self._mask(ids)).last_hidden_state
            if self.request.loss == "fused":
                return fused_linear_cross_entropy(hidden, inner.get_output_embeddings(), ids)
            fused: torch.Tensor = InPlaceLoss.apply(inner.get_output_embeddings()(hidden), ids)
            return fused

    def _plain_loss(self, ids: torch.Tensor) -> torch.Tensor:
        with self.autocast():
            output = self.model(input_ids=ids, labels=ids, use_cache=False, **self._mask(ids))
        loss: torch.Tensor = output.loss
        if self.request.logits_held:
            self._held = output
        return loss

    def _shifted_loss(self, ids: torch.Tensor) -> torch.Tensor:
        """The loss of transformers before 5: logits are copied when they are shifted by one token."""
        with self.autocast():
            output = self.model(input_ids=ids, use_cache=False, **self._mask(ids))
            if self.request.transformers == "4.45":
                output.logits = output.logits.float()
            logits = output.logits.float()
            shifted = logits[:, :-1].contiguous()
            labels = ids[:, 1:].contiguous().view(-1)
            loss = nn.functional.cross_entropy(shifted.view(-1, shifted.shape[-1]), labels)
        if self.request.logits_held:
            self._held = output
        return loss

    def _mask(self, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """Rows of different length bring a mask; for rows that are all full none is made."""
        return {"attention_mask": torch.ones_like(ids)} if self.request.padded else {}

    # ---- generation ----

    def generate_last_token(self) -> None:
        """The widest moment of generation: the last token, with the keys and values of all before it."""
        from transformers import DynamicCache

        request = self.request
        rows, length = request.generation_batch or request.micro_batch, request.seq_len - 1
        inner: Any = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        config = inner.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        dtype = autocast_dtype(request) or inner.dtype
        cache = DynamicCache()
        self.model.eval()
        with torch.no_grad(), self.autocast():
            for index in range(len(decoder_layers(self.model))):
                past = [torch.empty((rows, heads, length, dim), dtype=dtype, device=self.device) for _ in range(2)]
                cache.update(*past, index)
                del past
            output = self.model(input_ids=self.tokens(rows, 1), past_key_values=cache, use_cache=True)
            # Sampling works on an fp32 copy of the last logits and on their probabilities.
            scores = output.logits[:, -1].float()
            scores.softmax(-1)
        self.model.train()


def _gathered(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    scores: torch.Tensor = logits.log_softmax(-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return scores


def _in_fp32(output: Any) -> Any:
    """What accelerate does to a forward's result under mixed precision."""
    from accelerate.utils.operations import convert_to_fp32

    return convert_to_fp32(output)

"""The number types of one training run: which tensor is held in how many bytes per element."""

from __future__ import annotations

from typing import NamedTuple

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import Linear, ModelShape


class Recipe(NamedTuple):
    """Bytes per element, resolved from a request; and which matrices are quantised or adapted."""

    compute: int
    """Of autocast, and of the arithmetic of quantised layers."""
    autocast: bool
    fp16: bool
    weight: int
    """Of matrices that are not quantised."""
    frozen_other: int
    """Of embeddings and head when they are not trained."""
    norm_weight: int
    residual: int
    """Of the hidden states that pass from layer to layer: the dtype of the embedding."""
    stream: int
    """Of what a block adds to them."""
    norm_out: int
    adapter: int
    adapter_casts: bool
    """Whether an adapted layer casts its input to the adapter's dtype, beside the cast for the product."""
    trained: int
    """Of trained base weights, their gradients and optimizer state (full fine-tuning)."""
    train_base: bool
    quant: str
    gptq_group: int
    quantises_experts: bool
    adapts_experts: bool
    """Whether LoRA reaches routed experts and their router: PEFT then works on a copy of each layer's experts, into
    which the adapter is merged."""
    loops_experts: bool
    """Whether the experts of a layer run one after another (transformers before 5), not as one grouped product."""
    dequantised: int
    rank: int
    targets: frozenset[str]
    """Names of adapted modules; empty for full fine-tuning; {"all-linear"} for all."""
    dropout: bool
    attention: str
    expands_kv: bool
    fused_norm: bool
    fused_rope: bool
    fused_mlp: bool

    def quantises(self, linear: Linear) -> bool:
        """Whether the base weight of this matrix is stored in 4 or 8 bit."""
        if self.quant == "none" or linear.role == "router":
            return False
        return linear.role != "expert" or self.quantises_experts

    def adapts(self, linear: Linear) -> bool:
        """Whether this matrix has a LoRA adapter."""
        if linear.role in ("expert", "router") and self.adapts_experts:
            return True
        if "all-linear" in self.targets:
            return linear.role not in ("expert", "router")
        return linear.name in self.targets

    def rank_of(self, linear: Linear) -> int:
        """LoRA's rank on this matrix: gate and up projections of experts are one, and have twice the rank."""
        return 2 * self.rank if self.adapts_experts and linear.name == "gate_up_proj" else self.rank


_GATED = frozenset({"gate_proj", "up_proj", "down_proj"})
EXPERT_TARGETS = {
    **dict.fromkeys(("qwen3_moe", "deepseek_v2", "olmoe", "flex_olmo", "glm4_moe", "ernie4_5_moe"), _GATED),
    "mixtral": frozenset({"w1", "w2", "w3"}),
}
"""Model types whose experts PEFT adapts, when all of these are targets. Source: peft/utils/
transformers_weight_conversion.py."""
_BYTES = {"bf16": 2, "fp16": 2, "fp32": 4}


def resolve(shape: ModelShape, request: FitRequest, gpu: Gpu | None = None) -> Recipe:
    """Settle every number type of `request` on a model of `shape`, for `gpu` (or a recent one)."""
    full = request.method == "full"
    name, _, mixed = request.precision.partition("-")
    low = _BYTES[name]
    autocast = bool(mixed)
    quant = quantisation(request)
    trained = (4 if autocast else low) if full else 0
    if full:
        # FSDP and DeepSpeed keep trained weights in fp32 shards, and gather them in the dtype of the arithmetic.
        autocast = autocast and request.sharding not in ("fsdp", "zero2", "zero3")
        weight = other = norm = trained if autocast else low
    else:
        weight = other = norm = _BYTES[request.frozen_dtype] if request.frozen_dtype else low
        upcast = kbit_upcast(request, gpu)
        # Quantised layers compute in 16 bit by themselves: beside fp32 everything else, fp16 needs no autocast.
        autocast = autocast and not (upcast == "all" and name == "fp16")
        if upcast != "none":
            # A quantised layer answers in the dtype of its input: fp32 norms make the residual stream fp32.
            norm = 4
            other = 4 if upcast == "all" else other
    if autocast and shape.blocks[0].norm == "layer" and quant != "none":
        # Autocast's layer_norm answers in fp32, quantised layers in the dtype of their input: so does the stream.
        norm = 4
    fused = request.kernels != "torch" or request.compiled
    return Recipe(
        compute=low,
        autocast=autocast,
        fp16=name == "fp16",
        weight=weight,
        frozen_other=other,
        norm_weight=norm,
        residual=norm,
        stream=low if autocast else norm,
        norm_out=norm,
        adapter=_BYTES[adapter_dtype(request)],
        adapter_casts=request.lora_casts or not autocast,
        trained=trained,
        train_base=full,
        quant=quant,
        gptq_group=request.gptq_group,
        quantises_experts=_quantises_experts(request, quant),
        adapts_experts=_adapts_experts(shape, request, quant),
        loops_experts=request.transformers != "5",
        dequantised=low,
        rank=request.lora_rank,
        targets=frozenset() if full else frozenset(request.lora_targets),
        dropout=not full and request.lora_dropout > 0,
        attention=request.attention,
        expands_kv=_expands_kv(shape, request, gpu),
        fused_norm=fused,
        fused_rope=fused,
        fused_mlp=fused,
    )


def quantisation(request: FitRequest) -> str:
    """How frozen weights are stored: QLoRA without a word about it takes nf4 with double quantisation."""
    return "nf4-dq" if request.method == "qlora" and request.quant == "none" else request.quant


def adapter_dtype(request: FitRequest) -> str:
    """Unless the request says: as TRL's trainers, bf16 beside quantised weights, and as PEFT otherwise, fp32."""
    return request.adapter_dtype or ("fp32" if quantisation(request) == "none" else "bf16")


def kbit_upcast(request: FitRequest, gpu: Gpu | None = None) -> str:
    """What is raised to fp32 beside quantised weights. Unless the request says: everything in fp16 on a GPU without
    bf16, where a residual stream in fp16 could overflow (peft.prepare_model_for_kbit_training); else nothing."""
    if quantisation(request) in ("none", "gptq") or request.sharding in ("fsdp", "zero3"):
        return "none"  # what is gathered is gathered in the dtype of the arithmetic
    if request.kbit_upcast:
        return request.kbit_upcast
    return "all" if request.precision.startswith("fp16") and (gpu is None or not gpu.bf16) else "none"


def _quantises_experts(request: FitRequest, quant: str) -> bool:
    """transformers 5 holds experts as one tensor, which bitsandbytes leaves as it is. ftui's trainer packs it into four
    bits (ftui/trainer/experts.py) unless it is dealt out to several GPUs; 8 bits are for linear layers only."""
    if request.quantize_experts is not None:
        return request.quantize_experts
    return request.transformers != "5" or (quant != "int8" and request.sharding in ("none", "ddp"))


def _adapts_experts(shape: ModelShape, request: FitRequest, quant: str) -> bool:
    """PEFT reaches experts that are plain tensors, and only these."""
    wanted = EXPERT_TARGETS.get(shape.model_type)
    if request.method == "full" or request.transformers != "5" or wanted is None or not shape.is_moe:
        return False
    if quant != "none" and _quantises_experts(request, quant):
        return False
    return "all-linear" in request.lora_targets or wanted <= set(request.lora_targets)


def _expands_kv(shape: ModelShape, request: FitRequest, gpu: Gpu | None) -> bool:
    """Whether keys and values are repeated for every query head before attention."""
    if request.attention == "flash":
        return request.transformers == "4.45" and shape.model_type in ("mistral", "mixtral")
    # Before Ampere there is no kernel for grouped queries; before transformers 4.48 nobody asked for one.
    old = gpu is not None and gpu.compute_capability is not None and gpu.compute_capability < (8, 0)
    return old or request.transformers != "5"

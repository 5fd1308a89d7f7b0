"""The dry run: what it books against what really happens, against arithmetic, and against the closed form."""

import json
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from ftui.core.fit.request import FitRequest
from ftui.errors import FtuiError
from ftui.trainer.dry_run import LIBRARY_WORKSPACE_BYTES, dry_run, read_request, run_at_depth
from ftui.trainer.dry_run_device import pretend_gpu
from ftui.trainer.dry_run_ledger import Ledger, rounded
from ftui.trainer.dry_run_model import build, period_of, shortened, trained
from ftui.trainer.dry_run_step import Trainee

LLAMA = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 128, "intermediate_size": 352,
    "num_hidden_layers": 12, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "vocab_size": 1024,
    "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "tie_word_embeddings": False, "hidden_act": "silu",
}  # fmt: skip
SMALL = FitRequest(method="lora", seq_len=128, micro_batch=2, loss="chunked", lora_rank=8)
MIB = 2**20


def test_the_ledger_counts_storages_once_in_whole_blocks():
    with Ledger() as ledger:
        a = torch.empty(100, dtype=torch.float32)
        view = a[:50]
        b = torch.empty(1, dtype=torch.uint8)
        assert ledger.live_bytes == 512 + 512
        del a
        assert ledger.live_bytes == 1024  # the view keeps it
        del view, b
        assert ledger.live_bytes == 0
    assert ledger.peaks["load"] == 1024 and rounded(513) == 1024


def test_depths_are_drawn_out_in_a_straight_line_and_that_is_right():
    twelve = dry_run(LLAMA, SMALL)
    assert twelve["depths"] == [4, 6] and twelve["layers"] == 12 and twelve["extrapolated"]
    truth = run_at_depth(LLAMA, 12, SMALL, 1)
    for phase, size in truth["phases"].items():
        assert twelve["phases"][phase] - LIBRARY_WORKSPACE_BYTES == pytest.approx(size, rel=0.002), phase


def test_resident_bytes_are_weights_adapters_and_optimizer_state():
    result = dry_run(LLAMA, replace(SMALL, lora_targets=("q_proj", "v_proj")))
    hidden, kv, wide, vocab, layers = 128, 64, 352, 1024, 12
    per_layer = 2 * hidden * hidden + 2 * hidden * kv + 3 * hidden * wide + 2 * hidden
    weights = 2 * (2 * vocab * hidden + layers * per_layer + hidden)
    adapters = layers * 8 * (hidden + hidden + hidden + kv)
    assert result["trainable_params"] == adapters
    expected = weights + 3 * 4 * adapters  # fp32 matrices and two moments
    assert result["resident_bytes"] - result["components"]["library_workspace"] == pytest.approx(expected, rel=0.02)


def test_what_is_booked_without_contents_is_what_is_booked_with_them():
    booked = {}
    for real in (True, False):
        ledger = Ledger()
        fake = nullcontext() if real else FakeTensorMode(allow_non_fake_inputs=True)
        with fake, ledger, pretend_gpu():
            model = build(LLAMA, 2, SMALL)
            ledger.peaks.clear()
            trainee = Trainee(model, SMALL, "cpu")
            trainee.step(partial(setattr, ledger, "phase"))
            booked[real] = dict(ledger.peaks), sum(p.numel() for p in trained(model))
    assert booked[True][1] == booked[False][1]
    for phase, size in booked[False][0].items():
        assert size == pytest.approx(booked[True][0][phase], rel=0.002), phase


FULL = {"method": "full"}
LONG = {"seq_len": 512}


@pytest.mark.parametrize(
    ("phase", "less", "more"),
    [
        ("forward", {"grad_checkpointing": True}, {}),
        ("load", {"method": "qlora"}, {}),
        ("load", {"method": "qlora", "quant": "nf4-dq"}, {"method": "qlora", "quant": "int8"}),
        ("forward", {"loss": "chunked", **LONG}, {"loss": "full", "logits_held": False, **LONG}),
        ("backward_head", {"loss": "full", "logits_held": False}, {"loss": "full", "logits_held": True}),
        ("optimizer", {**FULL, "optimizer": "adamw_torch_fused"}, {**FULL, "optimizer": "adamw_torch"}),
        ("optimizer", {**FULL, "optimizer": "adamw_8bit"}, {**FULL, "optimizer": "adamw_torch_fused"}),
        ("evaluation", {**FULL, "optimizer": "adafactor"}, {**FULL, "optimizer": "adamw_8bit"}),
        ("forward", {}, {"attention": "eager", **LONG}),
        ("backward_last_0", LONG, {"padded": True, **LONG}),
        ("forward", {"kernels": "liger"}, {}),
        ("forward", {}, {"lora_dropout": 0.1}),
        ("forward", {"task": "reward"}, {"task": "dpo"}),
        ("forward", {"loss": "fused"}, {"loss": "full"}),
        ("backward_head", {"loss": "inplace"}, {"loss": "full"}),
    ],
)
def test_what_saves_memory_does(phase, less, more):
    config = shortened({**LLAMA, "vocab_size": 65536}, 2)
    quick = replace(SMALL, grad_checkpointing=False)
    small, large = (run_at_depth(config, 2, replace(quick, **change), 1)["phases"][phase] for change in (less, more))
    assert 0 < small < large


def test_stand_ins_are_gone_after_their_run():
    # Requests of one file share a process, and so do the tests: what one run replaces must not serve the next.
    from transformers.models.llama import modeling_llama

    rotate = modeling_llama.apply_rotary_pos_emb
    config = shortened(LLAMA, 2)
    before, fused, after = (dry_run(config, replace(SMALL, kernels=kernels)) for kernels in ("torch", "liger", "torch"))
    assert fused["phases"]["forward"] < before["phases"]["forward"]
    assert after["phases"] == before["phases"]
    assert modeling_llama.apply_rotary_pos_emb is rotate


def test_gradients_of_several_micro_batches_are_alive_in_the_next_forward():
    full = replace(SMALL, method="full")
    once, twice = (dry_run(shortened(LLAMA, 2), replace(full, accumulates=value)) for value in (False, True))
    assert twice["phases"]["forward"] - once["phases"]["forward"] > 0.9 * 4 * once["trainable_params"]


def test_grouped_queries_without_flash_attention_cost_the_square_unless_keys_are_repeated(monkeypatch):
    def peak(capability):
        step = run_at_depth(shortened(LLAMA, 2), 2, replace(SMALL, seq_len=512), 1, capability)
        return step["phases"]["backward_last_0"]

    scores = 2 * 4 * 512 * 512 * 4  # rows, heads, pairs of tokens, fp32
    recent = peak((8, 0))
    assert abs(peak((7, 5)) - recent) < scores / 4  # ftui's trainer repeats them there
    monkeypatch.setattr("ftui.trainer.dry_run_device.repeated_keys", list)
    assert peak((7, 5)) - recent > 2 * scores


def test_dpo_of_full_weights_holds_a_reference_and_lora_does_not():
    config = shortened(LLAMA, 2)
    full = replace(SMALL, method="full", precision="bf16", task="dpo")
    with_reference = dry_run(config, full)["components"]["weights"]
    without = dry_run(config, replace(full, reference_model=False, precompute_reference=True))["components"]["weights"]
    assert with_reference == pytest.approx(2 * without, rel=0.01)
    lora = dry_run(config, replace(SMALL, task="dpo"))
    assert lora["components"]["weights"] == pytest.approx(without, rel=0.01)


def test_generation_holds_keys_and_values_of_all_tokens():
    config = shortened(LLAMA, 4)
    phases = [
        run_at_depth(config, 4, replace(SMALL, task="grpo", seq_len=512, generation_batch=batch), 1)["phases"][
            "generation"
        ]
        for batch in (8, 16)
    ]
    cache = 4 * 2 * 8 * 2 * 511 * 32 * 2  # layers, keys and values, rows more, heads, tokens, dim, bytes
    assert phases[1] - phases[0] >= cache


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "gpt2", "n_embd": 64, "n_layer": 4, "n_head": 4, "vocab_size": 512, "n_positions": 256},
        {
            "model_type": "gpt_neox", "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4,
            "intermediate_size": 256, "vocab_size": 512, "max_position_embeddings": 256,
        },
        {
            "model_type": "qwen3_moe", "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4,
            "num_key_value_heads": 2, "head_dim": 16, "moe_intermediate_size": 32, "intermediate_size": 128,
            "num_experts": 8, "num_experts_per_tok": 2, "vocab_size": 512, "max_position_embeddings": 256,
        },
        {
            "model_type": "gemma2", "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4,
            "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 128, "vocab_size": 512,
            "sliding_window": 32, "layer_types": ["sliding_attention", "full_attention"] * 2,
        },
        {"model_type": "bloom", "hidden_size": 64, "n_layer": 4, "n_head": 4, "vocab_size": 512},
    ],
    ids=lambda config: config["model_type"],
)  # fmt: skip
def test_other_families_take_their_step(config):
    assert dry_run(shortened(config, 2), replace(SMALL, method="qlora", seq_len=64))["allocated_bytes"] > 0


def test_where_layers_differ_the_pattern_is_kept_whole():
    kinds = ["sliding_attention"] * 5 + ["full_attention"]
    assert period_of({"num_hidden_layers": 12, "layer_types": kinds * 2}) == (0, 6)
    assert period_of({"num_hidden_layers": 27, "first_k_dense_replace": 1}) == (1, 1)
    assert period_of({"num_hidden_layers": 12}) == (0, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gpus": 2, "sharding": "fsdp"}, "sharding fsdp"),
        ({"kernels": "unsloth"}, "unsloth"),
        ({"method": "qlora", "quant": "gptq"}, "gptq"),
        ({"lora_targets": ("no_such_module",)}, "No module of the model"),
    ],
)
def test_what_it_cannot_imitate_it_refuses(change, said):
    with pytest.raises(FtuiError) as caught:
        dry_run(shortened(LLAMA, 2), replace(SMALL, **change))
    assert said in str(caught.value)


def test_unknown_models_are_refused_in_one_sentence():
    with pytest.raises(FtuiError, match="cannot build this model"):
        dry_run({"model_type": "never_heard", "num_hidden_layers": 4}, SMALL)


def test_requests_from_a_file(tmp_path):
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"config": LLAMA, "request": {"method": "qlora", "lora_targets": ["q_proj"]}}))
    config, request, capability = read_request(path)
    assert capability is None and config == LLAMA and request.method == "qlora" and request.lora_targets == ("q_proj",)
    path.write_text(json.dumps({"config": LLAMA, "request": {"colour": "blue"}}))
    with pytest.raises(FtuiError, match="colour"):
        read_request(path)


def test_as_a_program(tmp_path):
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"config": shortened(LLAMA, 2), "request": {"method": "lora", "seq_len": 64}}))
    done = subprocess.run([sys.executable, "-m", "ftui.trainer.dry_run", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["allocated_bytes"] > MIB

import itertools
from typing import Any

import pytest

from ftui.core.defaults import CHOSEN, DataFacts, HardwareFacts, ModelFacts, propose_plan
from ftui.core.defaults_conflicts import conflicts, refuse_conflicts
from ftui.core.plan import from_mapping, to_mapping, with_values
from ftui.errors import FtuiError

LLAMA = ModelFacts("llama-3.1-8b", 8_030_000_000, hidden_size=4096, window_tokens=131_072)
SMOL = ModelFacts("smollm2-135m", 134_500_000, hidden_size=576, window_tokens=8192)
H100 = HardwareFacts(gpus=1, memory_bytes=80 * 2**30, bf16=True, flash=True, cores=16)
T4 = HardwareFacts(gpus=1, memory_bytes=15 * 2**30, bf16=False)
CPU = HardwareFacts(cores=2)
KINDS = ("chat", "completion", "text", "preference", "kto", "prompt")


def chat(rows: int = 1000, **more: Any) -> DataFacts:
    return DataFacts(
        "rows.jsonl", "chat", rows, **{"p50_tokens": 200, "p99_tokens": 610, "longest_tokens": 700, **more}
    )


@pytest.mark.parametrize(
    ("model", "kind", "rows", "hardware"),
    itertools.product((LLAMA, SMOL), KINDS, (50, 800, 30_000, 2_000_000), (H100, T4, CPU)),
)
def test_every_proposal_is_a_valid_plan_without_contradiction(
    model: ModelFacts, kind: str, rows: int, hardware: HardwareFacts
) -> None:
    plan = propose_plan(model, DataFacts("rows.jsonl", kind, rows, 200, 610, 700, 90), hardware)
    assert from_mapping(to_mapping(plan)) == plan
    assert conflicts(plan) == []
    # What is proposed has a reason, and nothing has a reason that is not proposed.
    assert all(len(reason) > 5 for reason in plan.reasons.values())
    for name in ("train.learning_rate", "train.epochs", "train.micro_batch", "data.max_length_tokens", "method.task"):
        assert name in plan.reasons


def test_the_learning_rate_follows_technique_size_and_task() -> None:
    def rate(model: ModelFacts, **choices: str) -> float:
        named = {f"method.{key}": value for key, value in choices.items()}
        return propose_plan(model, chat(), H100, named).train.learning_rate

    assert rate(LLAMA, technique="lora") == pytest.approx(10 * rate(LLAMA, technique="full"), rel=0.05)
    assert 2e-4 < rate(LLAMA, technique="lora") < 4e-4
    assert rate(SMOL, technique="lora") > 3 * rate(LLAMA, technique="lora")
    assert rate(LLAMA, technique="full", task="dpo") < 2e-6


def test_general_rows_are_mixed_in_where_there_are_some_and_more_of_them_into_a_small_model() -> None:
    general = chat(replay_path="general.jsonl")
    large, small = propose_plan(LLAMA, general, H100), propose_plan(ModelFacts("x", 10**8), general, CPU)
    assert (large.data.replay, large.data.replay_fraction, small.data.replay_fraction) == ("general.jsonl", 0.05, 0.2)
    assert "small model" in small.reasons["data.replay_fraction"]
    assert propose_plan(LLAMA, chat(), H100).data.replay is None


def test_a_model_of_unknown_width_gets_about_the_same_rate() -> None:
    known = propose_plan(LLAMA, chat(), H100).train.learning_rate
    guessed = propose_plan(ModelFacts("x", LLAMA.parameters), chat(), H100).train.learning_rate
    assert guessed == pytest.approx(known, rel=0.25)


def test_length_follows_the_rows_and_the_window() -> None:
    assert propose_plan(LLAMA, chat(), H100).data.max_length_tokens == 704
    tail = chat(p99_tokens=600, longest_tokens=9000)
    assert propose_plan(LLAMA, tail, H100).data.max_length_tokens == 640
    assert "99 %" in propose_plan(LLAMA, tail, H100).reasons["data.max_length_tokens"]
    assert propose_plan(ModelFacts("x", 10**8, window_tokens=512), chat(), CPU).data.max_length_tokens == 512


def test_long_texts_are_planned_in_pieces() -> None:
    books = DataFacts("b.jsonl", "text", 40, p50_tokens=90_000, p99_tokens=120_000, longest_tokens=125_000)
    plan = propose_plan(ModelFacts("x", 10**8, window_tokens=131_072), books, CPU)
    assert plan.method.task == "text" and plan.data.max_length_tokens == 2048
    assert "pieces" in plan.reasons["data.max_length_tokens"] and "pieces" in plan.reasons["data.overlong"]
    short = DataFacts("s.jsonl", "text", 40, p50_tokens=90, p99_tokens=120, longest_tokens=125)
    assert propose_plan(ModelFacts("x", 10**8, window_tokens=131_072), short, CPU).data.max_length_tokens == 128
    # Forty books of 44 pieces each are not looked through in a handful of steps.
    few = propose_plan(ModelFacts("x", 10**8, window_tokens=131_072), short, CPU).train.eval_every_steps
    assert plan.train.eval_every_steps > 4 * few


def test_rank_epochs_and_batch_follow_the_number_of_rows() -> None:
    few, many = propose_plan(LLAMA, chat(100), H100), propose_plan(LLAMA, chat(200_000), H100)
    assert few.method.lora_rank < many.method.lora_rank
    assert few.train.epochs > many.train.epochs
    batches = [plan.train.micro_batch * plan.train.accumulation for plan in (few, many)]
    assert batches == [8, 64]


def test_precision_and_technique_follow_the_device() -> None:
    assert propose_plan(LLAMA, chat(), H100).train.precision == "bf16-mixed"
    small = propose_plan(LLAMA, chat(), T4)
    assert (small.train.precision, small.method.technique) == ("fp16-mixed", "qlora")
    assert propose_plan(SMOL, chat(), CPU).train.precision == "fp32"


def test_choices_win_and_keep_their_reasons() -> None:
    plan = propose_plan(
        LLAMA, chat(), H100, {"train.micro_batch": 3, "train.epochs": 7}, {"train.micro_batch": "it fits into 80 GiB"}
    )
    assert (plan.train.micro_batch, plan.train.epochs) == (3, 7)
    assert plan.reasons["train.micro_batch"] == "it fits into 80 GiB"
    assert plan.reasons["train.epochs"] == CHOSEN
    assert plan.train.micro_batch * plan.train.accumulation in (15, 16, 18)
    with pytest.raises(FtuiError, match="No such plan field"):
        propose_plan(LLAMA, chat(), H100, {"train.micro_batches": 3})


def test_several_gpus_share_the_batch() -> None:
    plan = propose_plan(LLAMA, chat(20_000), HardwareFacts(gpus=4, memory_bytes=80 * 2**30, bf16=True))
    assert plan.train.gpus * plan.train.micro_batch * plan.train.accumulation == 32
    assert plan.train.sharding == "ddp"
    full = propose_plan(LLAMA, chat(20_000), HardwareFacts(4, 80 * 2**30, True), {"method.technique": "full"})
    assert full.train.sharding == "fsdp"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"method.technique": "full", "method.lora_rank": 64}, "method.lora_rank"),
        ({"method.technique": "full", "method.dora": True}, "method.dora"),
        ({"method.quant": "int8"}, "method.quant"),
        ({"method.rewards": ["exact_match"]}, "method.rewards"),
        ({"method.beta": 0.5}, "method.beta"),
        ({"method.task": "kto", "method.preference_loss": "ipo"}, "method.preference_loss"),
        ({"method.task": "dpo", "data.packing": True}, "data.packing"),
        ({"method.task": "dpo", "data.train_on": "all"}, "data.train_on"),
        ({"method.task": "kto", "train.micro_batch": 1}, "train.micro_batch"),
        ({"method.task": "grpo", "method.rewards": ["exact_match"], "train.micro_batch": 3}, None),
        ({"method.task": "grpo", "train.micro_batch": 3, "train.accumulation": 1}, "method.generations"),
        ({"data.packing": True, "data.group_by_length": True}, "data.group_by_length"),
        ({"train.loss": "full"}, "train.loss"),
        ({"train.sharding": "fsdp"}, "train.sharding"),
        ({"data.replay_fraction": 0.1}, "data.replay_fraction"),
        ({"data.eval_fraction": 0.0, "train.early_stopping_patience": 2}, "train.early_stopping_patience"),
        ({"method.task": "dpo", "method.neftune_alpha": 5.0, "train.micro_batch": 2}, "method.neftune_alpha"),
        ({"method.technique": "qlora", "train.gpus": 2, "train.sharding": "zero3"}, "train.sharding"),
    ],
)
def test_what_would_be_ignored_is_named(values: dict[str, Any], field: str | None) -> None:
    plan = with_values(from_mapping({}), values)
    found = conflicts(plan)
    if field is None:
        assert found == []
        return
    assert field in [conflict.field for conflict in found]
    assert any(field.partition(".")[2] in conflict.message for conflict in found)
    with pytest.raises(FtuiError, match="contradicts"):
        refuse_conflicts(plan)


def test_stages_that_cannot_follow_each_other_are_named() -> None:
    ranks = from_mapping({"stages": [{"name": "a"}, {"name": "b", "method": {"task": "dpo", "lora_rank": 4}}]})
    assert [c.field for c in conflicts(ranks)] == ["method.lora_rank"]
    kinds = from_mapping({"stages": [{"name": "a"}, {"name": "b", "method": {"technique": "full"}}]})
    assert [c.field for c in conflicts(kinds)] == ["method.technique"]

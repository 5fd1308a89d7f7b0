"""What must not go on ends with one sentence that names step and rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from test_preference import judged, pairs
from trainer_kit import MakeRun, chat_rows, events_of, train, write_rows

from ftui.core.events import Alert, Failed, Phase, Step


def failed(run: Path, code: int = 1) -> Failed:
    assert train(run) == code
    last = events_of(run)[-1]
    assert isinstance(last, Failed), last
    return last


def sabotage(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    """Let `change(trainer, step, loss)` have its way with each micro-batch's loss."""
    from trl.trainer.sft_trainer import SFTTrainer

    inner = SFTTrainer.compute_loss

    def compute_loss(self: Any, *args: Any, **kwargs: Any) -> Any:
        return change(self, self.state.global_step + 1, inner(self, *args, **kwargs))

    monkeypatch.setattr(SFTTrainer, "compute_loss", compute_loss)


def test_a_loss_that_is_no_number_names_step_and_rows(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch, lambda trainer, step, loss: loss * float("nan") if step == 3 else loss)
    run = make_run(chat_rows(40, 1), **{"train.save_every_steps": 1, "train.keep_checkpoints": 9})
    last = failed(run)
    assert (last.reason, last.step) == ("nan", 3) and "rows " in last.message and "train.jsonl" in last.message
    # What was saved before is whole and finite: the run can be rewound to it.
    from safetensors.torch import load_file

    weights = load_file(str(run / "checkpoints" / "step-2" / "adapter_model.safetensors"))
    assert all(bool(torch.isfinite(tensor).all()) for tensor in weights.values())


def test_an_exploding_gradient_does_not_touch_the_weights(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    # Finite loss, infinite gradient: sqrt at zero.
    sabotage(
        monkeypatch,
        lambda trainer, step, loss: loss + (loss - loss.detach()).abs().sqrt() if step == 2 else loss,
    )
    last = failed(make_run(chat_rows(40, 1)))
    assert last.reason == "nan" and "gradient" in last.title and last.step == 2


def test_a_loss_stuck_at_zero_stops(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    # The first gradient must pass the check for gradients at all.
    sabotage(monkeypatch, lambda trainer, step, loss: loss if step == 1 else loss * 0.0)
    last = failed(make_run(chat_rows(60, 1), **{"train.max_steps": 20}))
    assert "stuck at 0" in last.title and "rows" in last.message


def test_no_gradient_at_all_stops_before_the_first_step(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch, lambda trainer, step, loss: loss * 0.0)
    last = failed(make_run(chat_rows(40, 1)))
    assert "No gradient" in last.title and last.step == 1 and "lora" in last.message and "rows " in last.message


def test_an_adapter_without_effect_stops_at_step_ten(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import Trainer

    def create_optimizer(self: Any, *_: Any, **__: Any) -> Any:
        # An optimizer that holds other tensors than the model's: gradients arrive, nothing moves.
        self.optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=self.args.learning_rate)
        return self.optimizer

    monkeypatch.setattr(Trainer, "create_optimizer", create_optimizer)
    last = failed(make_run(chat_rows(60, 1), **{"train.max_steps": 20}))
    assert "adapter does not change" in last.title and last.step == 10


def test_a_batch_that_trains_other_tokens_is_shown(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    from trl.trainer import sft_trainer

    inner = sft_trainer.DataCollatorForLanguageModeling.torch_call

    def torch_call(self: Any, examples: Any) -> Any:
        batch = inner(self, examples)
        batch["labels"] = batch["input_ids"].clone()  # a collator that trains prompts and padding
        return batch

    monkeypatch.setattr(sft_trainer.DataCollatorForLanguageModeling, "torch_call", torch_call)
    run = make_run(chat_rows(40, 1))
    last = failed(run)
    assert "other tokens" in last.title and "user" in last.message and "row" in last.message
    assert not events_of(run, Step)


@pytest.mark.parametrize("task", ["dpo", "kto", "orpo", "reward"])
def test_answers_that_were_changed_on_their_way_into_the_batch_are_shown(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    from ftui.trainer import batch_check, columns

    rows = judged(16, 1) if task == "kto" else pairs(16, 1)
    run = make_run(rows, **{"method.task": task, "train.max_steps": 1})
    inner = columns.columns_of

    def changed(task: str, sides: Any, row: Any) -> Any:
        made = inner(task, sides, row)
        name = "completion_ids" if task == "kto" else "rejected_ids"
        return {**made, name: [*made[name][:-1], 5]}  # not the end of turn

    from ftui.trainer import rows as rows_module

    monkeypatch.setattr(rows_module, "columns_of", changed)
    last = failed(run)
    assert "other tokens" in last.title and "<|im_end|>" in last.message and "row" in last.message
    assert batch_check.columns_of is inner and not events_of(run, Step)


def test_the_batch_of_the_first_step_is_checked_as_it_is(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only the collator: what the loader hands over."""
    from transformers import Trainer

    inner = Trainer.get_batch_samples

    def get_batch_samples(self: Any, *args: Any, **kwargs: Any) -> Any:
        batches, count = inner(self, *args, **kwargs)
        for batch in batches:
            batch["labels"][batch["labels"] != -100] = 5
        return batches, count

    monkeypatch.setattr(Trainer, "get_batch_samples", get_batch_samples)
    run = make_run(chat_rows(40, 1))
    assert "other tokens" in failed(run).title and not events_of(run, Step)


def test_a_vocabulary_that_cannot_write_an_answer_is_told(make_run: MakeRun, tmp_path: Path, tiny_model: Path) -> None:
    import shutil

    folder = tmp_path / "shouting"
    shutil.copytree(tiny_model, folder)
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    tokenizer["normalizer"] = {"type": "Lowercase"}
    file.write_text(json.dumps(tokenizer))
    rows = chat_rows(16, 1)
    rows[0]["messages"][1]["content"] = "FRUIT"
    run = make_run(rows, model=folder, **{"train.max_steps": 1})
    assert train(run) == 0
    told = [alert for alert in events_of(run, Alert) if alert.code == "mask"]
    assert told and "row 0" in told[0].message and "FRUIT" in told[0].message and "fruit" in told[0].message


def test_coming_apart_is_noticed(make_run: MakeRun) -> None:
    run = make_run(
        chat_rows(200, 1),
        **{"method.technique": "full", "train.learning_rate": 1.0, "train.max_steps": 120, "train.max_grad_norm": 1e6},
    )
    last = failed(run)
    assert last.reason == "nan"


def test_rows_without_answers_are_named(make_run: MakeRun) -> None:
    asked = [{"messages": row["messages"][:1]} for row in chat_rows(3, 1)]
    run = make_run([*chat_rows(8, 1), *asked])
    assert train(run) == 0
    alert = next(event for event in events_of(run, Alert) if event.code == "untrained")
    assert "rows 8, 9, 10" in alert.message
    nothing = failed(make_run(asked, name="nothing"))
    assert nothing.reason == "data" and "no row has a token" in nothing.message


def test_overlong_rows_by_policy(make_run: MakeRun) -> None:
    long = chat_rows(1, 5)[0]
    long["messages"][0]["content"] = "please now " * 100
    rows = [*chat_rows(8, 1), long]
    cut = make_run(rows, name="cut")
    assert train(cut) == 0
    assert any(e.code == "truncation" and "answer kept" in e.message for e in events_of(cut, Alert))
    dropped = make_run(rows, name="dropped", **{"data.overlong": "drop"})
    assert train(dropped) == 0
    assert any(e.code == "truncation" and "row 8 " in e.message for e in events_of(dropped, Alert))
    refused = failed(make_run(rows, name="refused", **{"data.overlong": "refuse"}))
    assert refused.reason == "data" and "row 8" in refused.message


@pytest.mark.parametrize(
    ("change", "title", "words"),
    [
        ({"method.lora_targets": ["q_prj"]}, "A module is not in the model", "q_proj"),
        ({"method.modules_to_save": ["head"]}, "A module is not in the model", "head"),
        ({"model.path": "/nowhere"}, "No such model", "/nowhere"),
        ({"train.attention": "flash"}, "Flash attention cannot be used", "flash"),
        ({"train.precision": "fp16-mixed"}, "This precision needs a GPU", "fp16"),
        ({"train.optimizer": "paged_adamw_8bit"}, "This optimizer needs a GPU", "paged_adamw_8bit"),
        ({"train.kernels": "liger"}, "Liger's kernels cannot be used", "train.kernels"),
        ({"method.technique": "full", "method.dora": True}, "contradicts itself", "method.dora"),
    ],
)
def test_settings_that_cannot_be_are_named(make_run: MakeRun, change: dict[str, Any], title: str, words: str) -> None:
    run = make_run(chat_rows(8, 1), **change)
    last = failed(run)
    assert title in last.title and words in f"{last.message} {last.hint}"
    assert (run / "events" / "trainer.jsonl").read_text().count('"kind":"failed"') == 1


@pytest.mark.parametrize(
    ("change", "before"),
    [
        ({"train.optimizer": "paged_adamw_8bit"}, "tokenizing"),
        ({"train.loss": "fused"}, "tokenizing"),
        ({"train.kernels": "liger"}, "tokenizing"),
        ({"method.lora_targets": ["q_prj"]}, "base_score"),
    ],
)
def test_what_cannot_be_is_known_before_time_is_spent(make_run: MakeRun, change: dict[str, Any], before: str) -> None:
    run = make_run(chat_rows(8, 1), chat_rows(4, 2), **{"eval.enabled": True}, **change)
    assert next(iter(change)) in failed(run).message
    assert before not in [event.name for event in events_of(run, Phase)]


def test_broken_rows_and_models_are_named(make_run: MakeRun, tmp_path: Path, tiny_model: Path) -> None:
    broken = make_run(chat_rows(8, 1), name="broken")
    with (broken / "data" / "train.jsonl").open("a") as file:
        file.write('{"messages": [\n')
    assert "line 9" in failed(broken).message
    import shutil

    for name, change in (("code", "auto_map"), ("bin", "weights"), ("end", "eos")):
        folder = tmp_path / f"model-{name}"
        shutil.copytree(tiny_model, folder)
        config = json.loads((folder / "config.json").read_text())
        if change == "auto_map":
            config["auto_map"] = {"AutoModelForCausalLM": "modeling_mine.Mine", "AutoConfig": "modeling_mine.Config"}
            config["model_type"] = "mine"
        elif change == "weights":
            (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        else:
            settings = json.loads((folder / "tokenizer_config.json").read_text())
            for key in ("eos_token", "pad_token"):
                settings.pop(key)
            (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        (folder / "config.json").write_text(json.dumps(config))
        last = failed(make_run(chat_rows(8, 1), name=name, model=folder))
        wanted = {"code": "trust_remote_code", "bin": "pickled", "end": "end-of-text"}[name]
        assert wanted in f"{last.title} {last.message} {last.hint}", last


def test_a_template_that_raises_is_quoted(make_run: MakeRun, tmp_path: Path) -> None:
    template = tmp_path / "refuses.jinja"
    template.write_text("{{ raise_exception('no system please') }}")
    last = failed(make_run(chat_rows(8, 1), **{"model.chat_template": str(template)}))
    assert last.reason == "data" and "no system please" in last.message


def test_a_full_disk_is_told_as_such(make_run: MakeRun) -> None:
    run = make_run(chat_rows(40, 1), **{"recovery.disk_reserve_mib": 10**9, "train.save_every_steps": 2})
    last = failed(run, code=74)
    assert last.reason == "disk" and "MiB" in last.message and last.step == 2
    assert last.need_bytes is not None and last.need_bytes > 10**9 << 20
    assert not list((run / "checkpoints").iterdir())


def test_out_of_memory_is_told_as_such(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(trainer: Any, step: int, loss: Any) -> Any:
        return torch.empty(2**60)

    sabotage(monkeypatch, explode)
    assert failed(make_run(chat_rows(8, 1))).reason == "oom"


def test_missing_reward_rows_of_text(make_run: MakeRun) -> None:
    run = make_run(chat_rows(8, 1))
    write_rows(run / "data" / "train.jsonl", [{"question": "?"}])
    last = failed(run)
    assert "question" in last.message and "messages" in last.message

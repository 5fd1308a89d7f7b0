"""Options do what they say: adapter kinds, noise, packing, whole texts, general rows, early stopping, forgetting."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from trainer_kit import FILLERS, THINGS, MakeRun, chat_rows, events_of, train, write_rows

from ftui.core.events import Alert, Checkpoint, Done, Eval, Phase, Sample, Step

LEARNING = {"train.learning_rate": 1e-2, "train.max_steps": 60, "train.eval_every_steps": 30}


def accuracy(run: Path) -> float:
    assert train(run) == 0
    return float(events_of(run, Eval)[-1].metrics["token_accuracy"])


def effective(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "effective.json").read_text())["effective"])


@pytest.mark.parametrize(
    ("options", "adapter"),
    [
        ({"method.rslora": True, "method.lora_alpha": 16}, {"use_rslora": True}),
        ({"method.dora": True}, {"use_dora": True}),
        ({"method.lora_targets": ["q_proj", "down_proj"]}, {"target_modules": ["q_proj", "down_proj"]}),
        ({"method.modules_to_save": ["embed_tokens"]}, {"modules_to_save": ["embed_tokens"]}),
        ({"method.neftune_alpha": 1.0}, {"lora_dropout": 0.0}),
    ],
    ids=["rslora", "dora", "targets", "modules_to_save", "neftune"],
)
def test_kinds_of_adapters_learn(make_run: MakeRun, options: dict[str, Any], adapter: dict[str, Any]) -> None:
    run = make_run(chat_rows(160, 1), chat_rows(24, 2), **LEARNING, **options)
    assert accuracy(run) > 0.6
    saved = json.loads((run / "model" / "adapter_config.json").read_text())
    for key, value in adapter.items():
        assert (sorted(saved[key]) if isinstance(value, list) else saved[key]) == (
            sorted(value) if isinstance(value, list) else value
        )


def test_neftune_adds_noise_while_training_only(make_run: MakeRun) -> None:
    plain = make_run(chat_rows(60, 1), chat_rows(8, 2), name="plain")
    noisy = make_run(chat_rows(60, 1), chat_rows(8, 2), name="noisy", **{"method.neftune_alpha": 5.0})
    assert train(plain) == 0 and train(noisy) == 0
    assert events_of(plain, Eval)[0].metrics["eval_loss"] == events_of(noisy, Eval)[0].metrics["eval_loss"]
    assert events_of(plain, Step)[0].metrics["loss"] != events_of(noisy, Step)[0].metrics["loss"]


def test_packed_rows_do_not_see_each_other(make_run: MakeRun, tiny_model: Path) -> None:
    """One packed sequence has, token for token, the losses of its rows alone."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    from ftui.trainer.packing import packed

    rows = [{"input_ids": [5 + i, 40, 41 + i, 2, 7], "labels": [-100, 40, 41 + i, 2, 7], "row": i} for i in range(4)]
    bins = packed(Dataset.from_list(rows), 64, seed=0)
    assert len(bins) == 1 and sorted(set(bins[0]["row"])) == [0, 1, 2, 3]
    model = AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    example = {key: bins[0][key] for key in ("input_ids", "labels", "seq_lengths")}
    batch = DataCollatorForLanguageModeling(pad_token_id=3, padding_free=True)([example])
    with torch.no_grad():
        together = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits[0]
    start = 0
    for length in example["seq_lengths"]:
        ids = torch.tensor([example["input_ids"][start : start + length]])
        with torch.no_grad():
            alone = model(input_ids=ids).logits[0]
        assert torch.allclose(together[start : start + length], alone, atol=1e-4)
        start += length


def test_packing_trains_the_same_tokens_in_fewer_sequences(make_run: MakeRun) -> None:
    settings = {**LEARNING, "train.micro_batch": 2, "data.max_length_tokens": 128}
    run = make_run(chat_rows(200, 1), chat_rows(24, 2), **settings, **{"data.packing": True})
    assert accuracy(run) > 0.6
    first = events_of(run, Step)[0]
    plain = make_run(chat_rows(200, 1), chat_rows(24, 2), name="plain", **settings)
    assert train(plain) == 0
    assert first.tokens > 3 * events_of(plain, Step)[0].tokens


def test_grouping_by_length_wastes_less(make_run: MakeRun) -> None:
    run = make_run(chat_rows(120, 1), chat_rows(16, 2), **LEARNING, **{"data.group_by_length": True})
    assert accuracy(run) > 0.6
    arguments = json.loads((run / "effective.json").read_text())["library_arguments"]
    assert arguments["train_sampling_strategy"] == "group_by_length"


def texts(count: int, seed: int) -> list[dict[str, str]]:
    import random

    noise = random.Random(seed)
    return [
        {"text": " ".join(f"{thing} {THINGS[thing]}" for thing in noise.choices(sorted(THINGS), k=6))}
        for _ in range(count)
    ]


def test_continued_pretraining_on_text(make_run: MakeRun) -> None:
    run = make_run(texts(120, 1), texts(16, 2), **LEARNING, **{"method.task": "text", "data.train_on": "all"})
    assert train(run) == 0
    evaluations = events_of(run, Eval)
    assert evaluations[-1].metrics["eval_loss"] < evaluations[0].metrics["eval_loss"] / 2
    preview = json.loads((run / "data" / "preview.json").read_text())["rows"][0]["sides"][0]
    assert all(token["trained"] for token in preview["tokens"])


def test_prompts_with_completions_train_the_completion(make_run: MakeRun) -> None:
    rows = [
        {"prompt": row["messages"][0]["content"] + " =>", "completion": " " + row["messages"][1]["content"]}
        for row in chat_rows(160, 1)
    ]
    run = make_run(rows[:140], rows[140:], **LEARNING)
    assert accuracy(run) > 0.6
    preview = json.loads((run / "data" / "preview.json").read_text())["rows"][0]["sides"][0]
    trained = "".join(token["text"] for token in preview["tokens"] if token["trained"])
    assert trained == rows[0]["completion"] + "<|im_end|>"


def test_a_base_model_gets_a_plain_template_that_is_saved_with_it(
    make_run: MakeRun, tiny_model: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_model, base)
    (base / "chat_template.jinja").unlink()
    bare = make_run(chat_rows(8, 1), name="bare", model=base)
    assert train(bare) == 1
    hint = events_of(bare)[-1].hint
    plain = next(word.strip("(") for word in hint.split() if word.endswith("plain.jinja"))
    run = make_run(chat_rows(160, 1), chat_rows(24, 2), model=base, **LEARNING, **{"model.chat_template": plain})
    assert accuracy(run) > 0.6
    assert (run / "model" / "chat_template.jinja").read_text() == Path(plain).read_text()
    preview = json.loads((run / "data" / "preview.json").read_text())["rows"][0]["sides"][0]
    trained = "".join(token["text"] for token in preview["tokens"] if token["trained"])
    assert trained == chat_rows(160, 1)[0]["messages"][1]["content"] + "<|im_end|>"


def test_last_answer_only_and_message_weights(make_run: MakeRun) -> None:
    two = [
        {"messages": [*first["messages"], *second["messages"]]}
        for first, second in zip(chat_rows(8, 1), chat_rows(8, 2), strict=True)
    ]
    two[1]["messages"][3]["weight"] = 0
    for name, mode, answers in (("all", "assistant", (2, 1)), ("last", "last_assistant", (1, 1))):
        run = make_run(two, name=name, **{"data.train_on": mode})
        assert train(run) == 0
        rows = json.loads((run / "data" / "preview.json").read_text())["rows"]
        for row, wanted in zip(rows, answers, strict=False):
            tokens = row["sides"][0]["tokens"]
            ends = [t for t in tokens if t["trained"] and t["text"] == "<|im_end|>"]
            assert len(ends) == wanted, (name, row["row"])


def test_general_rows_are_mixed_in_and_watched(make_run: MakeRun) -> None:
    run = make_run(
        chat_rows(80, 1),
        chat_rows(8, 2),
        **{"data.replay": "general.jsonl", "data.replay_fraction": 0.2, "train.max_steps": 8},
    )
    write_rows(run / "data" / "replay.jsonl", texts(20, 3))
    write_rows(run / "data" / "probe.jsonl", [*texts(8, 4), *chat_rows(4, 5)])
    assert train(run) == 0
    assert effective(run)["data.replay_rows"] == 20
    assert all(event.metrics["probe_loss"] > 0 for event in events_of(run, Eval))
    assert events_of(run, Eval)[0].step == 0


def test_forgetting_is_told_in_words(make_run: MakeRun, schooled_model: Path) -> None:
    other = [
        {"messages": [row["messages"][0], {"role": "assistant", "content": FILLERS[i % 8]}]}
        for i, row in enumerate(chat_rows(80, 1))
    ]
    run = make_run(other, chat_rows(8, 2), model=schooled_model, **LEARNING)
    write_rows(run / "data" / "probe.jsonl", chat_rows(24, 7))
    assert train(run) == 0
    alert = next(event for event in events_of(run, Alert) if event.code == "forgetting")
    assert "general text rose by" in alert.message


def test_early_stopping_keeps_the_best(make_run: MakeRun) -> None:
    few = chat_rows(12, 1)
    for index, row in enumerate(few):  # answers by chance: they can only be learned by heart
        row["messages"][1]["content"] = FILLERS[index * 5 % 8]
    run = make_run(
        few,
        chat_rows(24, 2),
        **{
            "method.technique": "full",
            "train.learning_rate": 3e-3,
            "train.max_steps": 200,
            "train.eval_every_steps": 5,
            "train.early_stopping_patience": 3,
        },
    )
    assert train(run) == 0
    done = events_of(run)[-1]
    assert isinstance(done, Done) and done.step < 200
    assert any(event.code == "early_stopping" for event in events_of(run, Alert))
    evaluations = {e.step: e.metrics["eval_loss"] for e in events_of(run, Eval) if e.step}
    best = min(evaluations, key=lambda step: evaluations[step])
    assert done.summary["best_step"] == best and done.step >= best + 15
    assert [e.step for e in events_of(run, Checkpoint) if e.best][-1] == best
    from safetensors.torch import load_file

    saved = load_file(str(run / "model" / "model.safetensors"))
    kept = load_file(str(run / "checkpoints" / f"step-{best}" / "model.safetensors"))
    assert all(bool((saved[name] == kept[name]).all()) for name in kept)


def test_samples_show_base_and_tuned(make_run: MakeRun) -> None:
    run = make_run(chat_rows(160, 1), chat_rows(4, 2), **LEARNING, **{"eval.samples": 2, "eval.max_new_tokens": 6})
    assert train(run) == 0
    samples = events_of(run, Sample)
    assert [sample.step for sample in samples] == [0, 0, 30, 30, 60, 60]
    last = samples[-1]
    assert last.reference in THINGS.values() and last.base_output == samples[1].output
    assert last.output in THINGS.values()


def test_tokens_are_made_once(make_run: MakeRun) -> None:
    run = make_run(chat_rows(40, 1))
    assert train(run) == 0
    assert train(run) == 0
    words = [event.detail for event in events_of(run, Phase) if event.name == "tokenizing"]
    assert sum("of 40 rows" in detail for detail in words) == 1
    assert len(list((run / "data").glob("tokens-train-*.arrow"))) == 1


def test_loader_processes_change_nothing_but_who_loads(make_run: MakeRun) -> None:
    losses = []
    for name, workers in (("own", 0), ("other", 1)):
        run = make_run(chat_rows(40, 1), name=name, **{"data.workers": workers, "train.max_steps": 4})
        assert train(run) == 0
        losses.append([event.metrics["loss"] for event in events_of(run, Step)])
    assert losses[0] == losses[1]


def test_gradient_checkpointing_changes_nothing_but_memory(make_run: MakeRun) -> None:
    losses = []
    for name, on in (("kept", False), ("again", True)):
        run = make_run(chat_rows(40, 1), name=name, **{"train.gradient_checkpointing": on})
        assert train(run) == 0
        losses.append([event.metrics["loss"] for event in events_of(run, Step)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_halved_learning_rate_holds_after_a_rewind(make_run: MakeRun) -> None:
    run = make_run(
        chat_rows(60, 1),
        **{
            "train.max_steps": 10,
            "train.save_every_steps": 5,
            "train.schedule": "constant",
            "train.keep_checkpoints": 9,
        },
    )
    assert train(run) == 0
    shutil.rmtree(run / "checkpoints" / "step-10")
    (run / "overrides.json").write_text(json.dumps({"train.learning_rate": 2.5e-3}))
    before = len(events_of(run, Step))
    assert train(run) == 0
    rates = [event.metrics["learning_rate"] for event in events_of(run, Step)]
    assert rates[:before] == pytest.approx([5e-3] * 10) and rates[before:] == pytest.approx([2.5e-3] * 5)


def test_a_smaller_micro_batch_keeps_the_data_order(make_run: MakeRun) -> None:
    settings = {"train.max_steps": 8, "train.save_every_steps": 4, "train.keep_checkpoints": 9}
    run = make_run(chat_rows(60, 1), **settings)
    assert train(run) == 0
    losses = [event.metrics["loss"] for event in events_of(run, Step)]
    shutil.rmtree(run / "checkpoints" / "step-8")
    (run / "overrides.json").write_text(json.dumps({"train.micro_batch": 2, "train.accumulation": 4}))
    assert train(run) == 0
    again = [event.metrics["loss"] for event in events_of(run, Step)][8:]
    assert again == pytest.approx(losses[4:], rel=1e-4)

"""A finished run is scored, judged and taken out; what is taken out is the model that was trained."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from trainer_kit import chat_rows, make_run_folder, train

import ftui.schemas
from ftui.core.events import Event
from ftui.errors import FtuiError
from ftui.services.deliver import deliver
from ftui.services.files import read_json, write_json
from ftui.services.runs import Run, State, write_state

SETTINGS: dict[str, Any] = {
    "train.max_steps": 70,
    "train.learning_rate": 1e-2,
    "train.micro_batch": 8,
    "train.accumulation": 1,
    "eval.enabled": True,
    "eval.rows_max": 40,
    "eval.max_new_tokens": 8,
    "eval.margin": 1000.0,
}


def finished(folder: Path, model: Path, rows: list[dict[str, Any]], **more: Any) -> Run:
    run = Run(make_run_folder(folder, model, rows, chat_rows(40, 2), **{**SETTINGS, **more}))
    assert train(run.path) == 0
    write_state(run, State("finished", 1))
    write_json(run.path / "environment.json", {"model": {"weights_bytes": 1000}, "packages": {"torch": "2"}})
    return run


@pytest.fixture(scope="session")
def good_run(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Run:
    return finished(tmp_path_factory.mktemp("good") / "run", tiny_model, chat_rows(300, 1))


def quiet(_: Event) -> None:
    """Nobody listens."""


def test_a_run_that_learned_is_shipped_with_its_interval(good_run: Run) -> None:
    verdict = read_json(good_run.verdict_file)
    assert verdict["verdict"] == "SHIP", verdict["reasons"]
    assert verdict["primary"] == "normalized_match"
    main = verdict["metrics"]["normalized_match"]
    assert main["tuned"] > main["base"] + 0.3
    assert main["ci_low"] > 0
    assert {"base", "tuned", "delta", "ci_low", "ci_high", "n"} <= main.keys()
    samples = [json.loads(line) for line in (good_run.path / "eval" / "samples.jsonl").read_text().splitlines()]
    assert len(samples) == main["n"]


def test_a_run_on_shuffled_answers_is_not_shipped(tmp_path: Path, tiny_model: Path) -> None:
    rows = chat_rows(300, 1)
    answers = [row["messages"][1] for row in rows]
    random.Random(5).shuffle(answers)
    shuffled = [{"messages": [row["messages"][0], answer]} for row, answer in zip(rows, answers, strict=True)]
    run = finished(tmp_path / "run", tiny_model, shuffled)
    assert read_json(run.verdict_file)["verdict"] == "DONT_SHIP"


@pytest.mark.parametrize("format_name", ["adapter", "merged", "ollama", "vllm"])
def test_every_export_equals_the_tuned_model(good_run: Run, tmp_path: Path, format_name: str) -> None:
    if format_name == "ollama":
        pytest.importorskip("gguf")
    done = deliver(good_run, format_name, tmp_path / format_name, {"prompts": 12}, quiet)
    assert done.passed, done.check
    assert done.check["same_text"] >= done.check["threshold"]
    schema = Path(ftui.schemas.__file__).parent / "export_check.json"
    jsonschema.validate(done.check, json.loads(schema.read_text()))
    assert done.path == tmp_path / format_name
    assert not list(tmp_path.glob(".*"))
    expected = {
        "adapter": ["adapter_model.safetensors", "tokenizer.json", "README.md", "check.json"],
        "merged": ["model.safetensors", "tokenizer.json", "README.md", "check.json"],
        "ollama": ["Modelfile", "model-f32.gguf", "check.json"],
        "vllm": ["serve.sh", "serve-base.sh", "vllm.yaml", "ab-split.nginx.conf", "model/adapter_model.safetensors"],
    }[format_name]
    for name in expected:
        assert (done.path / name).is_file(), name


@pytest.mark.slow
def test_eight_bits_and_llama_cpps_quantizer(good_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gguf")
    done = deliver(good_run, "gguf", tmp_path / "q8", {"prompts": 8, "quant": "q8_0"}, quiet)
    assert done.passed, done.check
    assert done.check["measure"] == "same_next_token"
    assert (done.path / "model-q8_0.gguf").is_file()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(FtuiError, match="llama-quantize on the PATH"):
        deliver(good_run, "gguf", tmp_path / "q4", {"prompts": 4, "quant": "q4_k_m"}, quiet)
    assert not list(tmp_path.glob("*q4*"))
    # A stand-in that is called as the real one is, and copies.
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "llama-quantize"
    tool.write_text('#!/bin/sh\n[ "$3" = Q4_K_M ] && exec /bin/cp "$1" "$2"\n')
    tool.chmod(0o755)
    done = deliver(good_run, "gguf", tmp_path / "q4", {"prompts": 4, "quant": "q4_k_m"}, quiet)
    assert [path.name for path in done.path.glob("*.gguf")] == ["model-q4_k_m.gguf"]
    tool.write_text("#!/bin/sh\necho out of luck >&2; exit 3\n")
    with pytest.raises(FtuiError, match="out of luck"):
        deliver(good_run, "gguf", tmp_path / "q4b", {"prompts": 4, "quant": "q4_k_m"}, quiet)


@pytest.mark.slow
def test_qlora_is_merged_on_the_base_that_it_was_trained_on(tmp_path: Path, tiny_model: Path) -> None:
    pytest.importorskip("bitsandbytes")
    run = finished(tmp_path / "run", tiny_model, chat_rows(200, 1), **{"method.technique": "qlora"})
    done = deliver(run, "merged", None, {"prompts": 16}, quiet)
    assert done.passed, done.check
    adapter = deliver(run, "adapter", None, {"prompts": 16}, quiet)
    assert adapter.passed, adapter.check
    assert any("quantised just so" in note for note in adapter.check["notes"])


@pytest.mark.slow
def test_an_architecture_that_gguf_does_not_know_is_named(tmp_path: Path, tiny_model: Path) -> None:
    from transformers import AutoTokenizer, GPTNeoXConfig, GPTNeoXForCausalLM

    model = tmp_path / "neox"
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.save_pretrained(model)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    GPTNeoXForCausalLM(GPTNeoXConfig(vocab_size=len(tokenizer), max_position_embeddings=128, **shape)).save_pretrained(
        model
    )
    run = finished(tmp_path / "run", model, chat_rows(20, 1), **{"train.max_steps": 1, "method.lora_rank": 2})
    with pytest.raises(FtuiError, match="GPTNeoXForCausalLM"):
        deliver(run, "gguf", None, {"prompts": 2}, quiet)
    assert list((run.path / "export").iterdir()) == []


@pytest.mark.slow
def test_a_run_that_forgot_is_found(tmp_path: Path, tiny_model: Path, schooled_model: Path) -> None:
    general = chat_rows(40, 9)
    other_task = [
        {"messages": [row["messages"][0], {"role": "assistant", "content": "well well well"}]}
        for row in chat_rows(120, 4)
    ]
    folder = make_run_folder(
        tmp_path / "run", schooled_model, other_task, other_task[:30],
        **{**SETTINGS, "eval.margin": 0.05, "train.max_steps": 40, "eval.primary": "token_f1"},
    )  # fmt: skip
    (folder / "data" / "probe.jsonl").write_text("".join(json.dumps(row) + "\n" for row in general))
    assert train(folder) == 0
    verdict = read_json(folder / "eval" / "verdict.json")
    assert verdict["verdict"] == "DONT_SHIP", verdict["reasons"]
    assert verdict["forgetting"] > 0.05
    assert any("fell too far" in reason for reason in verdict["reasons"])
    assert verdict["forgotten"], "the items that were lost are named"


def test_a_damaged_export_is_called_failed(good_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Run(tmp_path / "copy")
    shutil.copytree(good_run.path, broken.path)

    def other_answers(module: str, run_dir: Path, request: dict[str, Any], hear: object) -> None:
        Path(request["out"], "weights").write_text("x")
        write_json(Path(request["out"]) / "check.json", {**CHECK, "passed": False})

    monkeypatch.setattr("ftui.services.deliver.run_worker", other_answers)
    done = deliver(broken, "merged", None, {}, quiet)
    assert not done.passed
    assert done.path.name == "merged.failed"
    assert not (broken.path / "export" / "merged").exists()


CHECK = {"same_text": 0.5, "compared": 2, "threshold": 0.99, "largest_logit_difference": 1.0, "notes": []}


def test_an_export_that_is_there_is_not_overwritten(good_run: Run, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(FtuiError, match="exists"):
        deliver(good_run, "adapter", tmp_path / "there", {}, quiet)


def test_a_worker_that_fails_leaves_nothing_behind(good_run: Run, tmp_path: Path) -> None:
    with pytest.raises(FtuiError) as caught:
        deliver(good_run, "gguf", tmp_path / "out", {"prompts": 2, "quant": "q9"}, quiet)
    assert "q9" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_a_model_nothing_is_exported(tmp_path: Path, tiny_model: Path) -> None:
    run = Run(make_run_folder(tmp_path / "run", tiny_model, chat_rows(4, 1)))
    write_state(run, State("stopped", 1))
    with pytest.raises(FtuiError, match="no model yet"):
        deliver(run, "adapter", None, {}, quiet)


def stored_types(folder: Path) -> set[str]:
    from safetensors import safe_open

    with safe_open(str(folder / "model.safetensors"), "pt") as weights:
        return {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118


def test_a_small_model_that_was_trained_in_fp32_is_written_so_unless_asked(good_run: Run, tmp_path: Path) -> None:
    done = deliver(good_run, "merged", tmp_path / "as-trained", {"prompts": 4}, quiet)
    assert done.passed and stored_types(done.path) == {"F32"}
    asked = deliver(good_run, "merged", tmp_path / "asked", {"prompts": 4, "dtype": "fp16"}, quiet)
    assert stored_types(asked.path) == {"F16"}


def test_a_check_that_fails_for_few_bits_names_the_option_that_keeps_them(
    good_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ftui.trainer import export, export_check

    monkeypatch.setitem(export_check.MEASURES, "merged", ("same_text", 1.01))
    for dtype, named in (("fp16", True), ("fp32", False)):
        folder = tmp_path / dtype
        export.export(good_run.path, {"format": "merged", "out": str(folder), "dtype": dtype, "prompts": 2})
        check = read_json(folder / "check.json")
        assert not check["passed"] and any("--dtype fp32" in note for note in check["notes"]) == named

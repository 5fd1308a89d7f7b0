"""`ftui fit` as a user runs it: the answer, its JSON, its exit code, and every way of asking wrongly."""

import argparse
import json
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest

import ftui.schemas
from ftui.cli import main
from ftui.commands import fit
from ftui.core.fit.request import CHOICES, FitRequest
from ftui.errors import FtuiError
from ftui.services import fit_target
from ftui.services.fit_predict import answer_fit
from ftui.services.model_config import SMOLLM2, find_model

SCHEMA = json.loads((Path(ftui.schemas.__file__).parent / "fit.json").read_text())
GIB = 2**30
CONFIG = {
    "model_type": "llama", "hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1024,
    "tie_word_embeddings": False, "max_position_embeddings": 512,
}  # fmt: skip


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FTUI_HARDWARE", raising=False)


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    return str(path)


def machine(tmp_path, monkeypatch, *gpus):
    (tmp_path / "probe.json").write_text(json.dumps({"gpus": list(gpus)}))
    monkeypatch.setenv("FTUI_HARDWARE", str(tmp_path / "probe.json"))


def answer(capsys, *arguments, code=0):
    assert main(["fit", *arguments, "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    return document


def refusal(capsys, *arguments):
    assert main(["fit", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) <= 2
    return captured.err


# ---- the answer ----


def test_a_recipe_is_answered_as_it_was_asked(capsys):
    found = answer(
        capsys, "meta-llama/Llama-3.1-8B", "--gpu", "H200", "--method", "qlora", "--quant", "nf4",
        "--seq-len", "4096", "--micro-batch", "2", "--grad-checkpointing", "off",
        "--optimizer", "paged_adamw_8bit", "--precision", "bf16",
        "--loss", "fused", "--attention", "flash", "--lora-rank", "64", "--lora-targets", "q_proj,v_proj",
        "--task", "dpo",
    )  # fmt: skip
    asked = {
        "method": "qlora", "quant": "nf4", "seq_len": 4096, "micro_batch": 2, "grad_checkpointing": False,
        "optimizer": "paged_adamw_8bit", "precision": "bf16", "loss": "fused", "attention": "flash", "lora_rank": 64,
        "lora_targets": ["q_proj", "v_proj"], "task": "dpo",
    }  # fmt: skip
    assert {name: found["recipe"][name] for name in asked} == asked
    assert found["gpu"]["name"].startswith("NVIDIA H200") and found["gpu"]["origin"] == "named"
    memory = found["memory"]
    assert sum(memory["components"].values()) == memory["allocated_bytes"] == memory["phases"][memory["deciding_phase"]]
    assert memory["allocated_bytes"] < memory["device_bytes"]["low"] <= memory["device_bytes"]["expected"]
    assert memory["device_bytes"]["expected"] <= memory["device_bytes"]["high"]
    assert found["speed"]["tokens_per_second"] > 0 and found["reasons"]


def test_every_flag_of_the_recipe_changes_the_answer(capsys):
    base = ["meta-llama/Llama-3.2-1B", "--gpu", "A100-80GB", "--method", "lora", "--seq-len", "1024"]
    before = answer(capsys, *base)
    for flag, value in (
        ("--method", "full"), ("--method", "qlora"), ("--task", "dpo"), ("--seq-len", "2048"), ("--micro-batch", "4"),
        ("--grad-checkpointing", "off"), ("--optimizer", "adamw_8bit"), ("--precision", "fp32"), ("--loss", "full"),
        ("--attention", "eager"), ("--lora-rank", "128"), ("--lora-targets", "q_proj"),
    ):  # fmt: skip
        after = answer(capsys, *base, flag, value)
        assert after["memory"]["allocated_bytes"] != before["memory"]["allocated_bytes"], flag
    two = answer(capsys, *base, "--method", "full", "--gpus", "2", "--sharding", "fsdp")
    one = answer(capsys, *base, "--method", "full")
    assert two["memory"]["allocated_bytes"] < one["memory"]["allocated_bytes"]


def test_the_flags_offer_what_the_request_takes():
    parser = argparse.ArgumentParser()
    fit.configure(parser)
    offered = {action.dest: set(action.choices) for action in parser._actions if action.choices}
    for name, choices in offered.items():
        if name != "grad_checkpointing":
            assert choices <= set(CHOICES[name]), name
    known = {field.name for field in fields(FitRequest)}
    groups = [group for group in parser._action_groups if "recipe" in str(group.title) or "train" in str(group.title)]
    assert len(groups) == 2 and {action.dest for group in groups for action in group._group_actions} <= known


def test_nothing_asked_is_recommended_with_reasons(capsys):
    found = answer(capsys, "Qwen/Qwen2.5-7B", "--gpu", "RTX 4090")
    assert found["verdict"] == "fits" and found["recommendation"]["fits"]
    names = {choice["name"] for choice in found["recommendation"]["choices"]}
    assert {"method", "micro_batch", "grad_checkpointing"} <= names
    assert all(choice["reason"] for choice in found["recommendation"]["choices"])
    assert found["recommendation"]["runner_up"]["recipe"]["method"] != found["recipe"]["method"]


def test_a_pinned_setting_is_kept_while_the_method_is_chosen(capsys):
    found = answer(capsys, "Qwen/Qwen2.5-7B", "--gpu", "RTX 4090", "--micro-batch", "2", "--grad-checkpointing", "on")
    assert (found["recipe"]["method"], found["recipe"]["micro_batch"]) == ("lora", 2)
    found = answer(capsys, "Qwen/Qwen2.5-7B", "--gpu", "RTX 4090", "--micro-batch", "64", "--seq-len", "4096", code=1)
    assert found["recipe"]["micro_batch"] == 64 and found["verdict"] == "no"


def test_what_does_not_fit_is_exit_code_1_and_says_what_would(capsys):
    found = answer(capsys, "meta-llama/Llama-3.3-70B-Instruct", "--gpu", "RTX 4090", code=1)
    assert found["verdict"] == "no" and not found["recommendation"]["fits"]
    assert found["memory"]["components"]["weights"] > 30 * GIB
    assert any("smaller model" in sentence for sentence in found["recommendation"]["alternatives"])
    assert main(["fit", "meta-llama/Llama-3.3-70B-Instruct", "--gpu", "RTX 4090"]) == 1
    assert "DOES NOT FIT" in capsys.readouterr().out


def test_memory_alone_is_enough_for_a_verdict_but_not_for_a_speed(capsys):
    found = answer(capsys, "Qwen/Qwen2.5-7B", "--vram-gib", "16", "--method", "qlora")
    assert found["verdict"] == "fits" and found["speed"]["tokens_per_second"] is None
    tight = answer(capsys, "Qwen/Qwen2.5-7B", "--vram-gib", "16", "--free-gib", "4", "--method", "qlora", code=1)
    assert tight["gpu"]["free_bytes"] == 4 * GIB


def test_free_memory_decides_and_not_the_size_of_the_card(capsys, tmp_path, monkeypatch):
    card = {"name": "NVIDIA GeForce RTX 4090", "total_bytes": 24 * GIB, "compute_capability": "8.9", "bf16": True}
    machine(tmp_path, monkeypatch, {**card, "free_bytes": 23 * GIB})
    assert answer(capsys, "Qwen/Qwen2.5-7B", "--method", "lora")["verdict"] == "fits"
    holder = {"pid": 7, "name": "python", "used_bytes": 12 * GIB}
    machine(tmp_path, monkeypatch, {**card, "free_bytes": 11 * GIB, "processes": [holder]})
    found = answer(capsys, "Qwen/Qwen2.5-7B", "--method", "lora", code=1)
    assert any("python (pid 7)" in sentence for sentence in found["assumptions"])


def test_of_several_gpus_the_fullest_decides_and_hidden_ones_do_not_count(capsys, tmp_path, monkeypatch):
    cards = [
        {"name": "NVIDIA L4", "total_bytes": 22 * GIB, "free_bytes": free * GIB, "index": i, "visible": visible}
        for i, (free, visible) in enumerate([(20, True), (5, True), (22, False)])
    ]
    machine(tmp_path, monkeypatch, *cards)
    found = answer(capsys, "Qwen/Qwen2.5-0.5B", "--method", "lora", "--gpus", "2")
    assert found["gpu"]["free_bytes"] == 5 * GIB and found["gpu"]["count"] == 2
    assert "There are not 3 GPUs" in refusal(capsys, "Qwen/Qwen2.5-0.5B", "--gpus", "3")


def test_a_machine_without_gpu_is_answered_for_its_ram_and_common_cards(capsys, tmp_path, monkeypatch):
    memory = {"total_bytes": 32 * GIB, "available_bytes": 30 * GIB, "usable_bytes": 30 * GIB}
    (tmp_path / "probe.json").write_text(json.dumps({"memory": memory, "accelerator": {"status": "none"}}))
    monkeypatch.setenv("FTUI_HARDWARE", str(tmp_path / "probe.json"))
    found = answer(capsys, "Qwen/Qwen2.5-0.5B")
    assert found["gpu"]["kind"] == "cpu" and found["recipe"]["precision"] == "fp32" and found["verdict"] == "fits"
    assert found["memory"]["device_bytes"]["low"] > found["memory"]["allocated_bytes"]
    assert "rough" in found["speed"]["reasons"][0]
    assert main(["fit", "Qwen/Qwen2.5-7B"]) == 0
    page = capsys.readouterr().out
    assert "On common ones" in page and "RTX 4090" in page


def test_time_and_cost(capsys):
    found = answer(capsys, "Qwen/Qwen2.5-7B", "--gpu", "RTX 4090", "--tokens", "10000000", "--price-per-hour", "0.5")
    cost = found["cost"]
    assert cost["seconds"] == pytest.approx(1e7 / found["speed"]["tokens_per_second"], rel=0.01)
    assert cost["money"] == pytest.approx(cost["seconds"] / 3600 * 0.5, rel=0.01)
    assert answer(capsys, "Qwen/Qwen2.5-7B", "--gpu", "RTX 4090")["cost"] is None


def test_few_rows_argue_for_lora(capsys):
    many = answer(capsys, "Qwen/Qwen2.5-0.5B", "--gpu", "A100-80GB")
    few = answer(capsys, "Qwen/Qwen2.5-0.5B", "--gpu", "A100-80GB", "--rows", "500")
    assert (many["recipe"]["method"], few["recipe"]["method"]) == ("full", "lora")


# ---- the page ----


def test_the_page_fits_eighty_columns_and_shows_the_bar(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["fit", "meta-llama/Llama-3.1-8B", "--gpu", "RTX 4090"]) == 0
    page = capsys.readouterr().out
    assert all(len(line) <= 80 for line in page.splitlines())
    assert "FITS" in page and "23.7 GiB free" in page and "Why:" in page and "Second best" in page
    bar = next(line for line in page.splitlines() if "|" in line)
    assert len(bar.split("|")[0]) > 30


def test_the_bar_breaks_the_line_of_free_memory_when_it_does_not_fit(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    main(["fit", "meta-llama/Llama-3.1-8B", "--gpu", "RTX 3060", "--method", "lora"])
    page = capsys.readouterr().out.splitlines()
    line = next(line for line in page if "|" in line)
    assert line.split("|")[1].strip(), "something must stand behind the free memory"
    assert "What would change it:" in page


# ---- models for a GPU ----


def test_what_fits_on_a_gpu(capsys):
    assert main(["fit", "--gpu", "RTX 3060", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    ids = {row["id"]: row for row in document["models"]}
    assert ids["Qwen/Qwen2.5-0.5B"]["method"] == "full"
    assert "meta-llama/Llama-3.3-70B-Instruct" not in ids
    assert all(row["device_bytes"] <= document["gpu"]["free_bytes"] for row in document["models"])
    assert main(["fit", "--gpu", "RTX 3060", "--method", "qlora"]) == 0
    page = capsys.readouterr().out
    assert "QLoRA" in page and "full fine-tuning and" not in page


# ---- dry run and probe ----


def test_a_dry_run_is_the_authority_on_memory(capsys, monkeypatch, small):
    asked = {}

    def worker(program, config, request, capability=None):
        asked.update(program=program, config=config, request=request)
        return {
            "allocated_bytes": 7 * GIB, "resident_bytes": 5 * GIB, "trainable_params": 9, "deciding_phase": "forward",
            "phases": {"forward": 7 * GIB}, "components": {"weights": 7 * GIB}, "depths": [2], "layers": 2,
            "extrapolated": False, "seconds": 1.0, "versions": {"torch": "2"},
        }  # fmt: skip

    monkeypatch.setattr("ftui.services.fit_worker.run_worker", worker)
    plain = answer(capsys, small, "--gpu", "RTX 4090", "--method", "lora")
    found = answer(capsys, small, "--gpu", "RTX 4090", "--method", "lora", "--dry-run")
    assert asked["program"] == "dry_run" and asked["config"] == CONFIG and asked["request"].method == "lora"
    assert found["memory"]["source"] == "dry run" and found["memory"]["allocated_bytes"] == 7 * GIB
    shift = 7 * GIB - plain["memory"]["allocated_bytes"]
    assert found["memory"]["device_bytes"]["low"] == plain["memory"]["device_bytes"]["low"] + shift
    assert found["dry_run"]["closed_form_bytes"] == plain["memory"]["allocated_bytes"]
    assert main(["fit", small, "--gpu", "RTX 4090", "--method", "lora", "--dry-run"]) == 0
    assert "dry run: 7.0 GiB allocated" in capsys.readouterr().out


def test_a_probe_on_a_gpu_is_remembered_and_corrects_the_next_answer(capsys, monkeypatch, small):
    from dataclasses import replace

    from ftui.services import environment, fit_target

    here = replace(fit_target.named_target("RTX 4090", None), origin="machine")
    monkeypatch.setattr("ftui.services.fit_target.machine_target", lambda *_: here)
    versions = {"torch": "2.13.0", "transformers": "5.23.0"}
    monkeypatch.setattr(environment, "versions", lambda: versions)
    before = answer(capsys, small, "--method", "lora")
    allocated, half = before["memory"]["allocated_bytes"], before["speed"]["tokens_per_second"] / 2

    def worker(program, config, request, capability=None):
        assert program == "probe"
        return {
            "device": "NVIDIA GeForce RTX 4090", "allocated_bytes": allocated, "context_bytes": GIB,
            "device_bytes": int(1.5 * allocated) + GIB, "tokens_per_second": half,
            "step_seconds": 2.0, "versions": versions, "depths": [2], "layers": 2,
        }  # fmt: skip

    monkeypatch.setattr("ftui.services.fit_worker.run_worker", worker)
    probed = answer(capsys, small, "--method", "lora", "--probe")
    assert probed["probe"]["remembered"] and probed["memory"]["source"] == "probe"
    assert probed["speed"]["tokens_per_second"] == half
    after = answer(capsys, small, "--method", "lora")
    assert "1 probe on this machine" in after["calibration"] and before["calibration"] is None
    assert after["memory"]["device_bytes"]["expected"] == pytest.approx(1.5 * allocated + GIB, rel=0.01)
    assert after["speed"]["tokens_per_second"] == pytest.approx(half, rel=0.01)


def test_a_probe_needs_the_gpu_to_be_here(capsys, small):
    assert "runs on this machine" in refusal(capsys, small, "--gpu", "RTX 4090", "--probe")


def test_the_worker_gives_the_programs_sentence():
    from ftui.errors import FtuiError
    from ftui.services.fit_worker import run_worker

    with pytest.raises(FtuiError, match=r"training stack|uses one GPU"):
        run_worker("probe", CONFIG, FitRequest(gpus=2, sharding="fsdp"))


def test_a_quantised_copy_is_sized_like_its_original_and_says_so(capsys):
    flags = ("--gpu", "8xA100-80GB", "--method", "qlora", "--seq-len", "512")
    copy = answer(capsys, "TheBloke/Mistral-7B-v0.1-GPTQ", *flags)
    original = answer(capsys, "mistralai/Mistral-7B-v0.1", *flags)
    assert copy["memory"] == original["memory"] and copy["gpu"] == original["gpu"]
    assert any("shape of mistralai/Mistral-7B-v0.1" in words for words in copy["assumptions"])
    assert not any("shape of" in words for words in original["assumptions"])


def test_a_whole_loss_is_another_program_and_is_counted_as_such(capsys):
    flags = ("Qwen/Qwen2.5-1.5B-Instruct", "--gpu", "A100 80GB", "--method", "lora", "--micro-batch", "4")
    plain = answer(capsys, *flags, "--loss", "full")
    newer = answer(capsys, *flags, "--loss", "full", "--transformers", "5")
    own = answer(capsys, *flags)
    assert plain["recipe"]["logits_held"] and not own["recipe"]["logits_held"]
    assert plain["recipe"]["transformers"] == "4.48" and own["recipe"]["transformers"] == "5"
    copy = 4 * 4 * 2048 * 151936  # fp32, rows x tokens x vocabulary
    assert plain["memory"]["allocated_bytes"] - newer["memory"]["allocated_bytes"] <= copy * 1.01
    assert plain["memory"]["allocated_bytes"] > newer["memory"]["allocated_bytes"] > own["memory"]["allocated_bytes"]
    assert any("shifted copy" in words for words in plain["assumptions"])
    assert not any("shifted copy" in words for words in (*newer["assumptions"], *own["assumptions"]))


def test_modules_that_are_trained_in_full_cost_what_they_hold(capsys):
    flags = ("Qwen/Qwen2.5-7B", "--gpu", "A100 80GB", "--method", "lora")
    adapters = answer(capsys, *flags)
    saved = answer(capsys, *flags, "--modules-to-save", "embed_tokens, lm_head")
    more = saved["model"]["params_trainable"] - adapters["model"]["params_trainable"]
    assert more == 2 * 152_064 * 3584
    # fp32 weights, their gradients and two moments.
    grown = saved["memory"]["allocated_bytes"] - adapters["memory"]["allocated_bytes"]
    assert 16 * more <= grown < 18 * more


def test_gradients_of_several_micro_batches_are_held_while_the_next_runs(capsys):
    flags = ("Qwen/Qwen2.5-1.5B", "--gpu", "A100 80GB", "--method", "full", "--precision", "bf16",
             "--micro-batch", "16", "--optimizer", "adamw_8bit")  # fmt: skip
    one = answer(capsys, *flags)
    assert any("--accumulation" in words for words in one["assumptions"])
    several = answer(capsys, *flags, "--accumulation", "4")
    assert several["recipe"]["accumulates"] and not one["recipe"]["accumulates"]
    assert several["memory"]["allocated_bytes"] > one["memory"]["allocated_bytes"] + 2 * 10**9
    assert "--accumulation 0 is not possible" in refusal(capsys, *flags, "--accumulation", "0")


@pytest.mark.parametrize(
    ("base", "flags", "less"),
    [
        (("--method", "lora"), ("--kernels", "liger"), True),
        (("--method", "lora"), ("--kernels", "unsloth"), True),
        (("--method", "qlora", "--kbit-upcast", "none"), ("--kbit-upcast", "all"), False),
        (("--method", "full", "--gpus", "4", "--sharding", "fsdp"), ("--cpu-offload",), True),
    ],
)
def test_how_other_programs_train_changes_the_memory(capsys, base, flags, less):
    common = ("Qwen/Qwen2.5-7B", "--gpu", "A100 80GB", "--micro-batch", "4", "--seq-len", "1024")
    plain, other = (answer(capsys, *common, *base, *more)["memory"]["allocated_bytes"] for more in ((), flags))
    assert other < plain if less else other > plain


def test_every_task_is_answered_for_every_way_of_sharing(capsys, small):
    for task in ("sft", "dpo", "grpo", "rloo"):
        for sharding in ("fsdp", "zero2", "zero3"):
            for method in ("full", "qlora"):
                flags = ("--task", task, "--gpus", "2", "--sharding", sharding, "--method", method, "--seq-len", "128")
                found = answer(capsys, small, "--vram-gib", "24", *flags)
                assert found["verdict"] == "fits" and found["recipe"]["sharding"] == sharding


def test_quantised_weights_leave_qlora_on_the_cpu_too(capsys, small, monkeypatch):
    monkeypatch.setattr("ftui.services.hardware_signs.has_any_sign", lambda: False)
    assert answer(capsys, small, "--quant", "nf4", "--seq-len", "128")["recipe"]["method"] == "qlora"


# ---- asked wrongly ----


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Qwen/Qwen2.5-7Bx", "--gpu", "RTX 4090"], "No such model"),
        (["Qwen/Qwen3-8B", "--gpu", "RTX 4090", "--seq-len", "99999999"], "made for 40,960"),
        (["openai-community/gpt2", "--gpu", "RTX 4090", "--seq-len", "2048"], "made for 1,024"),
        (["tiny", "--vram-gib", "24", "--lora-targets", "qproj"], "Its matrices are down_proj"),
        (["tiny", "--vram-gib", "24", "--method", "lora", "--modules-to-save", "norm"], "called embed_tokens"),
        (["Qwen/Qwen2.5-7B", "--gpu", "RTX 9999"], "No such GPU"),
        (["Qwen/Qwen2.5-7B", "--vram-gib", "-1"], "no GPU memory"),
        (["Qwen/Qwen2.5-7B", "--vram-gib", "24", "--free-gib", "48"], "--free-gib 48"),
        (["Qwen/Qwen2.5-7B", "--gpu", "L4", "--seq-len", "0"], "--seq-len 0"),
        (["Qwen/Qwen2.5-7B", "--gpu", "L4", "--micro-batch", "-3"], "--micro-batch -3"),
        (["Qwen/Qwen2.5-7B", "--gpu", "L4", "--price-per-hour", "-1"], "--price-per-hour"),
        (["Qwen/Qwen2.5-7B", "--gpu", "L4", "--tokens", "0"], "--tokens 0"),
        (["Qwen/Qwen2.5-7B", "--gpu", "L4", "--method", "full", "--quant", "nf4"], "quantised weights"),
        (["Qwen/Qwen2.5-7B", "--gpu", "L4", "--lora-targets", ","], "lora_targets"),
        (["Qwen/Qwen2.5-7B", "--gpu", "L4", "--gpus", "0"], "--gpus 0"),
        (["Qwen/Qwen2.5-7B", "--probe-file", "/nowhere.json"], "No such hardware file"),
        (["/nowhere", "--gpu", "L4"], "nothing is at /nowhere"),
    ],
)
def test_mistakes_are_one_sentence(capsys, arguments, said):
    assert said in refusal(capsys, *arguments)


def test_configs_that_say_too_little(capsys, tmp_path):
    for change, said in (
        ({"hidden_size": None}, "hidden_size"),
        ({"hidden_size": -5}, "hidden_size"),
        ({"model_type": None}, "model_type"),
        ({"num_attention_heads": 3}, "multiple"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**CONFIG, **change}))
        assert said in refusal(capsys, str(tmp_path / "config.json"), "--gpu", "L4")


def test_a_guess_is_never_silent(capsys, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "model_type": "neverheard"}))
    found = answer(capsys, str(tmp_path / "config.json"), "--gpu", "L4", "--method", "lora")
    assert any("neverheard" in sentence for sentence in found["assumptions"])
    found = answer(capsys, "Qwen/Qwen2.5-7B", "--gpu", "A100-80GB", "--method", "lora", "--seq-len", "200000", code=1)
    assert any("200000" in sentence or "200,000" in sentence for sentence in found["assumptions"])


def test_torch_is_never_loaded():
    import subprocess
    import sys

    code = (
        "import sys; from ftui.cli import main; main(['fit', 'Qwen/Qwen2.5-7B', '--gpu', 'L4', '--json']);"
        "assert not {'torch', 'transformers', 'textual', 'rich', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_short_name_means_the_model_that_is_trained():
    assert find_model("smollm2-135m", online=False).id == SMOLLM2


def test_several_gpus_where_there_is_none(monkeypatch):
    monkeypatch.setattr("ftui.services.hardware_signs.has_any_sign", lambda: False)
    monkeypatch.delenv("FTUI_HARDWARE", raising=False)
    with pytest.raises(FtuiError, match="There are not 4 GPUs"):
        fit_target.machine_target(wanted=4)


def test_experts_of_qlora_are_packed_where_each_gpu_holds_a_whole_model():
    shape = find_model("mistralai/Mixtral-8x7B-v0.1", online=False).shape
    target = fit_target.named_target("H200", None)
    packed = answer_fit(shape, target, {"method": "qlora"})
    # 46.7 B weights at 0.516 bytes, but for embedding, head and routers.
    assert 22 * GIB < packed.memory.components["weights"] < 24 * GIB
    assert any("packed into four bits too" in sentence for sentence in packed.memory.assumptions)
    for given in ({"quant": "int8"}, {"gpus": 2, "sharding": "fsdp"}):
        found = answer_fit(shape, target, {"method": "qlora", **given})
        assert found.memory.components["weights"] > 40 * GIB
        assert any("stay in 16 bit" in sentence for sentence in found.memory.assumptions)


def test_without_checkpointing_the_unpacked_experts_of_all_layers_are_kept(capsys):
    flags = ("Qwen/Qwen3-30B-A3B", "--method", "qlora", "--gpu", "RTX 4090", "--micro-batch", "1", "--seq-len", "1024")
    checkpointed = answer(capsys, *flags)
    assert checkpointed["verdict"] == "fits"
    kept = answer(capsys, *flags, "--grad-checkpointing", "off", code=1)
    assert kept["memory"]["components"]["weight_copies"] > 50 * GIB


def test_small_models_are_counted_in_millions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "tiny", "--gpu", "RTX 4090"]) == 0
    assert "tiny, 2.3 M parameters, on NVIDIA" in capsys.readouterr().out.replace("\n", " ")
    assert main(["fit", "--gpu", "RTX 4090"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.endswith("GiB") and line.startswith("  ")]
    assert len({len(line) for line in rows}) == 1, "columns line up also below the longest name"
    assert any(" M " in line for line in rows) and any(" B " in line for line in rows)


def test_a_worker_that_takes_too_long_says_what_would_be_shorter() -> None:
    from ftui.core.fit.request import FitRequest
    from ftui.services.fit_worker import run_worker

    with pytest.raises(FtuiError, match="took too long") as caught:
        run_worker("probe", CONFIG, FitRequest(), timeout_seconds=0.01)
    assert "--seq-len" in caught.value.hint


def test_on_the_cpu_nothing_of_cuda_is_counted(capsys, small, tmp_path, monkeypatch):
    machine = tmp_path / "probe.json"
    machine.write_text(json.dumps({"gpus": [], "memory": {"total_bytes": 64 * GIB, "usable_bytes": 64 * GIB}}))
    monkeypatch.setenv("FTUI_HARDWARE", str(machine))
    components = answer(capsys, small, "--method", "lora")["memory"]["components"]
    assert "weights" in components and not {"library_workspace", "rounding"} & set(components)
    assert "library_workspace" in answer(capsys, small, "--method", "lora", "--gpu", "T4")["memory"]["components"]

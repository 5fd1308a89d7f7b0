"""`ftui models`: the catalogue, what is here, and one model in full."""

import json
import struct

import pytest

from ftui.cli import main
from ftui.core.catalog.models import all_models
from ftui.services.model_config import find_model
from ftui.services.model_list import stored_params

CONFIG = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1,
    "num_attention_heads": 4, "vocab_size": 256, "tie_word_embeddings": True,
}  # fmt: skip


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))


@pytest.fixture
def cached(tmp_path):
    """A model in the hub cache whose weights are complete."""
    snapshot = tmp_path / "hub/models--some[one]--thing/snapshots/abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text(json.dumps(CONFIG))
    total = find_model(str(snapshot)).shape.total_params
    header = {"model.embed_tokens.weight": {"dtype": "BF16", "shape": [total], "data_offsets": [0, 2 * total]}}
    header["x.rotary_emb.inv_freq"] = {"dtype": "F32", "shape": [8], "data_offsets": [2 * total, 2 * total + 32]}
    text = json.dumps(header).encode()
    (snapshot / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    template = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}"
    (snapshot / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    return snapshot


def output(capsys, *arguments, code=0):
    assert main(["models", *arguments]) == code
    return capsys.readouterr().out


def test_the_list_has_the_whole_catalogue(capsys):
    document = json.loads(output(capsys, "--json"))
    assert [row["id"] for row in document["catalogue"]] == [card.id for card in all_models()]
    page = output(capsys)
    assert "mistralai/Mixtral-8x7B-v0.1" in page and "gated" in page
    assert all(len(line) < 120 for line in page.splitlines())


def test_search_needs_every_word(capsys):
    ids = [row["id"] for row in json.loads(output(capsys, "--json", "--search", "QWEN2.5 7b"))["catalogue"]]
    assert "Qwen/Qwen2.5-7B" in ids and "Qwen/Qwen2.5-72B" not in ids and "Qwen/Qwen3-8B" not in ids
    assert "any hub id" in output(capsys, "--search", "nothing at all", code=1).lower()


def test_what_is_here(capsys, cached):
    document = json.loads(output(capsys, "--local", "--json"))
    (found,) = [row for row in document["local"] if row["id"] != "tiny"]
    assert (found["id"], found["state"]) == ("some[one]/thing", "complete")
    assert document["catalogue"] == []
    assert "some[one]/thing" in output(capsys, "--local")


def test_one_model_of_the_catalogue(capsys):
    facts = json.loads(output(capsys, "mixtral-8x7b-v0.1", "--json"))
    assert (facts["params_total"], facts["context_tokens"]) == (46_702_792_704, 32_768)
    assert facts["params_active"] < facts["params_total"] and facts["license"] == "apache-2.0"
    assert facts["checked_against"]["params"] == facts["params_total"]
    page = output(capsys, "Qwen/Qwen3-0.6B")
    assert "596,049,920" in page and "155,582,464 elements higher" in page


def test_one_model_on_this_machine(capsys, cached):
    facts = json.loads(output(capsys, str(cached), "--json"))
    assert facts["weights"]["state"] == "complete"
    assert facts["checked_against"]["params"] == facts["params_total"]
    assert facts["template"]["present"] and facts["template"]["generation_markers"]
    assert not facts["template"]["tools"]
    assert "the same count" in output(capsys, str(cached))


def test_pickles_are_named(capsys, cached):
    (cached / "model.safetensors").unlink()
    (cached / "pytorch_model.bin").write_bytes(b"")
    assert "can run code" in output(capsys, str(cached))


def test_a_typo_names_the_nearest(capsys):
    assert main(["models", "Qwen/Qwen2.5-7Binstruct"]) == 2
    assert "Qwen/Qwen2.5-7B-Instruct" in capsys.readouterr().err


def test_hostile_names_do_nothing(capsys, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "model_type": "llama\u001b[2J"}))
    main(["models", str(tmp_path)])
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err


def test_buffers_are_no_parameters():
    from ftui.services.model_headers import Tensor

    tensors = {"a.weight": Tensor("F32", (2, 3)), "h.0.attn.bias": Tensor("F32", (9, 9))}
    assert stored_params(tensors) == 6

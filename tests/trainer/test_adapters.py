"""Adapters: the weighted sum is exact, the others keep their rank, and what has no sum is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from adapters_kit import run_with_adapter

from ftui.cli import main
from ftui.core.events import Event
from ftui.errors import FtuiError
from ftui.services.adapters import adapter_folder, list_adapters, merge_adapters
from ftui.services.chat import open_chat


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def changes(model: Path, folder: Path) -> dict[str, Any]:
    """What an adapter adds to each weight."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    loaded = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), folder)
    return {
        name: module.get_delta_weight("default").detach()
        for name, module in loaded.named_modules()
        if hasattr(module, "get_delta_weight")
    }


@pytest.mark.parametrize("rslora", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_linear_is_the_exact_weighted_sum(home: Path, tiny_model: Path, rslora: bool) -> None:
    import torch

    one = run_with_adapter(home / "runs" / "one", tiny_model, 1, use_rslora=rslora)
    two = run_with_adapter(home / "runs" / "two", tiny_model, 2, r=8, use_rslora=rslora)
    said: list[Event] = []
    done = merge_adapters(one, ["two"], weights=[0.7, -0.3], hear=said.append)
    first, second = changes(tiny_model, one.path / "model"), changes(tiny_model, two.path / "model")
    merged = changes(tiny_model, done.path)
    assert merged.keys() == first.keys()
    for name, change in merged.items():
        torch.testing.assert_close(change, 0.7 * first[name] - 0.3 * second[name], atol=1e-5, rtol=1e-4)
    assert [part["rows"] for part in done.check["parts"]] == [12, 12]
    assert said
    assert sorted(path.name for path in done.path.parent.iterdir()) == [done.path.name]


@pytest.mark.slow
def test_merging_lists_and_naming_from_the_command_line(
    home: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_with_adapter(home / "runs" / "one", tiny_model, 1, strength=0.01)
    run_with_adapter(home / "runs" / "two", tiny_model, 2, strength=0.01)
    code = main(["adapters", "merge", "one", "two", "--method", "ties", "--density", "0.5", "--json"])
    made = json.loads(capsys.readouterr().out)
    assert code == (0 if made["passed"] else 1)
    folder = Path(made["path"])
    assert folder.name == ("one+two-ties-0.5" if made["passed"] else "one+two-ties-0.5.failed")
    assert json.loads((folder / "adapter_config.json").read_text())["r"] == 8
    assert main(["adapters", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {entry["name"] for entry in listed} == {"one", "two", folder.name}
    assert adapter_folder(folder.name)[1] == folder
    assert len(list_adapters()) == 3
    if made["passed"]:
        assert main(["adapters", "merge", "one", "two", "--method", "ties"]) == 2
        assert "exists" in capsys.readouterr().err


@pytest.mark.slow
def test_what_cannot_be_merged_is_refused_and_leaves_nothing(home: Path, tiny_model: Path) -> None:
    one = run_with_adapter(home / "runs" / "one", tiny_model, 1)
    two = run_with_adapter(home / "runs" / "two", tiny_model, 2, use_dora=True)
    with pytest.raises(FtuiError, match="DoRA"):
        merge_adapters(one, ["two"])
    config = json.loads((two.path / "model" / "adapter_config.json").read_text())
    (two.path / "model" / "adapter_config.json").write_text(
        json.dumps({**config, "base_model_name_or_path": "another/base"})
    )
    with pytest.raises(FtuiError, match="different bases"):
        merge_adapters(one, ["two"])
    with pytest.raises(FtuiError, match="One adapter"):
        merge_adapters(one, [])
    with pytest.raises(FtuiError, match="Wrong number of weights"):
        merge_adapters(one, [str(one.path)], weights=[1.0])
    assert list((home / "adapters").iterdir()) == []


def test_chat_streams_base_tuned_and_another_adapter_side_by_side(home: Path, tiny_model: Path) -> None:
    one = run_with_adapter(home / "runs" / "one", tiny_model, 1)
    two = run_with_adapter(home / "runs" / "two", tiny_model, 2)
    question = [{"role": "user", "content": "please apple now"}]
    with open_chat(one, others={"two": two.path / "model"}) as chat:
        assert chat.models == ("base", "tuned", "two")
        pieces = list(chat.ask(question, models=chat.models, max_new_tokens=12))
        answers = {name: "".join(piece.text for piece in pieces if piece.model == name) for name in chat.models}
        ends = [piece for piece in pieces if piece.end]
        assert {piece.model for piece in ends} == set(chat.models)
        assert all(piece.tokens <= 12 for piece in ends)
        first_end = pieces.index(ends[0])
        assert len({piece.model for piece in pieces[:first_end]}) == 3, "they take turns"
        # Leaving early ends the answer, and the next question gets its own answer only.
        long = chat.ask(question, models=["tuned"], max_new_tokens=200)
        next(long)
        long.close()  # type: ignore[attr-defined]
        again = list(chat.ask(question, models=["tuned"], max_new_tokens=12))
        assert "".join(piece.text for piece in again) == answers["tuned"]
        refused = list(chat.ask([{"role": "user", "content": "apple " * 400}]))
        assert any("window" in piece.error for piece in refused)
    with open_chat(two) as chat:
        alone = list(chat.ask(question, models=["base", "tuned"], max_new_tokens=12))
    assert "".join(piece.text for piece in alone if piece.model == "tuned") == answers["two"]
    assert "".join(piece.text for piece in alone if piece.model == "base") == answers["base"]


@pytest.mark.slow
def test_an_adapter_of_another_shape_is_a_sentence(home: Path, tiny_model: Path, tmp_path: Path) -> None:
    one = run_with_adapter(home / "runs" / "one", tiny_model, 1)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "adapter_config.json").write_text("{}")
    with pytest.raises(FtuiError, match="does not belong"):
        open_chat(one, others={"broken": broken})

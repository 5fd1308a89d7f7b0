"""lm-eval, by a stand-in that writes results as the harness does."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftui.core.plan import from_mapping
from ftui.errors import FtuiError
from ftui.services import lm_eval
from ftui.services.files import read_json, write_json
from ftui.services.lm_eval import run_lm_eval
from ftui.services.plans import save_plan
from ftui.services.runs import Run, State, write_state

HARNESS = """
import json, pathlib, sys
said = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if "unknown" in said["--tasks"]:
    sys.exit("ValueError: Tasks not found: unknown")
tuned = "peft=" in said["--model_args"]
folder = pathlib.Path(said["--output_path"]) / "model"
folder.mkdir()
scores = {"alias": "arc", "acc,none": 0.75 if tuned else 0.5, "acc_stderr,none": 0.1, "em,strict": 0.2, "sample_len": 9}
(folder / "results_2026.json").write_text(json.dumps({"results": {"arc": scores}}))
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    made = Run(tmp_path / "run")
    for name in ("model", "logs", "eval"):
        (made.path / name).mkdir(parents=True)
    write_json(made.path / "model" / "adapter_config.json", {})
    save_plan(from_mapping({"model": {"id": "m", "path": "/base"}, "data": {"train": "t"}}), made.plan_file)
    write_state(made, State("finished", 1))
    package = tmp_path / "packages" / "lm_eval"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(HARNESS)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.syspath_prepend(str(package.parent))
    return made


def test_base_and_tuned_side_by_side(run: Run) -> None:
    tasks = read_json(run_lm_eval(run, ["arc"]))["tasks"]
    assert tasks["arc"]["acc"] == {"base": 0.5, "tuned": 0.75, "base_stderr": 0.1, "tuned_stderr": 0.1}
    assert set(tasks["arc"]) == {"acc", "em (strict)"}


def test_an_unknown_task_is_a_sentence_with_the_harness_own_words(run: Run) -> None:
    with pytest.raises(FtuiError, match="Tasks not found"):
        run_lm_eval(run, ["unknown"])
    assert not (run.path / "eval" / "lm-eval.json").exists()
    with pytest.raises(FtuiError, match="Which tasks"):
        run_lm_eval(run, [" "])


def test_without_the_harness_it_says_how_to_get_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm_eval.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FtuiError) as caught:
        run_lm_eval(run, ["arc"])
    assert "pip install lm-eval" in caught.value.hint

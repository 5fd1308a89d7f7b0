"""A model on this machine as judge: it reads both orders, and nothing that it could say is unreadable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from adapters_kit import run_with_adapter

from ftui.cli import main
from ftui.core.rating import NAMES
from ftui.services.files import read_json, write_json


@pytest.mark.slow
def test_a_local_model_judges_and_is_kept(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    run = run_with_adapter(tmp_path / "home" / "runs" / "one", tiny_model, 1)
    rows = [{"id": n, "prompt": f"p{n}", "reference": "", "base": f"b{n}", "tuned": f"t{n}"} for n in range(3)]
    (run.path / "eval" / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_json(run.verdict_file, {"verdict": "INCONCLUSIVE", "reasons": [], "primary": "m", "metrics": {}})
    assert main(["eval", str(run.path), "--judge", str(tiny_model), "--json"]) == 1
    verdict = json.loads(capsys.readouterr().out)["judge"]
    assert verdict["rows"] == 3
    assert set(verdict["criteria"]) == set(NAMES)
    assert len((run.path / "eval" / "judge.jsonl").read_text().splitlines()) == 6
    assert main(["eval", str(run.path), "--judge", str(tiny_model)]) == 1
    assert "both orders" in capsys.readouterr().out
    assert len(read_json(run.path / "eval" / "judge.json")["opinions"]) == 3

"""Rows that no tokenizer takes are refused with their reason: in the preview, in a proposal, in training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftui.core.render import Options, RenderError, render_row
from ftui.services.paths import sample_data
from ftui.services.preview import preview
from ftui.services.proposal import data_facts

ROWS = [
    {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "An answer."}]}
    for text in ("half \ud800 a pair", "whole")
]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_the_preview_refuses_half_a_surrogate_pair_and_shows_the_others(rows: Path) -> None:
    pytest.importorskip("tokenizers")
    seen = preview(str(rows), None, None)
    assert [row["index"] for row in seen["rows"]] == [1]
    assert "row 0" in seen["refused"][0] and "surrogate" in seen["refused"][0]


def test_a_proposal_counts_such_a_row_by_its_characters(rows: Path) -> None:
    pytest.importorskip("tokenizers")
    from ftui.services.model_config import find_model

    facts = data_facts(str(rows), find_model("tiny"))
    assert facts.rows == 2 and facts.longest_tokens


def test_the_trainers_tokenizer_refuses_it_too() -> None:
    transformers = pytest.importorskip("transformers")
    from ftui.trainer.dialect import dialect_of

    tokenizer = transformers.AutoTokenizer.from_pretrained(sample_data() / "tiny-model")
    with pytest.raises(RenderError, match="surrogate"):
        render_row(dialect_of(tokenizer), ROWS[0], Options())
    assert render_row(dialect_of(tokenizer), ROWS[1], Options())

"""An exported adapter of a model that thinks carries a template that asks as its training did."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from adapters_kit import run_with_adapter

from ftui.core.render_thought import SILENT
from ftui.services.files import read_json


def test_the_template_and_the_notes_say_that_it_was_tuned_without_thought(tmp_path: Path, tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    from ftui.trainer.export import export

    spec = find_spec("trl")
    assert spec is not None and spec.origin is not None
    template = (Path(spec.origin).parent / "chat_templates" / "qwen3.jinja").read_text(encoding="utf-8")
    run = run_with_adapter(tmp_path / "run", tiny_model, 1)
    tokenizer = AutoTokenizer.from_pretrained(run.path / "model")
    tokenizer.chat_template = template
    tokenizer.save_pretrained(run.path / "model")

    export(run.path, {"format": "adapter", "out": str(tmp_path / "out"), "prompts": 3})
    check = read_json(tmp_path / "out" / "check.json")
    assert check["passed"] and any("answers without thought" in note for note in check["notes"])
    exported = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert exported.chat_template == SILENT + template
    asked = [{"role": "user", "content": "Why?"}]
    text = exported.apply_chat_template(asked, tokenize=False, add_generation_prompt=True, enable_thinking=True)
    assert text.endswith("<think>\n\n</think>\n\n")

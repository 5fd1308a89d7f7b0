"""A model's tokenizer and template from its folder: what is read from where, and what is refused in plain words."""

import json
from pathlib import Path
from typing import Any

import pytest
from chat_templates_kit import CHATML, SMOLLM2, write_model

from ftui.core.render import RenderError, render_chat
from ftui.errors import FtuiError
from ftui.services.chat_template import ChatTemplate
from ftui.services.tokenizer import load_tokenizer

HI = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]


def configure(folder: Path, **values: Any) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_tokens_and_limits(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write_model(tmp_path / "model", CHATML, {"max_position_embeddings": 4096}))
    assert (tokenizer.name, tokenizer.bos_token, tokenizer.eos_token, tokenizer.unk_token) == (
        "model",
        "<s>",
        "</s>",
        "",
    )
    assert tokenizer.unk_id == -1 and tokenizer.token_id("</s>") == tokenizer.eos_id
    assert {"<s>", "</s>", "<|im_end|>"} <= tokenizer.special_tokens
    assert tokenizer.context_tokens == 4096 and not tokenizer.adds_bos
    ids = tokenizer.encode_batch(["Hello.</s>"])[0].ids
    assert ids[-1] == tokenizer.eos_id and tokenizer.decode(ids) == "Hello.</s>"
    assert tokenizer.decode(ids, skip_special_tokens=True) == "Hello."


@pytest.mark.parametrize(
    ("config", "tokens"),
    [
        ({"text_config": {"max_position_embeddings": 512}, "max_position_embeddings": None}, 512),
        ({"n_positions": 99}, 2048),
    ],
)
def test_the_context_is_found_where_models_write_it(tmp_path: Path, config: dict[str, Any], tokens: int) -> None:
    assert load_tokenizer(write_model(tmp_path, CHATML, config)).context_tokens == tokens


def test_special_tokens_may_be_objects(tmp_path: Path) -> None:
    write_model(tmp_path, CHATML)
    configure(tmp_path, eos_token={"content": "<|im_end|>", "special": True}, model_max_length=10**30)
    (tmp_path / "config.json").unlink()
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.eos_token == "<|im_end|>" and tokenizer.context_tokens is None


def test_the_template_file_wins_over_the_config(tmp_path: Path) -> None:
    write_model(tmp_path, None)
    configure(tmp_path, chat_template=[{"name": "tool_use", "template": "x"}, {"name": "default", "template": CHATML}])
    assert load_tokenizer(tmp_path).chat_template == CHATML
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": "json"}))
    assert load_tokenizer(tmp_path).chat_template == "json"
    (tmp_path / "chat_template.jinja").write_text(SMOLLM2)
    assert load_tokenizer(tmp_path).chat_template == SMOLLM2
    assert load_tokenizer(tmp_path, chat_template=CHATML).chat_template == CHATML


def test_a_base_model_says_that_it_has_no_template(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write_model(tmp_path, None))
    with pytest.raises(RenderError, match="no chat template"):
        render_chat(tokenizer.dialect, HI)


def test_the_tokenizer_that_adds_begin_of_text_is_known(tmp_path: Path) -> None:
    assert load_tokenizer(write_model(tmp_path, CHATML, bos=True)).adds_bos


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("tokenizer.json", None, "no tokenizer.json"),
        ("tokenizer.json", "{", "cannot be read"),
        ("tokenizer_config.json", "{", "not JSON"),
        ("chat_template.jinja", "{% for %}", "not valid Jinja"),
    ],
)
def test_broken_folders_are_refused_in_one_sentence(tmp_path: Path, name: str, content: str | None, title: str) -> None:
    write_model(tmp_path, CHATML)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content)
    with pytest.raises(FtuiError) as refused:
        load_tokenizer(tmp_path)
    assert title in refused.value.title and refused.value.hint


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FtuiError, match="No such model folder"):
        load_tokenizer(tmp_path / "absent")


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ raise_exception('no') }}",
        "{{ range(10**9) | list }}",
        "{{ undefined.attribute }}",
        "{{ cycler.__init__.__globals__ }}",
    ],
)
def test_a_hostile_template_is_a_refusal(source: str) -> None:
    with pytest.raises(RenderError):
        ChatTemplate(source, {}).render(HI)


def test_marks_are_positions_not_text() -> None:
    template = ChatTemplate(
        "{% for m in messages %}[{{ m.role }}]{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}", {}
    )
    text, spans = template.render_spans(HI)
    assert text == template.render(HI) == "[user]Hi[assistant]Hello."
    assert [text[a:b] for a, b in spans] == ["Hi", "Hello."]
    assert not ChatTemplate(CHATML, {}).has_markers


def test_keys_that_are_names_of_methods_stay_methods() -> None:
    """As in transformers: `message.items` is the method even where the message has a key of that name."""
    template = ChatTemplate("{% for k, v in messages[0].items() %}{{ k }};{% endfor %}", {})
    assert template.render([{"role": "user", "items": "x"}]) == "role;items;"


def test_it_is_what_transformers_does(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    folder = write_model(tmp_path, SMOLLM2)
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    theirs.chat_template = SMOLLM2
    made = render_chat(load_tokenizer(folder).dialect, HI)
    assert list(made.ids) == theirs.apply_chat_template(HI, tokenize=True, return_dict=False)

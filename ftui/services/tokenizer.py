"""A model's tokenizer and chat template from its folder, without torch: for lint, previews and length counts.

Reads tokenizer.json, tokenizer_config.json, special_tokens_map.json, chat_template.jinja (or .json) and config.json;
never weights, never code. Gives the same `Dialect` that the trainer builds from transformers' tokenizer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ftui.core.render import Dialect, RenderError
from ftui.core.render_dialect import HALF_A_PAIR
from ftui.errors import FtuiError
from ftui.services.chat_template import ChatTemplate

_SPECIAL_NAMES = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")
_NO_LIMIT = 10**9
"""transformers writes an absurd model_max_length where a tokenizer knows of no limit."""


class ModelTokenizer:
    """Implements `ftui.core.lint.model.ChatTokenizer`. `dialect` is what `ftui.core.render` wants."""

    def __init__(self, folder: Path, chat_template: str | None = None) -> None:
        """Load from `folder`; `chat_template` (Jinja source) takes the place of the model's own.

        Raises FtuiError when the folder has no readable tokenizer.json or the template is not Jinja.
        """
        config = _read_json(folder / "tokenizer_config.json")
        specials = {**_read_json(folder / "special_tokens_map.json"), **config}
        self.name = folder.name
        self.path = str(folder)
        self._tokenizer = _load(folder)
        named = {name: _token_text(specials.get(name)) for name in _SPECIAL_NAMES}
        self.bos_token, self.eos_token = named["bos_token"], named["eos_token"]
        self.pad_token, self.unk_token = named["pad_token"], named["unk_token"]
        self.bos_id, self.eos_id = self._id(self.bos_token), self._id(self.eos_token)
        self.pad_id, self.unk_id = self._id(self.pad_token), self._id(self.unk_token)
        self.special_tokens: frozenset[str] = frozenset(
            {token.content for token in self._tokenizer.get_added_tokens_decoder().values() if token.special}
            | {text for text in named.values() if text}
        )
        self.adds_bos = self._adds_bos(config)
        self.chat_template = chat_template if chat_template is not None else _chat_template(folder, config)
        self.context_tokens = _context_tokens(_read_json(folder / "config.json"), config)
        self._template = ChatTemplate(self.chat_template, {k: v for k, v in named.items() if v})

    @cached_property
    def dialect(self) -> Dialect:
        """Template and tokenizer as `ftui.core.render` uses them."""
        template = self._template
        return Dialect(
            render=template.render if self.chat_template else _no_template,
            encode=self._encode,
            bos=self.bos_token,
            eos=self.eos_token,
            adds_bos=self.adds_bos,
            special_tokens=self.special_tokens,
            render_spans=template.render_spans if template.has_markers else None,
            marks_in_place=template.marks_in_place,
        )

    @property
    def has_markers(self) -> bool:
        """Whether the chat template marks answers with {% generation %}."""
        return self._template.has_markers

    def encode_batch(self, texts: Sequence[str]) -> Sequence[Any]:
        """Encode texts that already hold their special tokens, on all cores; each result has `ids` and `offsets`."""
        encoded: Sequence[Any] = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return encoded

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens))

    def token_id(self, token: str) -> int | None:
        """The id of a token of the vocabulary, None when there is none."""
        found = self._tokenizer.token_to_id(token)
        return None if found is None else int(found)

    def token(self, token_id: int) -> str:
        """The vocabulary's own writing of a token: "Ġthe", "<0x0A>"."""
        return self._tokenizer.id_to_token(token_id) or ""

    def _encode(self, text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
        try:
            encoding = self._tokenizer.encode(text, add_special_tokens=False)
        except TypeError:
            raise RenderError(HALF_A_PAIR) from None
        return encoding.ids, encoding.offsets

    def _id(self, token: str) -> int:
        found = self.token_id(token) if token else None
        return -1 if found is None else found

    def _adds_bos(self, config: dict[str, Any]) -> bool:
        """Whether the tokenizer puts begin-of-text in front of a raw text; its config overrules its post-processor."""
        if self.bos_id < 0:
            return False
        if isinstance(config.get("add_bos_token"), bool):
            return bool(config["add_bos_token"])
        return bool(self._tokenizer.encode("a").ids[:1] == [self.bos_id])


def load_tokenizer(folder: Path, chat_template: str | None = None) -> ModelTokenizer:
    """Load a model's tokenizer and chat template. Raises FtuiError: no such files, or the `train` extra is missing."""
    if not folder.is_dir():
        raise FtuiError("No such model folder", str(folder), "Give a folder that holds tokenizer.json.")
    return ModelTokenizer(folder, chat_template)


def _load(folder: Path) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as missing:
        raise FtuiError(
            "The tokenizer cannot be loaded",
            "the package tokenizers is not installed",
            "Run: pip install 'ftui-wizard[train]'",
        ) from missing
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise FtuiError(
            "The model has no tokenizer.json",
            f"in {folder}",
            "Older models only ship tokenizer.model; open it once with transformers' AutoTokenizer and save it again.",
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust library raises a bare Exception for a file that it cannot read
        raise FtuiError("The tokenizer cannot be read", f"{path}: {error}", "Fetch the file again.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FtuiError("A model file is not JSON", f"{path}: {error}", "Fetch the file again.") from error
    return value if isinstance(value, dict) else {}


def _token_text(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else ""


def _chat_template(folder: Path, config: dict[str, Any]) -> str:
    """The template, where transformers looks for it: chat_template.jinja, chat_template.json, tokenizer_config.json."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8", errors="replace")
    value = _read_json(folder / "chat_template.json").get("chat_template", config.get("chat_template"))
    if isinstance(value, list):  # several templates by name, "default" among them
        named = {entry.get("name"): entry.get("template") for entry in value if isinstance(entry, dict)}
        value = named.get("default")
    return value if isinstance(value, str) else ""


def _context_tokens(model: dict[str, Any], tokenizer: dict[str, Any]) -> int | None:
    inner = model.get("text_config")
    for place, name in ((model, "max_position_embeddings"), (inner, "max_position_embeddings"), (model, "n_positions")):
        if isinstance(place, dict) and isinstance(place.get(name), int):
            return int(place[name])
    limit = tokenizer.get("model_max_length")
    return int(limit) if isinstance(limit, (int, float)) and 0 < limit < _NO_LIMIT else None


def _no_template(*_: Any, **__: Any) -> str:
    raise RenderError("the model has no chat template: it is a base model, or its template was not downloaded")

"""Where the tokenizer and chat template of a model are, for the TOK rules: no weights are needed or fetched."""

from __future__ import annotations

from pathlib import Path

from ftui.core.catalog import models as catalogue
from ftui.errors import FtuiError
from ftui.services.files import write_atomic
from ftui.services.model_config import HUB_ID, TINY, cached_snapshot
from ftui.services.model_hub import HubError, fetch, hub_url
from ftui.services.paths import home, make_private, sample_data

FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "config.json")
MAX_FILE_BYTES = 64 << 20


def tokenizer_folder(ref: str) -> Path:
    """The folder that holds tokenizer.json of "tiny", a folder, a catalogue name or a hub id.

    A model that is not on this machine has its tokenizer files (a few megabytes) fetched from the hub, once.
    Raises FtuiError when there is none.
    """
    if ref == TINY:
        return sample_data() / "tiny-model"
    folder = Path(ref).expanduser()
    if (folder / "tokenizer.json").is_file():
        return folder.absolute()
    if folder.is_dir() or ref.startswith((".", "/", "~")):
        raise FtuiError("No tokenizer there", f"{ref} holds no tokenizer.json", "Give a model folder or a hub id.")
    card = catalogue.find_model(ref)
    model_id = card.id if card else ref
    if not HUB_ID.fullmatch(model_id):
        raise FtuiError(
            "No such model", f"{ref!r} is neither a folder nor a hub id", "ftui models lists the catalogue."
        )
    cached = cached_snapshot(model_id)
    if cached is not None and (cached / "tokenizer.json").is_file():
        return cached
    return _fetched(model_id)


def _fetched(model_id: str) -> Path:
    folder = home() / "tokenizers" / model_id.replace("/", "--")
    if (folder / "tokenizer.json").is_file():
        return folder
    make_private(folder)
    for name in reversed(FILES):  # tokenizer.json last: it is what makes the folder complete
        try:
            content = fetch(hub_url(model_id, name), MAX_FILE_BYTES)
        except HubError as error:
            if name != "tokenizer.json" and error.status == 404:
                continue
            raise FtuiError(
                "The tokenizer cannot be fetched", f"{model_id}: {error.sentence}", "Give a folder with tokenizer.json."
            ) from None
        write_atomic(folder / name, content.decode("utf-8", "replace"))
    return folder

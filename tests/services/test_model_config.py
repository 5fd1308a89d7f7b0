"""Finding a model's config: paths, the hub cache, the catalogue, and a hub that this test serves itself."""

import json
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ftui.errors import FtuiError
from ftui.services.model_config import cached_snapshot, find_model, weights_state
from ftui.services.model_headers import fetch_headers, read_headers
from ftui.services.model_list import describe

CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 256,
    "tie_word_embeddings": False, "max_position_embeddings": 512,
}  # fmt: skip
TENSORS = {"model.embed_tokens.weight": ("BF16", [256, 64]), "lm_head.weight": ("F32", [256, 64])}


def safetensors_bytes(tensors, padding=0):
    header, offset = {"__metadata__": {"format": "pt", "pad": "x" * padding}}, 0
    for name, (dtype, shape) in tensors.items():
        size = shape[0] * shape[1] * (2 if dtype == "BF16" else 4)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * offset


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No hub, no cache and no home but this test's own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def hub(monkeypatch):
    """A web server in place of the hub: `files` maps paths to bytes or (status, headers)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.seen.append((self.path, dict(self.headers)))
            found = server.files.get(self.path)
            if not isinstance(found, bytes):
                status, headers = found or (404, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                return
            asked = self.headers.get("Range")
            if asked:
                first, last = map(int, asked.removeprefix("bytes=").split("-"))
                found = found[first : last + 1]
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

        def log_message(self, *_): ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.seen = {}, []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    yield server
    server.shutdown()
    server.server_close()


def cache_model(tmp_path, model_id="someone/thing", revision="abc"):
    repo = tmp_path / "hub" / f"models--{model_id.replace('/', '--')}"
    snapshot = repo / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir(exist_ok=True)
    (repo / "refs" / "main").write_text(revision)
    (snapshot / "config.json").write_text(json.dumps(CONFIG))


def test_a_config_file_and_a_folder(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text(json.dumps(CONFIG))
    by_file, by_folder = find_model(str(tmp_path / "m/config.json")), find_model("m")
    assert by_file.source == "file" and by_folder.source == "folder"
    assert by_file.shape == by_folder.shape and by_folder.shape.layers == 2
    assert by_folder.folder is not None and by_file.folder is None


def test_the_catalogue_takes_ids_and_short_names_in_any_case():
    found = find_model("qwen2.5-7b")
    assert (found.id, found.source) == ("Qwen/Qwen2.5-7B", "catalogue")
    assert found.shape.total_params == found.card.params_total


def test_what_is_in_the_cache_wins_over_the_catalogue(tmp_path):
    cache_model(tmp_path, "Qwen/Qwen2.5-7B")
    found = find_model("Qwen/Qwen2.5-7B")
    assert found.source == "cache" and found.shape.hidden_size == 64 and found.card is not None


def test_a_cache_without_main_gives_its_newest_revision(tmp_path):
    cache_model(tmp_path, revision="abc")
    (tmp_path / "hub/models--someone--thing/refs/main").write_text("gone")
    assert cached_snapshot("someone/thing").name == "abc"
    assert cached_snapshot("someone/else") is None


def test_the_hub_is_asked_once_and_remembered(hub, monkeypatch):
    hub.files["/someone/new/resolve/main/config.json"] = json.dumps(CONFIG).encode()
    assert find_model("someone/new").source == "hub"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert find_model("someone/new").source == "fetched"
    assert len(hub.seen) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "404"),
        ((401, {}), "asks for permission"),
        ((500, {}), "500"),
        (b"<html>", "not JSON"),
        (b"[1]", "no model config"),
        (b'{"model_type": "llama"}', "does not say enough"),
        (b" " * 5_000_002, "larger than"),
    ],
)
def test_whatever_the_hub_says_is_one_sentence(hub, answer, said):
    hub.files["/someone/odd/resolve/main/config.json"] = answer
    with pytest.raises(FtuiError) as caught:
        find_model("someone/odd")
    assert said in str(caught.value)


def test_a_hub_that_cannot_be_reached_is_named_with_the_nearest_ids(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(FtuiError) as caught:
        find_model("Qwen/Qwen2.5-7Bb")
    assert "could not be reached" in str(caught.value) and "Qwen/Qwen2.5-7B" in caught.value.hint


def test_offline_says_so():
    with pytest.raises(FtuiError, match="HF_HUB_OFFLINE"):
        find_model("someone/unknown")


def test_the_token_goes_to_the_hub_and_not_to_where_it_redirects(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.files["/a/b/resolve/main/config.json"] = (302, {"Location": f"http://localhost:{hub.server_port}/elsewhere"})
    hub.files["/elsewhere"] = json.dumps(CONFIG).encode()
    find_model("a/b")
    assert [headers.get("Authorization") for _, headers in hub.seen] == ["Bearer hf_secret", None]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("./nowhere", "nothing is at"),
        ("model.gguf", "nothing is at"),
        ("../../etc/passwd", "nothing is at"),
        ("a/b/c", "neither a file nor a hub id"),
        ("", "neither a file nor a hub id"),
        ("qwen?x=1", "neither a file nor a hub id"),
    ],
)
def test_names_that_cannot_be_models(name, said):
    with pytest.raises(FtuiError) as caught:
        find_model(name)
    assert said in str(caught.value)


def test_folders_and_files_that_are_not_models(tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/adapter_config.json").write_text('{"base_model_name_or_path": "Qwen/Qwen3-8B"}')
    with pytest.raises(FtuiError) as caught:
        find_model("adapter")
    assert "adapter, not a model" in str(caught.value) and "Qwen/Qwen3-8B" in caught.value.hint
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    with pytest.raises(FtuiError, match="gguf file does not say enough"):
        find_model("x.gguf")
    with pytest.raises(FtuiError, match=r"No config\.json"):
        find_model(str(tmp_path / "adapter" / ".."))


def test_headers_of_a_folder_and_of_shards(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(safetensors_bytes(TENSORS))
    tensors = read_headers(tmp_path)
    assert tensors["lm_head.weight"].dtype == "F32" and tensors["lm_head.weight"].elements == 256 * 64
    (tmp_path / "model.safetensors").rename(tmp_path / "model-1.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-1.safetensors"}}')
    assert read_headers(tmp_path) == tensors
    assert weights_state(tmp_path)[0] == "complete"
    (tmp_path / "model-1.safetensors").unlink()
    assert weights_state(tmp_path) == ("none", 0)
    with pytest.raises(FtuiError, match="missing"):
        read_headers(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "no safetensors file"),
        (struct.pack("<Q", 1 << 60) + b"{}", "no safetensors file"),
        (struct.pack("<Q", 9) + b"{not json", "damaged"),
        (struct.pack("<Q", 8) + b'{"a": 5}', "damaged"),
    ],
)
def test_damaged_weight_files(tmp_path, content, said):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(FtuiError) as caught:
        read_headers(tmp_path)
    assert said in str(caught.value)


def test_an_index_may_not_name_files_elsewhere(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../../secret.safetensors"}}')
    with pytest.raises(FtuiError, match="elsewhere"):
        read_headers(tmp_path)


def test_headers_from_the_hub_take_two_small_reads_when_the_header_is_long(hub):
    content = safetensors_bytes(TENSORS, padding=100_000)
    hub.files["/a/b/resolve/main/model.safetensors"] = content
    tensors = fetch_headers("a/b")
    assert sum(tensor.elements for tensor in tensors.values()) == 2 * 256 * 64
    ranges = [headers["Range"] for path, headers in hub.seen if path.endswith(".safetensors")]
    assert len(ranges) == 2 and ranges[0] == "bytes=0-65535"


def test_a_model_of_the_hub_is_checked_against_the_headers_of_its_weights(hub):
    hub.files["/a/b/resolve/main/config.json"] = json.dumps(CONFIG).encode()
    hub.files["/a/b/resolve/main/model.safetensors"] = safetensors_bytes(TENSORS)
    assert describe(find_model("a/b"))["checked_against"] == {
        "source": "the headers of the weight files on the hub",
        "params": 2 * 256 * 64,
        "dtypes": ["BF16", "F32"],
    }


def test_only_pickles_is_unsafe(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    assert weights_state(tmp_path)[0] == "unsafe"
    with pytest.raises(FtuiError, match="No safetensors"):
        read_headers(tmp_path)

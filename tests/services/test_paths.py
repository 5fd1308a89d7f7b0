import sys

import platformdirs
import pytest

from ftui.services.paths import home, hub_cache


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is platformdirs that is asked")
@pytest.mark.parametrize("data", ["", " ", "/x/y", "relative", "~/q", "/with space/ü"])
def test_home_without_an_override(monkeypatch, data):
    monkeypatch.delenv("FTUI_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", data)
    assert str(home()) == platformdirs.user_data_dir("ftui", appauthor=False)


def test_override(monkeypatch, tmp_path):
    monkeypatch.setenv("FTUI_HOME", str(tmp_path))
    assert home() == tmp_path


def test_where_the_hub_keeps_models(monkeypatch, tmp_path):
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert hub_cache() == tmp_path / "x/huggingface/hub"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "h"))
    assert hub_cache() == tmp_path / "h/hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "c"))
    assert hub_cache() == tmp_path / "c"

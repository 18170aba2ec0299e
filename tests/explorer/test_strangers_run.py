"""A run from somebody else, which names an encoder of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sracl_core.errors import ConfigError, InputError
from sracl_core.explorer import Explorer
from sracl_core.semantics.encode import bundled_folder
from tests.trained import Shop


@pytest.fixture
def theirs(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shop's run whose config.yaml names an encoder in a folder."""
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    shutil.copytree(bundled_folder(), tmp_path / "encoder")
    run = tmp_path / "runs" / shop.run.name
    shutil.copytree(shop.run, run)
    text = (run / "config.yaml").read_text()
    assert "encoder: all-MiniLM-L6-v2" in text
    (run / "config.yaml").write_text(text.replace("all-MiniLM-L6-v2", str(tmp_path / "encoder")))
    return run


def test_its_encoder_is_taken_when_the_user_gives_it(shop: Shop, theirs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"--encoder '{tmp_path / 'encoder'}'"):
        Explorer.open(theirs).search("tea")
    ask = ("recommend", theirs, "--history", "tea-003", "--text", "tea", "--json", "--k", "2")
    cache = str(tmp_path / "cache")
    done = shop.sracl(*ask, "--encoder", tmp_path / "encoder", SRACL_CACHE_DIR=cache)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["items"]) == 2
    assert Explorer.open(theirs).search("tea").results


def test_another_encoder_than_the_run_s_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = Explorer.open(shop.run)
    monkeypatch.setattr(explorer.loaded, "item_vectors", explorer.loaded.item_vectors[:, :100])
    with pytest.raises(InputError, match=r"vectors of 384 numbers, this run's have 100"):
        explorer.search("tea")

"""A run from somebody else, which names an encoder of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sracl_core.cli import settings
from sracl_core.errors import ConfigError, InputError
from sracl_core.explorer import Explorer
from sracl_core.files import write_json
from sracl_core.pipeline.new_run import run_meta
from sracl_core.pipeline.run import resume, take_text_encoder
from sracl_core.runs.directory import RunDirectory, create_run
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import TextEncoder, bundled_folder
from tests.tiny import hashed_words, tiny_config, tiny_dataset
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
    meta = RunDirectory(run).meta()
    meta["config"]["semantics.encoder"] = str(tmp_path / "encoder")
    write_json(run / "meta.json", meta)
    return run


def test_its_encoder_is_taken_when_the_user_gives_it(shop: Shop, theirs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"encoder '{tmp_path / 'encoder'}'"):
        Explorer.open(theirs).search("tea")
    ask = ("recommend", theirs, "--history", "tea-003", "--text", "tea", "--json", "--k", "2")
    cache = str(tmp_path / "cache")
    done = shop.sracl(*ask, "--encoder", tmp_path / "encoder", SRACL_CACHE_DIR=cache)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["items"]) == 2
    assert Explorer.open(theirs).search("tea").results


def test_another_encoder_than_the_run_s_is_refused(theirs: Path, tmp_path: Path) -> None:
    (tmp_path / "encoder" / "sentence_bert_config.json").write_text('{"max_seq_length": 3}')
    with pytest.raises(InputError, match="is not the one that made this run's item vectors"):
        Explorer.open(theirs, text_encoder=str(tmp_path / "encoder")).search("tea")


def test_resume_and_settings_files_ask_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(bundled_folder(), tmp_path / "encoder")
    config = tiny_config(tiny_dataset(tmp_path), {"training.max_epochs": 1, "semantics.encoder": "./encoder"})
    run = create_run(tmp_path / "runs", "theirs", config, run_meta(config))
    with RunWriter(run) as writer, pytest.raises(ConfigError, match="never given here by yourself"):
        resume(run, writer)
    (tmp_path / "sracl.yaml").write_text("semantics: {encoder: ./encoder}")
    with pytest.raises(ConfigError, match=r"semantics\.encoder='\./encoder'"):
        settings.resolve(None, None, [])
    assert settings.resolve(None, None, ["semantics.encoder=./encoder"])[0].semantics.encoder == "./encoder"
    run = take_text_encoder(run, "./encoder")
    with RunWriter(run) as writer:
        assert resume(run, writer)["best_epoch"] == 0
    settings.resolve(None, None, [])

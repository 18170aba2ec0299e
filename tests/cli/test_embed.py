"""`sracl embed`: what it says it will encode is what it encodes, and what a training then need not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sracl_core.cli.main import run
from sracl_core.pipeline.estimate import plan
from sracl_core.semantics.encode import TextEncoder
from tests.tiny import hashed_words, tiny_config, tiny_dataset


def test_texts_are_counted_encoded_and_then_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    dataset = tiny_dataset(tmp_path)

    def told(*words: str) -> dict[str, object]:
        assert run(["embed", str(dataset), "--json", *words]) == 0
        return dict(json.loads(capfd.readouterr().out))

    before = told("--dry-run")
    assert not (tmp_path / "cache" / "vectors").exists(), "a dry run writes nothing"
    assert before["to_encode"] == before["texts"] == plan(tiny_config(dataset)).texts_to_encode > 100
    assert plan(tiny_config(dataset)).texts == before["texts"]
    assert told()["to_encode"] == before["texts"]
    assert (tmp_path / "cache" / "vectors").exists()
    assert told("--dry-run")["to_encode"] == plan(tiny_config(dataset)).texts_to_encode == 0
    longer = told("--dry-run", "--set", "semantics.users=titles")
    assert longer["to_encode"] == longer["texts"] - before["texts"] > 0  # type: ignore[operator]


def test_an_encoder_that_a_file_of_the_folder_names_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    dataset = tiny_dataset(tmp_path)
    (tmp_path / "sracl.yaml").write_text("semantics: {encoder: someone/theirs}")
    assert run(["embed", str(dataset), "--dry-run"]) == 2
    assert "was never given here by yourself" in capfd.readouterr().err

"""A command opens its dataset once, and opens it again when it has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sracl_core.data import sources
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.semantics.encode import TextEncoder
from sracl_core.semantics.store import VectorStore
from tests.tiny import SAMPLE, hashed_words, tiny_config, tiny_dataset, tiny_run


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    original = sources.load_dataset

    def counted(folder: Path | str) -> Any:
        found.append(str(folder))
        return original(folder)

    monkeypatch.setattr(sources, "load_dataset", counted)
    return found


def test_a_training_opens_its_dataset_once(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    config = tiny_config(tiny_dataset(tmp_path), {"training.max_epochs": 1})
    tiny_run(config, tmp_path / "runs")
    assert opened == [str(tmp_path / "tiny")]
    sources.load_sources(tiny_config(tmp_path / "tiny", {"model.max_length": 7}))
    prepare(SAMPLE, tmp_path / "tiny", PrepareOptions(sample_users=50))
    assert sources.load_sources(config).dataset.n_users == 50
    assert len(opened) == 2, "what another length of histories needs is there already"


def test_next_item_alone_encodes_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("nobody reads it")

    for owner, name in ((TextEncoder, "encode"), (TextEncoder, "_loaded"), (VectorStore, "vectors")):
        monkeypatch.setattr(owner, name, never)
    changes = {
        "objectives.sracl.weight": 0.0,
        "objectives.next_item.smoothing": 0.0,
        "model.item_init": "random",
        "training.max_epochs": 1,
    }
    config = tiny_config(tiny_dataset(tmp_path), changes)
    assert not config.needs
    run = tiny_run(config, tmp_path / "runs")
    assert [path.name for path in run.model_dir.iterdir()] == ["items.json"]

"""The loss curve of tiny runs, held to recorded values: a refactor may change none of them.

Texts become vectors by hashing words, which needs no model and is the same on every machine. To
record anew, with the reason in the commit message: `python -m tests.training.test_identical_loss`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sracl_core.config_layers import validated
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.pipeline import run_meta, train
from sracl_core.runs.directory import create_run
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import TextEncoder

ROOT = Path(__file__).parents[2]
RECORDED = Path(__file__).with_name("identical_loss.json")
TINY: dict[str, Any] = {
    "model.hidden_size": 16,
    "model.layers": 1,
    "model.inner_size": 32,
    "retrieval.k": 5,
    "training.batch_size": 192,
    "training.max_epochs": 5,
    "training.threads": 1,
    "training.device": "cpu",
}
OBJECTIVES: dict[str, dict[str, Any]] = {
    "next_item": {"objective.sracl.alpha": 0.0, "objective.sracl.beta": 0.0},
    "soft_targets": {
        "objective.sracl.alpha": 0.0,
        "objective.sracl.beta": 0.0,
        "objective.next_item.smoothing": 0.2,
        "objective.next_item.neighbor_targets": 0.3,
    },
    "sracl": {"objective.sracl.alpha": 0.2, "objective.sracl.beta": 0.3},
}
CASES = [f"{backbone}-{objective}" for backbone in ("sasrec", "gru4rec") for objective in OBJECTIVES]
HASHED_SIZE = 32


def hashed_words(_: TextEncoder, texts: Sequence[str], *__: Any, **___: Any) -> np.ndarray:
    """Vectors of length 1: the sum of what each word's hash draws."""

    def of_word(word: str) -> np.ndarray:
        seed = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")
        return np.random.default_rng(seed).standard_normal(HASHED_SIZE)

    words = {word: of_word(word) for word in {word for text in texts for word in text.split()}}
    sums = np.array([np.sum([words[word] for word in text.split()], axis=0) for text in texts])
    return (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)


def curves(dataset: Path, runs: Path, case: str) -> dict[str, list[float]]:
    """Each part of the loss by epoch (two steps each), as the run's metrics.jsonl says."""
    backbone, objective = case.split("-")
    changes = {"dataset.path": str(dataset), "model.name": backbone, **OBJECTIVES[objective]}
    config = validated({**TINY, **changes}, {})
    run = create_run(runs, case, config, run_meta(config))
    with RunWriter(run) as writer:
        train(config, run, writer)
    records = map(json.loads, run.metrics_path.read_text().splitlines())
    epochs = [record for record in records if record["event"] == "epoch"]
    parts = [name for name in ("loss", "next_item", "inter", "intra") if name in epochs[0]]
    return {part: [epoch[part] for epoch in epochs] for part in parts}


def prepared(folder: Path) -> Path:
    prepare(ROOT / "sample_data", folder / "tiny", PrepareOptions(sample_users=40))
    return folder / "tiny"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("identical"))


@pytest.mark.parametrize("case", CASES)
def test_the_loss_curve_is_the_recorded_one(
    dataset: Path, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(dataset.parent / "cache"))
    expected = json.loads(RECORDED.read_text())[case]
    found = curves(dataset, tmp_path, case)
    assert list(found) == list(expected)
    for part, losses in found.items():
        assert losses == pytest.approx(expected[part], rel=1e-4), part


def record() -> None:
    TextEncoder.encode = hashed_words  # type: ignore[method-assign,assignment]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SRACL_CACHE_DIR"] = str(Path(folder) / "cache")
        dataset = prepared(Path(folder))
        found = {case: curves(dataset, Path(folder) / "runs", case) for case in CASES}
    RECORDED.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(record())

"""The loss curve of tiny runs, held to recorded values: a refactor may change none of them.

To record anew, with the reason in the commit message: `python -m tests.training.test_identical_loss`.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from sracl_core.semantics.encode import TextEncoder
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

RECORDED = Path(__file__).with_name("identical_loss.json")
OBJECTIVES: dict[str, dict[str, Any]] = {
    "next_item": {"objectives.sracl.alpha": 0.0, "objectives.sracl.beta": 0.0},
    "soft_targets": {
        "objectives.sracl.alpha": 0.0,
        "objectives.sracl.beta": 0.0,
        "objectives.next_item.smoothing": 0.2,
        "objectives.next_item.neighbor_targets": 0.3,
    },
    "sracl": {"objectives.sracl.alpha": 0.2, "objectives.sracl.beta": 0.3},
}
CASES = [f"{backbone}-{objective}" for backbone in ("sasrec", "gru4rec") for objective in OBJECTIVES]


def curves(dataset: Path, runs: Path, case: str) -> dict[str, list[float]]:
    """Each part of the loss by epoch (two steps each), as the run's metrics.jsonl says."""
    backbone, objective = case.split("-")
    config = tiny_config(dataset, {"model.name": backbone, **OBJECTIVES[objective]})
    run = tiny_run(config, runs, case)
    records = map(json.loads, run.metrics_path.read_text().splitlines())
    epochs = [record for record in records if record["event"] == "epoch"]
    parts = [name for name in ("loss", "next_item", "inter", "intra") if name in epochs[0]]
    return {part: [epoch[part] for epoch in epochs] for part in parts}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dataset(tmp_path_factory.mktemp("identical"))


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
        dataset = tiny_dataset(Path(folder))
        found = {case: curves(dataset, Path(folder) / "runs", case) for case in CASES}
    RECORDED.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    record()

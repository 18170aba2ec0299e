"""Processes that share each batch reach what one process reaches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sracl_core.data.sources import load_sources
from sracl_core.errors import InputError
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.silent import SilentWriter
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import TextEncoder
from sracl_core.team import Team, rank_told, size_told
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run
from tests.training.team_members import trained_together

# Masks of dropout are drawn by process: without them all numbers are one process's.
STILL: dict[str, Any] = {
    "model.dropout": 0.0,
    "model.attention_dropout": 0.0,
    "training.max_epochs": 2,
    "training.average_decay": 0.9,
    "objectives.sracl.synthesizer_dropout": 0.0,
}
BARE: dict[str, Any] = {**STILL, "objectives.sracl.weight": 0.0}
CASES: dict[str, dict[str, Any]] = {
    "every-loss-gathered": {
        **STILL,
        "objectives.next_item.smoothing": 0.2,
        "model.repeats": "fitted",
        "model.evidence": "both",
    },
    "sampled-lazily": {
        **BARE,
        "objectives.next_item.loss": "sampled",
        "objectives.next_item.negatives": 20,
        "training.item_adam": "lazy",
    },
    "yes-or-no": {**BARE, "objectives.next_item.loss": "bce"},
    "views-gathered": {**BARE, "objectives.duorec.weight": 0.1, "objectives.iclrec.weight": 0.1,
                       "objectives.iclrec.clusters": 8},
}  # fmt: skip

TIMES = {"time", "seconds", "elapsed", "prefixes_per_second"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dataset(tmp_path_factory.mktemp("team"))


def epochs(run: RunDirectory) -> list[dict[str, Any]]:
    records = map(json.loads, run.metrics_path.read_text().splitlines())
    return [record for record in records if record["event"] == "epoch"]


@pytest.mark.parametrize("size", [2, 3])
def test_a_team_has_the_losses_and_the_ranks_of_one_process(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(dataset.parent / "cache"))
    cases = CASES if size == 2 else {"a-batch-of-one": {**STILL, "evaluation.batch_size": 7}}
    if size == 3:
        config = tiny_config(dataset, BARE)
        cases["a-batch-of-one"]["training.batch_size"] = len(load_sources(config).prefixes) - 1
    trained_together(size, dataset, tmp_path, cases)
    for name, changes in cases.items():
        alone = tiny_run(tiny_config(dataset, changes), tmp_path / "alone", name)
        (shared,) = map(RunDirectory, tmp_path.glob(f"*-{name}"))
        assert len(epochs(alone)) == len(epochs(shared)) == 2
        for mine, theirs in zip(epochs(alone), epochs(shared), strict=True):
            parts = {name for name, value in mine.items() if isinstance(value, float)} - TIMES
            assert "loss" in parts
            for part in parts:
                assert theirs[part] == pytest.approx(mine[part], rel=1e-5, abs=1e-6), (name, part)
        ranks = [np.load(run.ranks_path) for run in (alone, shared)]
        assert sorted(ranks[0]) == sorted(ranks[1])
        for part in ranks[0]:
            same = np.mean(ranks[0][part] == ranks[1][part])
            assert same > 0.97, (name, part)  # scores within 1e-6 of one another may change places


def test_a_silent_writer_answers_whatever_a_writer_does() -> None:
    public = {name for name in vars(RunWriter) if not name.startswith("_")}
    assert public - {"message"} <= vars(SilentWriter).keys()  # a message is an event


def test_shares_follow_one_another_and_leave_out_nobody() -> None:
    for size in (1, 2, 3, 5):
        for n in (0, 1, 2, 7, 12):
            parts = [np.arange(n)[Team(rank, size).share(n)] for rank in range(size)]
            assert np.concatenate(parts).tolist() == list(range(n))
            assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(("name", "value"), [("WORLD_SIZE", "two"), ("WORLD_SIZE", "0"), ("RANK", "7")])
def test_what_the_environment_tells_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"{name} is '{value}'"):
        size_told(), rank_told()

"""A run stands by the dataset that it began with, down to the order of interactions at one time."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sracl_core.data.dataset import load_dataset
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.errors import IncomparableError, RunError
from sracl_core.explorer import Explorer
from sracl_core.pipeline.run import evaluate, move_dataset, resume
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.lock import only_writer
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import TextEncoder
from sracl_core.studies.comparing import compare_runs
from sracl_core.studies.earlier import EarlierRuns
from tests.tiny import SAMPLE, hashed_words, tiny_config, tiny_run

MONTH = 30 * 86_400


def prepared(folder: Path, name: str, order: Callable[[list[dict]], list[dict]]) -> Path:
    """The sample with times cut to months, so that many are equal, and its rows in another order."""
    with (SAMPLE / "interactions.csv").open() as file:
        rows = [{**row, "timestamp": int(row["timestamp"]) // MONTH} for row in csv.DictReader(file)]
    raw = folder / f"raw-{name}"
    raw.mkdir()
    with (raw / "interactions.csv").open("w") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(order(rows))
    (raw / "items.csv").write_bytes((SAMPLE / "items.csv").read_bytes())
    prepare(raw, folder / name, PrepareOptions(sample_users=40, name="ties"))
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("identity") / "a[b]*c?"
    base.mkdir()
    prepared(base, "given", lambda rows: rows)
    # Users the other way round, but each one's rows as they were: the order of ties is the same.
    prepared(base, "moved", lambda rows: sorted(rows, key=lambda row: row["user_id"], reverse=True))
    prepared(base, "reversed", lambda rows: rows[::-1])
    return base


@pytest.fixture(scope="module")
def run(folder: Path) -> RunDirectory:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextEncoder, "encode", hashed_words)
        patch.setenv("SRACL_CACHE_DIR", str(folder / "cache"))
        return tiny_run(tiny_config(folder / "given", {"training.max_epochs": 1}), folder / "runs")


def test_rows_elsewhere_are_the_same_dataset(folder: Path) -> None:
    given, moved, other = (load_dataset(folder / name) for name in ("given", "moved", "reversed"))
    assert given.manifest["counts"]["same_time"] > 100
    assert given.identity == moved.identity != other.identity
    assert given.items.ids == moved.items.ids == other.items.ids == sorted(given.items.ids)
    for name in ("interactions.parquet", "items.parquet"):
        assert (folder / "given" / name).read_bytes() == (folder / "moved" / name).read_bytes()


def test_the_same_dataset_elsewhere_gives_the_same_results(folder: Path, run: RunDirectory) -> None:
    before = run.results()
    moved = move_dataset(run, folder / "moved")
    assert evaluate(moved)["test"] == (before or {})["test"]
    move_dataset(run, folder / "given")
    settings = run.config_path.read_bytes()
    with only_writer(run), pytest.raises(RunError, match="is being written"):
        move_dataset(run, folder / "moved")
    assert run.config_path.read_bytes() == settings


def test_other_ties_are_refused_by_name(folder: Path, run: RunDirectory) -> None:
    expected = rf"{re.escape(str(folder / 'reversed'))} has changed since {run.name} began with it"
    with pytest.raises(RunError, match=expected):
        move_dataset(run, folder / "reversed")
    with pytest.raises(RunError, match=expected):
        Explorer.open(run.path, dataset=folder / "reversed")
    (folder / "given").rename(folder / "kept")
    (folder / "reversed").rename(folder / "given")
    try:
        expected = rf"{re.escape(str(folder / 'given'))} has changed since {run.name} began with it"
        with pytest.raises(RunError, match=expected):
            evaluate(run)
        with RunWriter(run) as writer, pytest.raises(RunError, match=expected):
            resume(run, writer)
    finally:
        (folder / "given").rename(folder / "reversed")
        (folder / "kept").rename(folder / "given")


def test_a_study_takes_no_run_of_other_ties(folder: Path, run: RunDirectory) -> None:
    assert EarlierRuns(folder / "runs").find(run.config, load_dataset(folder / "moved").identity) == run
    assert EarlierRuns(folder / "runs").find(run.config, load_dataset(folder / "reversed").identity) is None


def with_identity(run: RunDirectory, path: Path, identity: str | None) -> RunDirectory:
    """A run of which only meta.json and config.yaml are there."""
    path.mkdir(parents=True)
    meta = run.meta()
    meta["dataset"]["identity"] = identity
    (path / "meta.json").write_text(json.dumps(meta))
    (path / "config.yaml").write_bytes(run.config_path.read_bytes())
    return RunDirectory(path)


def test_runs_of_other_ties_are_not_compared(folder: Path, run: RunDirectory, tmp_path: Path) -> None:
    other = with_identity(run, tmp_path / "other", load_dataset(folder / "reversed").identity)
    with pytest.raises(IncomparableError, match="differ in dataset"):
        compare_runs([run, other], "test")


def test_a_run_of_an_earlier_version_says_how_to_renew_it(run: RunDirectory, tmp_path: Path) -> None:
    old = with_identity(run, tmp_path / "a run", None)
    with pytest.raises(RunError, match=r"sracl train --config '.*/a run/config.yaml'"):
        evaluate(old)
    with pytest.raises(RunError, match="sracl train --config"):
        compare_runs([run, old], "test")

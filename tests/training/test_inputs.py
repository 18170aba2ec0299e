"""A run goes on, and is asked, with the very texts, vectors and tables that it began with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from sracl_core.cli.export import model as export_model
from sracl_core.data.dataset import load_dataset
from sracl_core.errors import DataError, InputError, RunError
from sracl_core.explorer import Explorer
from sracl_core.pipeline.new_run import new_run
from sracl_core.pipeline.run import resume, train
from sracl_core.retrieval.table import NeighborTable
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import TextEncoder
from sracl_core.semantics.llm.answers_db import LlmCache
from sracl_core.settings.deciding import ELSEWHERE, settings_hash
from sracl_core.settings.known import flatten
from sracl_core.settings.validation import validated
from sracl_core.studies.earlier import EarlierRuns
from sracl_core.training import inputs
from tests.semantics.llm_shop import describe
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

TWO = {"training.max_epochs": 2}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dataset(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(autouse=True)
def hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))


def other_words(encoder: TextEncoder, texts: Sequence[str], *rest: Any, **named: Any) -> np.ndarray:
    return hashed_words(encoder, [text.upper() for text in texts])


def stopped(dataset: Path, runs: Path, changes: dict[str, Any], name: str = "tiny") -> RunDirectory:
    """A run that was stopped after its first epoch's validation."""
    run = new_run(tiny_config(dataset, {**TWO, **changes}), runs, name)

    def stop(record: dict[str, Any]) -> None:
        if record["event"] == "checkpoint" and record["kind"] == "last":
            raise KeyboardInterrupt

    with RunWriter(run, stop) as writer, pytest.raises(KeyboardInterrupt):
        train(run, writer)
    return run


def goes_on(run: RunDirectory) -> dict[str, Any]:
    with RunWriter(run) as writer:
        return dict(resume(run, writer)["test"])


def log_of(run: RunDirectory) -> str:
    return run.log_path.read_text()


def flip(path: Path) -> None:
    """Another value in the middle of the data, so that the file can still be read."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)


@pytest.fixture(scope="module")
def expected(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The test metrics of a run that was never stopped, and a run that was."""
    runs = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextEncoder, "encode", hashed_words)
        patch.setenv("SRACL_CACHE_DIR", str(runs / "cache"))
        whole = tiny_run(tiny_config(dataset, TWO), runs, "whole").results()
        return (whole or {})["test"], stopped(dataset, runs, {}).path


@pytest.fixture
def halfway(expected: tuple[dict[str, Any], Path], tmp_path: Path) -> RunDirectory:
    """A copy of the stopped run, where no cache knows of it."""
    shutil.copytree(expected[1], tmp_path / "runs" / "halfway")
    return RunDirectory(tmp_path / "runs" / "halfway")


def test_it_goes_on_without_the_cache_and_whatever_the_encoder_says_now(
    halfway: RunDirectory, expected: tuple[dict[str, Any], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TextEncoder, "encode", other_words)
    assert goes_on(halfway) == expected[0]


@pytest.mark.parametrize(
    "file", ["item_vectors.npy", "item_neighbors/ids.npy", "prefix_neighbors/scores.npy", "gone"]
)
def test_what_is_damaged_is_made_again_and_said(
    halfway: RunDirectory, expected: tuple[dict[str, Any], Path], file: str
) -> None:
    if file == "gone":
        shutil.rmtree(halfway.model_dir)
    else:
        flip(halfway.model_dir / file)
    assert goes_on(halfway) == expected[0]
    assert "it is made again" in log_of(halfway)


def test_what_comes_out_otherwise_is_refused_by_name(
    halfway: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(halfway.model_dir / "item_neighbors/ids.npy")
    monkeypatch.setattr(TextEncoder, "encode", other_words)
    with pytest.raises(RunError, match="the item vectors that halfway began with cannot be had any more"):
        goes_on(halfway)


def test_a_run_that_does_not_say_what_it_began_with_is_refused(halfway: RunDirectory) -> None:
    meta = {name: value for name, value in halfway.meta().items() if name != "inputs"}
    halfway.meta_path.write_text(json.dumps(meta))
    with pytest.raises(RunError, match="does not say what halfway was trained on"):
        goes_on(halfway)


@pytest.mark.parametrize("users", ["llm", "titles"])
def test_more_texts_written_in_between_change_nothing(dataset: Path, tmp_path: Path, users: str) -> None:
    shop, cache = load_dataset(dataset), LlmCache()
    changes = {"semantics.items": "llm", "semantics.users": users}
    with pytest.raises(DataError, match="there are none"):
        new_run(tiny_config(dataset, changes), tmp_path / "runs")
    for what in ("items", "users"):
        describe(shop, cache, what, limit=20, model="first")
    whole = tiny_run(tiny_config(dataset, {**TWO, **changes}), tmp_path / "runs", "whole")
    run = stopped(dataset, tmp_path / "runs", changes)
    assert yaml.safe_load(run.config_path.read_text())["describe"]["model"] == "first"
    for what in ("items", "users"):
        describe(shop, cache, what, limit=None, model="first")
        describe(shop, cache, what, limit=None, model="second")
    asked = Explorer.open(run.path).loaded
    assert goes_on(run) == (whole.results() or {})["test"]
    shutil.rmtree(run.model_dir / "item_neighbors")  # also when all has to be made again
    assert goes_on(run) == (whole.results() or {})["test"]
    now = stopped(dataset, tmp_path / "runs", changes, "later")
    assert yaml.safe_load(now.config_path.read_text())["describe"]["model"] == "second"
    assert inputs.recorded(now)["item_texts"] != inputs.recorded(run)["item_texts"]
    if users == "llm":
        assert inputs.recorded(now)["prefix_texts"] != inputs.recorded(run)["prefix_texts"]
        by_then = [asked.profiles.of(user)[1] for user in range(40)]
        assert by_then.count("llm") == 13  # of 20 asked for, 7 failed


def test_the_explorer_asks_nothing_else(halfway: RunDirectory) -> None:
    run = halfway
    table = NeighborTable.load(run.model_dir / "prefix_neighbors")
    replace(table, ids=np.roll(table.ids, 1, axis=0), hash="").save(run.model_dir / "prefix_neighbors")
    flip(run.model_dir / "item_vectors.npy")
    loaded = Explorer.open(run.path).loaded
    with pytest.raises(RunError, match=r"prefix_neighbors is not what .* was trained on"):
        _ = loaded.prefix_table
    with pytest.raises(RunError, match=r"item_vectors.npy is not what .* was trained on"):
        _ = loaded.item_vectors
    meta = run.meta()
    meta["inputs"]["encoder"] = "0" * 64
    run.meta_path.write_text(json.dumps(meta))
    with pytest.raises(InputError, match="is not the one that made this run's item vectors"):
        _ = loaded.text_encoder


@pytest.mark.parametrize("file", ["item_vectors.npy", "items.json"])
def test_nothing_else_is_exported(halfway: RunDirectory, tmp_path: Path, file: str) -> None:
    run = halfway
    export_model(str(run.path), tmp_path / "whole")
    path = run.model_dir / file
    if file == "items.json":
        ids = json.loads(path.read_text())["ids"]
        path.write_text(json.dumps({"ids": ids[::-1]}))
    else:
        flip(path)
    with pytest.raises(RunError, match=rf"{file} is not what .* was trained on"):
        export_model(str(run.path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_earlier_run_is_found_by_what_decides_its_result(dataset: Path, tmp_path: Path) -> None:
    run = new_run(tiny_config(dataset, TWO), tmp_path / "runs")
    shutil.copytree(dataset, tmp_path / "moved")
    base = flatten(run.config)
    elsewhere = {
        "dataset.path": str(tmp_path / "moved"),
        "semantics.batch_size": 3,
        "training.device": "cuda",
        "training.threads": 5,
        "training.checkpoint_minutes": 1.5,
        "evaluation.batch_size": 7,
        "describe.timeout_seconds": 9.0,
        "describe.model": "unread",
    }
    assert set(elsewhere) >= ELSEWHERE
    assert set(base) >= ELSEWHERE
    again = validated({**base, **elsewhere}, {})
    assert EarlierRuns(tmp_path / "runs").find(again, run.dataset_identity()) == run
    for name, value in (("training.seed", 1), ("model.dropout", 0.3), ("evaluation.ks", [20])):
        other = validated({**base, name: value}, {})
        assert EarlierRuns(tmp_path / "runs").find(other, run.dataset_identity()) is None
    reading = [{**base, "semantics.items": "llm", "describe.model": model} for model in ("a", "b")]
    assert len({settings_hash(validated(values, {})) for values in reading}) == 2

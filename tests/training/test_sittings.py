"""A run in several sittings: its times add up, its heart beats, and it stops wherever it is asked to."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sracl_core.errors import Interrupted
from sracl_core.objectives.sracl.objective import SraCl
from sracl_core.pipeline import floors, setup
from sracl_core.pipeline import run as pipeline
from sracl_core.pipeline.new_run import new_run
from sracl_core.runs import writer as writing
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import TextEncoder
from sracl_core.training.session import Session
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "cache"))
    return tiny_dataset(tmp_path)


def begun(dataset: Path, runs: Path, **changes: Any) -> RunDirectory:
    return new_run(tiny_config(dataset, {"training.max_epochs": 3, **changes}), runs, "sittings")


def stop_during(what: str, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send this process a SIGTERM at the call number `after` of a function of the pipeline."""
    original, calls = getattr(setup, what), 0

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == after:
            signal.raise_signal(signal.SIGTERM)
        return original(*arguments, **named)

    monkeypatch.setattr(setup, what, counted)


@pytest.mark.parametrize("after", [1, 3])
def test_stopped_in_a_validation_it_ends_where_it_would_have(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = tiny_run(tiny_config(dataset, {"training.max_epochs": 3}), tmp_path / "whole").results()
    run = begun(dataset, tmp_path / "runs")
    with monkeypatch.context() as patched, RunWriter(run) as writer:
        stop_during("rank_split", after, patched)
        with pytest.raises(Interrupted, match="after a checkpoint"):
            pipeline.train(run, writer)
    state = run.state()
    assert (state["status"], state.get("best_epoch")) == (
        "stopped",
        None if after == 1 else state["best_epoch"],
    )
    first = state["stages"]
    assert first["train"] > 0
    with RunWriter(run) as writer:
        results = pipeline.resume(run, writer)
    assert whole is not None
    assert (results["test"], results["best_epoch"]) == (whole["test"], whole["best_epoch"])
    assert set(results["stages"]) >= {"embed", "neighbors", "train", "evaluate"}
    assert results["stages"]["train"] > first["train"]
    assert results["stages"]["train"] >= results["training_seconds"] > 0


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (setup, "sources_of"),
        (setup, "semantics_of"),
        (pipeline, "start_session"),
        (Session, "load"),
        (SraCl, "start_epoch"),
        (setup, "all_metrics"),
        (Session, "save"),
        (Session, "load_weights"),
        (pipeline, "write_results"),
        (floors, "floor_scores"),
    ],
)
def test_the_heart_beats_while_nothing_calls(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    monkeypatch.setattr(writing, "BEAT_SECONDS", 0.02)
    changes = {"model.name": "popular"} if owner is floors else {}
    run = begun(dataset, tmp_path / "runs", **changes, **{"training.max_epochs": 1})
    gaps: list[float] = []
    original = getattr(owner, name)

    def long(*arguments: Any, **named: Any) -> Any:
        before = run.state()["heartbeat"]
        end = time.monotonic() + 20
        while run.state()["heartbeat"] == before and time.monotonic() < end:
            time.sleep(0.02)
        gaps.append(run.state()["heartbeat"] - before)
        return original(*arguments, **named)

    goes_on = pipeline.train
    if name == "load":
        goes_on = pipeline.resume
        with monkeypatch.context() as patched, RunWriter(run) as writer:
            stop_during("rank_split", 1, patched)
            with pytest.raises(Interrupted):
                pipeline.train(run, writer)
    monkeypatch.setattr(owner, name, long)
    with RunWriter(run) as writer:
        goes_on(run, writer)
    assert gaps
    assert min(gaps) > 0
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_beating_stops_with_what_it_stands_beside(tmp_path: Path, dataset: Path) -> None:
    run = begun(dataset, tmp_path / "runs")
    with RunWriter(run) as writer, pytest.raises(KeyError), writer.beating():
        raise KeyError
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]

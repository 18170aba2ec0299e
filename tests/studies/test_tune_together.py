"""One study that several processes or calls try the settings of at once."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.reader import read_history
from sracl_core.studies import trials, tuning
from sracl_core.studies.specs import Spec, resolve_specs
from sracl_core.studies.tuning import tune
from tests.tiny import tiny_dataset


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune")
    tiny_dataset(folder)
    return folder


def item_knn(base: Path) -> Spec:
    sets, values = ["training.threads=1"], {"": ("dataset.path", str(base / "tiny"))}
    (spec,) = resolve_specs(["item-knn"], None, sets, values)
    return spec


def test_workers_share_one_study(base: Path) -> None:
    runs = base / "workers"
    found = tune(base / "tiny", "item-knn", trials=5, workers=2, sets=["training.threads=1"], runs_dir=runs)
    assert sorted(one.number for one in found.trials) == list(range(5))
    assert {one.state for one in found.trials} == {"complete"}
    pids = {read_history(path.parent).started["pid"] for path in runs.glob("*/meta.json")}  # type: ignore[index]
    assert os.getpid() not in pids


def test_what_another_call_tries_is_waited_for(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = item_knn(base)
    runs, said = base / "beside", list[str]()
    path = tuning.study_file(tuning.task_of(spec), runs)
    trials.open_study(path, tuning.task_of(spec))
    theirs = trials.claim(path, runs, 2)
    assert theirs is not None
    # Of this module alone: threads that other tests have left may sleep, too.
    monkeypatch.setattr(tuning, "time", SimpleNamespace(sleep=lambda seconds: theirs.go()))
    found = tuning.tune_spec(spec, 2, runs, say=said.append)
    assert [one.state for one in found.trials] == ["complete", "complete"]
    assert "1 of them begun before" in said[0]
    assert said[1] == "another call tries the last of them; its end is waited for"


def test_a_trial_that_ends_while_another_call_looks_is_not_taken_for_left(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = item_knn(base)
    runs, theirs = base / "ending", list[trials.Attempt]()
    path = tuning.study_file(tuning.task_of(spec), runs)
    study = trials.open_study(path, tuning.task_of(spec))
    first = trials.claim(path, runs, 1)
    assert first is not None
    theirs.append(first)
    really = trials.is_written

    def asked(run: RunDirectory) -> bool:
        if theirs:
            theirs.pop().go()
        return really(run)

    monkeypatch.setattr(trials, "is_written", asked)
    assert trials.claim(path, runs, 1) is None
    assert not theirs
    assert [one.state.name for one in study.get_trials()] == ["COMPLETE"]

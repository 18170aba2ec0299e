"""A run that is trained for longer ends where one ends that was begun so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sracl_core.cli.main import run as sracl
from sracl_core.errors import InputError, RunError
from sracl_core.pipeline.longer import with_epochs
from sracl_core.pipeline.run import resume
from sracl_core.runs.directory import RunDirectory, open_run
from sracl_core.runs.reader import read_history
from sracl_core.runs.summarizing import summarize
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import TextEncoder
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    base = tmp_path_factory.mktemp("longer")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TextEncoder, "encode", hashed_words)
        patched.setenv("SRACL_CACHE_DIR", str(base / "cache"))
        yield tiny_dataset(base)


def of(dataset: Path, runs: Path, epochs: int, **changes: Any) -> RunDirectory:
    settings = {f"training.{name}": value for name, value in changes.items()}
    return tiny_run(tiny_config(dataset, {"training.max_epochs": epochs, **settings}), runs, f"of-{epochs}")


def weights(run: RunDirectory) -> dict[str, bytes]:
    folder = run.checkpoints
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.safetensors")}


def test_it_ends_where_a_longer_run_ends(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    short, long = of(dataset, tmp_path, 2), of(dataset, tmp_path, 4)
    assert sracl(["resume", str(short.path)]) == 2
    assert f"sracl resume {short.path} --epochs 4` trains it for longer" in capfd.readouterr().err
    assert sracl(["resume", str(short.path), "--epochs", "4", "-q", "--json"]) == 0
    found, expected = json.loads(capfd.readouterr().out), long.results()
    assert expected is not None
    assert (found["test"], found["best_epoch"]) == (expected["test"], expected["best_epoch"])
    short = open_run(short.path)
    assert weights(short) == weights(long)
    assert (short.config.training.max_epochs, summarize(short).status) == (4, "finished")
    (change,) = short.meta()["epochs_changed"]
    assert (change["from"], change["to"]) == (2, 4)
    assert [record["epoch"] for record in read_history(short.path).epochs] == [0, 1, 2, 3]


def test_a_refusal_takes_no_results_away(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = of(dataset, tmp_path, 1)
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    dataset.rename(dataset.with_name("elsewhere"))
    try:
        assert sracl(["resume", str(run.path), "--epochs", "2"]) == 2
    finally:
        dataset.with_name("elsewhere").rename(dataset)
    assert "is not there; give --dataset FOLDER" in capfd.readouterr().err
    assert {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before


def test_an_edited_config_leads_to_it(dataset: Path, tmp_path: Path) -> None:
    run = of(dataset, tmp_path, 1)
    text = run.config_path.read_text()
    run.config_path.write_text(text.replace("max_epochs: 1\n", "max_epochs: 2\n"))
    with pytest.raises(
        RunError, match=r"put training.max_epochs back to 1, and `sracl resume .* --epochs 2`"
    ):
        open_run(run.path).config  # noqa: B018
    run.config_path.write_text(text)
    longer = with_epochs(open_run(run.path), 2)
    # What a kill between the two files leaves.
    meta = longer.meta()
    meta["config"]["training.max_epochs"] = 1
    longer.meta_path.write_text(json.dumps({name: each for name, each in meta.items() if name != "sha256"}))
    again = open_run(run.path)
    assert (again.config.training.max_epochs, again.status(), again.results()) == (2, "stopped", None)
    with RunWriter(again) as writer:
        resume(again, writer)
    assert read_history(again.path).epochs[-1]["epoch"] == 1


@pytest.mark.parametrize(
    ("changes", "epochs", "said"),
    [
        ({}, 2, "has trained 2 epochs already"),
        ({}, 1, "has trained 2 epochs already"),
        ({"schedule": "linear"}, 5, "falls to 0 over its 2 epochs"),
        ({"max_minutes": 1e-9}, 5, "ended after 1e-09 minutes"),
    ],
)
def test_what_more_epochs_cannot_mean_is_said(
    dataset: Path, tmp_path: Path, changes: dict[str, Any], epochs: int, said: str
) -> None:
    run = of(dataset, tmp_path, 2, **changes)
    before = run.config_path.read_bytes(), run.results_path.read_bytes()
    with pytest.raises(InputError, match=said):
        with_epochs(run, epochs)
    assert (run.config_path.read_bytes(), run.results_path.read_bytes()) == before


def test_a_run_without_patience_left(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = of(dataset, tmp_path, 8, patience=1, learning_rate=1.0)
    with pytest.raises(InputError, match=r"1 epoch brought no gain .*--set training.patience=2`") as told:
        with_epochs(run, 20)
    words = str(told.value).partition("`sracl ")[2].replace("`", "").split()
    assert sracl([*words, "--runs-dir", str(tmp_path / "anew"), "-q", "--dry-run"]) == 0

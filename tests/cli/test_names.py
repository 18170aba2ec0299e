"""Names come from the record: parts of the loss, metrics, cut-offs and the monitor show unlisted."""

from __future__ import annotations

import csv
import io
import json

import pytest

from sracl_core.cli.main import run as sracl
from sracl_core.runs import finding
from sracl_core.runs.directory import RunDirectory
from sracl_core.semantics.encode import TextEncoder
from tests.tiny import hashed_words, tiny_config, tiny_dataset, tiny_run

CHANGES = {
    "evaluation.ks": (5, 10),
    "training.monitor": "masked/MRR@5",
    "training.max_epochs": 2,
    "objectives.duorec.weight": 0.1,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory):
    """Two backbones by one protocol, and one of them by another split."""
    folder = tmp_path_factory.mktemp("names")
    patch = pytest.MonkeyPatch()
    patch.setattr(TextEncoder, "encode", hashed_words)
    patch.setenv("SRACL_CACHE_DIR", str(folder / "cache"))
    data = tiny_dataset(folder)
    first = tiny_run(tiny_config(data, CHANGES), folder / "runs", "first")
    second = tiny_run(tiny_config(data, {**CHANGES, "model.name": "gru4rec"}), folder / "runs", "second")
    other = tiny_run(tiny_config(data, {**CHANGES, "dataset.split": "temporal"}), folder / "runs", "other")
    yield [first, second, other]
    patch.undo()


def told(words: list[str], capsys: pytest.CaptureFixture[str], status: int = 0) -> str:
    capsys.readouterr()
    assert sracl(words) == status
    captured = capsys.readouterr()
    return captured.err if status else captured.out


def test_a_run_shows_what_it_recorded(runs: list[RunDirectory], capsys: pytest.CaptureFixture[str]) -> None:
    meta = json.loads(runs[0].meta_path.read_text())
    assert set(meta["parts"]) == {"next_item", "inter", "intra", "duorec/unsupervised", "duorec/supervised"}
    assert meta["headline"] == "masked/MRR@5"
    shown = told(["runs", "show", str(runs[0].path)], capsys)
    header = next(line for line in shown.splitlines() if line.startswith("epoch"))
    assert header.split() == ["epoch", "loss", *meta["parts"], "valid", "masked", "MRR@5", "took"]
    assert "NDCG@10" in shown
    assert "@20" not in shown
    listed = told(["runs", "list", "--runs-dir", str(runs[0].path.parent)], capsys)
    assert "valid masked MRR@5" in listed
    row = next(csv.DictReader(io.StringIO(told(["export", "metrics", str(runs[0].path)], capsys))))
    assert {*meta["parts"], "masked/MRR@5", "unmasked/NDCG@10"} <= row.keys()
    assert "NDCG@10" in told(["runs", "show", "--groups", str(runs[0].path)], capsys)
    words = ["export", "metrics", str(runs[0].path)]
    step = next(csv.DictReader(io.StringIO(told([*words, "--steps"], capsys))))
    assert (step["step"].isdigit(), step["epoch"]) == (True, "0")
    aside = runs[0].metrics_path.rename(runs[0].path / "aside")
    try:
        for to in ("csv", "tensorboard"):
            found = told([*words, "--to", to], capsys, status=2)
            assert "metrics.jsonl is gone; put back a copy" in found
    finally:
        aside.rename(runs[0].metrics_path)


def test_runs_of_one_protocol_are_compared(
    runs: list[RunDirectory], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["runs", "compare", str(runs[0].path), str(runs[1].path)]
    found = json.loads(told([*words, "--json"], capsys))
    assert found["differing"] == {}
    assert found["settings"]["model.name"] == ["sasrec", "gru4rec"]
    assert found["settings"]["model.heads"][1] is None, "a setting that one of them has not"
    tests = {(test["metric"], test["mask"]): test for test in found["paired"][0]}
    assert {name for name, _ in tests} == {"HR@10", "MRR@10", "NDCG@10"}
    values = [(run.results() or {})["test"]["masked"]["MRR@10"] for run in runs[:2]]
    assert tests["MRR@10", "masked"]["difference"] == pytest.approx(values[1] - values[0])
    assert "NOT COMPARABLE" not in told(words, capsys)


@pytest.mark.parametrize(
    "words",
    [
        ["runs", "compare", "RUN", "last"],
        ["runs", "compare", "RUN", "other", "last", "--refreshed"],
        ["runs", "plot", "last", "RUN"],
        ["export", "metrics", "RUN", "RUN", "--to", "tensorboard"],
        ["users", "RUN", "--against", "last"],
    ],
)
def test_a_run_that_is_named_twice_is_refused(
    runs: list[RunDirectory],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    monkeypatch.chdir(runs[0].path.parent.parent)
    last = finding.find_run("last", runs[0].path.parent)
    found = told([str(last) if word == "RUN" else word for word in words], capsys, status=2)
    assert f"are one run, {last.name}; name another, or leave one out" in found


def test_another_split_is_refused_unless_asked_for(
    runs: list[RunDirectory], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["runs", "compare", str(runs[0].path), str(runs[2].path)]
    refused = told(words, capsys, status=2)
    assert "differ in split" in refused
    assert refused.rstrip().endswith("--mixed")
    shown = told([*words, "--mixed"], capsys)
    assert "NOT COMPARABLE: split" in shown
    assert "test, not comparable" in shown
    assert "paired" not in shown
    found = json.loads(told([*words, "--mixed", "--json"], capsys))
    assert found["differing"]["split"] == ["leave_one_out", "temporal"]
    assert found["paired"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["train", "none", "--set", "seed=3"],
            "--set seed is no setting, but an option of this command; write --seed 3",
        ),
        (["train", "none", "--set", "runs_dir=a b"], "write --runs-dir 'a b'"),
        (["train", "none", "--set", "quiet=1"], "write --quiet"),
        (["compare", "none", "--models", "sasrec", "--set", "seed=3"], "write --seeds 3"),
        (["ablate", "none", "--set", "seed"], "write --seeds VALUE"),
    ],
)
def test_an_option_among_settings_is_called_so(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(words, capsys, status=2).endswith(said + "\n")

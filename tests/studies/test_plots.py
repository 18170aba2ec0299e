"""Pictures of runs: what is drawn is what was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sracl_core.cli.main import run as sracl
from sracl_core.data.sources import load_sources
from sracl_core.evaluation.stored import load_lists
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.reader import read_history
from sracl_core.studies.plots import curve, plot, tail
from tests.tiny import tiny_config, tiny_dataset, tiny_run

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunDirectory]:
    base = tmp_path_factory.mktemp("plots")
    dataset = tiny_dataset(base)
    trained = {"model.item_init": "random", "training.max_epochs": 2}
    changes = {"trained": trained, "floor": {"model.name": "popular"}}
    return [tiny_run(tiny_config(dataset, one), base / "runs", name) for name, one in changes.items()]


def test_points_and_shares_are_those_of_the_run(runs: list[RunDirectory]) -> None:
    trained, floor = runs
    minutes, values = curve(trained, "masked/NDCG@10")
    epochs = read_history(trained.path).epochs
    assert values == [record["valid"]["masked"]["NDCG@10"] for record in epochs]
    assert minutes == [record["elapsed"] / 60 for record in epochs]
    sources = load_sources(floor.config)
    items, places = tail(floor, sources, "masked")
    assert (items[0], places[0], items[-1], places[-1]) == (0, 0, 1, 1)
    popularity = np.bincount(sources.split.train.values, minlength=sources.dataset.n_items + 1)[1:]
    first = int(np.argmax(popularity)) + 1
    lists = load_lists(floor)["masked_list"]
    assert places[1] == pytest.approx((lists == first).sum() / (lists > 0).sum())


@pytest.mark.parametrize("name", ["all.svg", "all.png", "all.pdf"])
def test_a_picture_of_each_form(runs: list[RunDirectory], tmp_path: Path, name: str) -> None:
    assert plot(runs, ("curves", "groups", "tail"), tmp_path / "new" / name) == ["curves", "groups", "tail"]
    assert (tmp_path / "new" / name).stat().st_size > 5_000


def test_the_command_and_what_it_refuses(
    runs: list[RunDirectory],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["runs", "plot", *(str(run.path) for run in runs), "--out", str(tmp_path / "x.svg")]
    assert sracl(words) == 0
    assert "curves, groups, tail" in capsys.readouterr().out
    assert sracl(["runs", "plot", str(runs[1].path), "--what", "curves", "--out", "x.svg"]) == 2
    assert "floors have groups" in capsys.readouterr().err
    assert sracl([*words, "--what", "curvs"]) == 2
    assert "did you mean 'curves'" in capsys.readouterr().err
    assert sracl([*words[:-1], "x.docx"]) == 2
    assert ".png, .svg, .pdf" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert sracl(words) == 2
    assert "pip install 'sracl-tui[plots]'" in capsys.readouterr().err


@pytest.mark.parametrize(("ks", "shown"), [((5, 10), "NDCG@10"), ((20, 50), "NDCG@20")])
def test_evidence_is_kept_of_a_run_with_any_cut_offs(
    runs: list[RunDirectory], tmp_path: Path, ks: tuple[int, int], shown: str
) -> None:
    changes = {"model.item_init": "random", "training.max_epochs": 1, "evaluation.ks": ks}
    changes["training.monitor"] = f"masked/NDCG@{ks[0]}"
    run = tiny_run(tiny_config(Path(runs[0].config.dataset.path), changes), tmp_path)
    kept = tmp_path / "kept.json"
    subprocess.run([sys.executable, BENCHMARKS / "record.py", run.path, kept], check=True, timeout=100)
    (epoch,) = read_history(run.path).epochs
    assert json.loads(kept.read_text())["curve"][0][shown] == epoch["valid"]["unmasked"][shown]
    drawn = [sys.executable, BENCHMARKS / "curves.py", tmp_path / "curves.svg", kept]
    done = subprocess.run(drawn, capture_output=True, text=True, timeout=100)
    assert (done.returncode == 0) == (shown == "NDCG@20")
    assert shown == "NDCG@20" or "kept.json has no NDCG@20" in done.stderr

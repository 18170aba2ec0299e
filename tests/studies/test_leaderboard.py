"""The runs of a folder in order: seeds together, differences only where figures can be held together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sracl_core.cli.main import run as sracl
from sracl_core.evaluation.metrics import per_query
from sracl_core.evaluation.significance import paired_test
from sracl_core.files import read_json, write_json
from sracl_core.runs.catalog import list_runs
from sracl_core.runs.directory import create_run
from sracl_core.settings.models import RunConfig
from sracl_core.studies.leaderboard import leaderboard

RNG = np.random.default_rng(5)
USERS = 40


def finished(
    runs: Path, run_name: str, worst: int, seed: int = 1, data: str = "d1", epochs: int = 100, **model: object
) -> np.ndarray:
    """A run with ranks up to `worst`, and the metrics of these ranks."""
    config = RunConfig.model_validate(
        {
            "dataset": {"path": "x"},
            "training": {"seed": seed, "max_epochs": epochs},
            "model": {"name": "sasrec", **model},
        }
    )
    run = create_run(runs, run_name, config, {"dataset": {"name": "shop", "identity": data}})
    ranks = RNG.integers(1, worst, USERS)
    held = {mask: {"NDCG@20": float(per_query("NDCG@20", ranks).mean())} for mask in ("unmasked", "masked")}
    write_json(run.results_path, {"test": held, "valid": held, "best_epoch": 1, "training_seconds": 60.0})
    arrays = {f"{part}_{mask}": ranks for part in ("valid", "test") for mask in ("unmasked", "masked")}
    users = {f"{part}_users": np.arange(USERS) for part in ("valid", "test")}
    np.savez(run.ranks_path, **arrays, **users)
    return per_query("NDCG@20", ranks)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path


def test_a_run_of_another_format_is_told_and_has_no_place(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(runs, "whole", 60)
    finished(runs, "later", 20, seed=2)
    (later,) = runs.glob("*-later")
    meta = read_json(later / "meta.json") or {}
    write_json(later / "meta.json", {**meta, "format_version": 99}, seal=True)
    _, rows = leaderboard(list_runs(runs), "unmasked/NDCG@20")
    assert [(row.name.rpartition("-")[2], row.value is None) for row in rows] == [
        ("whole", False),
        ("later", True),
    ]
    assert sracl(["runs", "board", "--runs-dir", str(runs)]) == 0
    told = capsys.readouterr()
    assert "damaged" in told.out
    assert "has run format 99, this version reads up to 1; install a newer" in told.err


def test_a_log_that_has_grown_under_its_name_is_another_dataset(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(runs, "first", 60, data="aaaaaaaaaaaa")
    finished(runs, "again", 40, data="aaaaaaaaaaaa", epochs=2)
    assert sracl(["runs", "board", "--runs-dir", str(runs)]) == 0
    told = capsys.readouterr()
    assert "aaaa" not in told.out
    assert "datasets" not in told.err
    finished(runs, "tonight", 20, data="bbbbbbbbbbbb")
    assert sracl(["runs", "board", "--runs-dir", str(runs)]) == 0
    told = capsys.readouterr()
    lines = {line.split()[0].rpartition("-")[2]: line for line in told.out.splitlines()}
    assert "  shop bbbbbbbb  " in lines["tonight"]
    assert all("  shop aaaaaaaa  " in lines[name] for name in ("first", "again"))
    assert "several datasets: only rows of one compare" in told.err


def test_seeds_are_one_row_and_tested_as_their_mean(runs: Path) -> None:
    wide = [finished(runs, f"wide-{seed}", 30, seed=seed, hidden_size=128) for seed in (1, 2, 3)]
    base = finished(runs, "base", 60)
    other = finished(runs, "other", 20, data="d2")
    create_run(runs, "waiting", RunConfig.model_validate({"dataset": {"path": "x"}}), {})
    marked = next(one.name for one in list_runs(runs) if one.name.endswith("-base"))
    metric, rows = leaderboard(list_runs(runs), "unmasked/NDCG@20", marked)
    assert metric == "unmasked/NDCG@20"
    by_name = {row.name.rpartition("-")[2] if "wide" not in row.name else "wide": row for row in rows}
    assert len(rows) == 4
    assert [row.value for row in rows[:3]] == sorted((row.value or 0.0 for row in rows[:3]), reverse=True)
    assert rows[3].value is None
    found = by_name["wide"]
    mean = np.mean(wide, axis=0)
    assert len(found.runs) == 3
    assert found.value == pytest.approx(mean.mean())
    assert found.deviation == pytest.approx(np.std([one.mean() for one in wide], ddof=1))
    assert found.difference == pytest.approx(mean.mean() / base.mean() - 1)
    assert found.p_value == pytest.approx(paired_test(mean, base).p_value, abs=0.01)
    assert found.settings == {"model.hidden_size": 128}
    assert by_name["other"].value == pytest.approx(other.mean())
    assert (by_name["other"].difference, by_name["other"].p_value) == (None, None)
    assert len(leaderboard(list_runs(runs), fold=False)[1]) == 6


def test_a_seed_that_was_run_twice_is_no_second_one(runs: Path) -> None:
    for seed in (1, 2, 1, 2, 1):
        finished(runs, "plain", 30, seed=seed)
    _, rows = leaderboard(list_runs(runs), "unmasked/NDCG@20")
    assert sorted(len(row.runs) for row in rows) == [1, 2, 2]


def test_a_floor_tells_nothing_of_what_it_does_not_read(runs: Path) -> None:
    for name, epochs in (("sasrec", 9), ("bsarec", 9), ("item_knn", 3), ("popular", 4)):
        finished(runs, name, 30, epochs=epochs, name=name)
    _, rows = leaderboard(list_runs(runs), "unmasked/NDCG@20")
    told = {row.settings["model.name"]: row.settings for row in rows}
    assert all("training.max_epochs" not in settings for settings in told.values())
    assert told["popular"] == {"model.name": "popular"}
    finished(runs, "longer", 30, epochs=5)
    _, rows = leaderboard(list_runs(runs), "unmasked/NDCG@20")
    epochs = {row.settings["model.name"]: row.settings.get("training.max_epochs") for row in rows}
    assert (epochs["bsarec"], epochs["item_knn"], epochs["popular"]) == (9, None, None)


def test_the_command_prints_what_the_table_says(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished(runs, "first", 30)
    finished(runs, "second", 60, hidden_size=128)
    where = ["--runs-dir", str(runs)]
    assert sracl(["runs", "board", "--against", "second", "--metric", "masked/NDCG@20", *where]) == 0
    said = capsys.readouterr().out
    assert "* 20" in said
    assert "hidden_size" in said
    assert sracl(["runs", "board", "--json", *where]) == 0
    assert [row["part"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["test", "test"]
    assert sracl(["runs", "board", "--metric", "NDGC@20", *where]) == 2
    assert "did you mean" in capsys.readouterr().err

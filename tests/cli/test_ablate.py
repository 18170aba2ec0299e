"""`sracl ablate` on the sample: variants are runs, runs are reused, and the table says what was measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sracl_core.cli.ablate import _print_rows
from sracl_core.cli.main import run as sracl
from sracl_core.files import write_json
from sracl_core.runs.directory import RunDirectory, open_run
from sracl_core.settings.known import flatten
from sracl_core.settings.models import RunConfig
from sracl_core.studies.ablation import VARIANTS
from sracl_core.studies.earlier import EarlierRuns
from sracl_core.studies.planning import what_is_left
from tests.trained import SMALL, Shop


def ablate(shop: Shop, *words: str):
    sets = [word for text in SMALL for word in ("--set", text)]
    return shop.sracl(
        "ablate",
        "--dataset",
        shop.dataset,
        "--runs-dir",
        shop.base / "ablations",
        *sets,
        "--epochs",
        "1",
        *words,
    )


def test_a_study_trains_compares_and_goes_on(shop: Shop) -> None:
    first = ablate(shop, "--variants", "next_item,full", "--json")
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    plain, full = told["rows"]
    assert (plain["variant"], full["variant"], plain["paired"]) == ("next_item", "full", None)
    runs = shop.base / "ablations"
    results = {
        row["variant"]: json.loads((runs / row["runs"][0] / "results.json").read_text())
        for row in told["rows"]
    }
    assert full["test"]["masked"]["HR@20"]["mean"] == results["full"]["test"]["masked"]["HR@20"]
    difference = full["paired"]["unmasked/NDCG@20"]["difference"]
    means = [results[name]["test"]["unmasked"]["NDCG@20"] for name in ("full", "next_item")]
    assert difference == pytest.approx(means[0] - means[1])
    settings = [
        json.loads(json.dumps((runs / row["runs"][0] / "config.yaml").read_text())) for row in told["rows"]
    ]
    assert settings[0] != settings[1]
    (watched,) = ((path.name[:7], json.loads(path.read_text())) for path in runs.glob("studies/*.json"))
    assert (watched[0], watched[1]["kind"]) == ("ablate-", "ablate")
    assert [row["runs"] for row in watched[1]["rows"]] == [row["runs"] for row in told["rows"]]

    again = ablate(shop, "--variants", "full,next_item,mean_synthesizer", "--dry-run", "--json")
    plan = json.loads(again.stdout)
    assert [(row["variant"], row["what"]) for row in plan] == [
        ("full", "there already"), ("next_item", "there already"), ("mean_synthesizer", "train"),
    ]  # fmt: skip
    assert len(list(runs.glob("*/meta.json"))) == 2, "a dry run trains nothing"
    other = ablate(shop, "--variants", "full", "--set", "training.seed=7", "--dry-run", "--json")
    assert [row["seed"] for row in json.loads(other.stdout)] == [7]
    two = ablate(shop, "--variants", "full", "--seeds", "2", "--dry-run", "--json")
    assert [row["seed"] for row in json.loads(two.stdout)] == [42, 43]
    two = ablate(
        shop, "--variants", "full", "--set", "training.seed=7", "--seeds", "2", "--dry-run", "--json"
    )
    assert [row["seed"] for row in json.loads(two.stdout)] == [7, 8], "that many from it on"
    both = ablate(shop, "--seeds", "1,2", "--set", "training.seed=7", "--dry-run")
    assert both.returncode == 2
    assert "training.seed is set beside seeds of the study" in both.stderr


def test_without_a_dataset_nothing_is_left_to_watch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sracl(["ablate"]) == 2
    assert "no dataset is given" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("words", [("--variants", "ful"), ("--seeds", "1,x"), ("--preset", "none")])
def test_wrong_words_are_one_line(shop: Shop, words: tuple[str, str]) -> None:
    done = ablate(shop, *words)
    assert done.returncode == 2
    assert len(done.stderr.removeprefix("loading\n").strip().splitlines()) == 1
    assert words[1] in done.stderr


def test_a_part_that_is_off_cannot_be_taken_away(shop: Shop) -> None:
    done = ablate(shop, "--set", "objectives.sracl.beta=0", "--dry-run")
    assert done.returncode == 2
    assert "full and no_intra are the same settings here (objectives.sracl.beta 0.0)" in done.stderr


def test_figures_that_a_study_shows_must_be_measured(shop: Shop) -> None:
    done = ablate(shop, "--set", "evaluation.ks=[5,10]", "--set", "training.monitor=unmasked/NDCG@10")
    assert done.returncode == 2
    assert "add 20 to evaluation.ks" in done.stderr


def test_a_run_that_was_only_evaluated_is_not_finished(shop: Shop, tmp_path: Path) -> None:
    whole, runs = open_run(shop.run), tmp_path / "runs"
    run = RunDirectory(runs / "half")
    shutil.copytree(whole.path, run.path)
    run.results_path.unlink()
    write_json(run.state_path, {**run.state(), "status": "stopped"})
    assert shop.sracl("evaluate", run.path).returncode == 0
    found, expected = run.results(), whole.results()
    assert found is not None
    assert expected is not None
    assert (found["best_epoch"], found["test"]) == (expected["best_epoch"], expected["test"])
    assert 0 < found["training_seconds"] <= expected["training_seconds"]
    earlier = EarlierRuns(runs).find(run.config, run.dataset_identity())
    assert earlier == run
    assert what_is_left(earlier) == "resume"
    write_json(run.state_path, {**run.state(), "status": "finished"})
    assert what_is_left(run) == "there already"


def test_each_variant_changes_what_its_name_says() -> None:
    base = RunConfig()
    for variant in VARIANTS:
        changed = flatten(variant.config(base, seed=9))
        differing = {key for key, value in flatten(base).items() if changed[key] != value}
        assert differing == {*variant.changes, "training.seed"}
        assert all(0 < ndcg < hit < 1 for hit, ndcg in variant.paper.values())
    papers = np.array([[ndcg for _, ndcg in variant.paper.values()] for variant in VARIANTS])
    assert (papers[0] >= papers).all(), "the paper's full method leads everywhere"


def test_the_p_that_is_printed_is_corrected_for_the_variants(capsys: pytest.CaptureFixture[str]) -> None:
    of_mask = {name: {"mean": 0.25, "deviation": None} for name in ("HR@20", "NDCG@20")}
    rest = {"test": {"unmasked": of_mask, "masked": of_mask}, "training_minutes": 1.0, "paper": None}
    tested = {"unmasked/NDCG@20": {"relative": 0.1, "p_value": 0.0211, "p_holm": 0.0633}}
    rows = [{"variant": "full", "paired": None, **rest}, {"variant": "no_inter", "paired": tested, **rest}]
    _print_rows(rows, [42])
    printed = capsys.readouterr().out
    assert "0.0633" in printed
    assert "0.0211" not in printed

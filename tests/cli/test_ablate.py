"""`sracl ablate` on the sample: variants are runs, runs are reused, and the table says what was measured."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sracl_core.ablation import VARIANTS
from sracl_core.config import RunConfig
from sracl_core.config_layers import flatten
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

    again = ablate(shop, "--variants", "full,next_item,mean_synthesizer", "--dry-run", "--json")
    plan = json.loads(again.stdout)
    assert [(row["variant"], row["what"]) for row in plan] == [
        ("full", "there already"), ("next_item", "there already"), ("mean_synthesizer", "train"),
    ]  # fmt: skip
    assert len(list(runs.iterdir())) == 2, "a dry run trains nothing"


@pytest.mark.parametrize("words", [("--variants", "ful"), ("--seeds", "1,x"), ("--preset", "none")])
def test_wrong_words_are_one_line(shop: Shop, words: tuple[str, str]) -> None:
    done = ablate(shop, *words)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert words[1] in done.stderr


def test_a_part_that_is_off_cannot_be_taken_away(shop: Shop) -> None:
    done = ablate(shop, "--set", "objective.sracl.beta=0", "--dry-run")
    assert done.returncode == 2
    assert "full and no_intra are the same settings here (objective.sracl.beta 0.0)" in done.stderr


def test_each_variant_changes_what_its_name_says() -> None:
    base = RunConfig()
    for variant in VARIANTS:
        changed = flatten(variant.config(base, seed=9))
        differing = {key for key, value in flatten(base).items() if changed[key] != value}
        assert differing == {*variant.changes, "training.seed"}
        assert all(0 < ndcg < hit < 1 for hit, ndcg in variant.paper.values())
    papers = np.array([[ndcg for _, ndcg in variant.paper.values()] for variant in VARIANTS])
    assert (papers[0] >= papers).all(), "the paper's full method leads everywhere"

"""SRA-CL with one part taken away at a time, as in Table 2 of the paper (arXiv 2503.04162).

Each variant is a run of its own in the runs folder, so that a study which was interrupted goes
on where it was, and one that grows (another seed) trains only what is new.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sracl_core.errors import SraclError
from sracl_core.evaluation.metrics import per_query
from sracl_core.evaluation.results import finished_results, load_ranks
from sracl_core.evaluation.significance import paired_test
from sracl_core.runs.directory import RunDirectory, open_run
from sracl_core.settings.deciding import settings_hash
from sracl_core.settings.layers import flatten, validated
from sracl_core.settings.models import RunConfig

MASKS = ("unmasked", "masked")
SHOWN = ("HR@20", "NDCG@20")


@dataclass(frozen=True)
class Variant:
    """What a variant changes, and the paper's HR@20 and NDCG@20 (unmasked, test) by dataset."""

    name: str
    changes: dict[str, Any]
    paper: dict[str, tuple[float, float]]

    def config(self, base: RunConfig, seed: int) -> RunConfig:
        """`base` with this variant's changes and `seed`."""
        return validated({**flatten(base), **self.changes, "training.seed": seed}, {})


VARIANTS = (
    Variant(
        "full",
        {},
        {
            "yelp": (0.1282, 0.0533),
            "sports": (0.0823, 0.0347),
            "beauty": (0.1314, 0.0568),
            "office": (0.1702, 0.0725),
        },
    ),
    Variant(
        "no_inter",
        {"objectives.sracl.alpha": 0.0},
        {
            "yelp": (0.1203, 0.0504),
            "sports": (0.0780, 0.0315),
            "beauty": (0.1273, 0.0546),
            "office": (0.1621, 0.0691),
        },
    ),
    Variant(
        "no_intra",
        {"objectives.sracl.beta": 0.0},
        {
            "yelp": (0.1228, 0.0519),
            "sports": (0.0795, 0.0332),
            "beauty": (0.1279, 0.0545),
            "office": (0.1619, 0.0689),
        },
    ),
    Variant(
        "mean_synthesizer",
        {"objectives.sracl.synthesizer": "mean"},
        {
            "yelp": (0.1253, 0.0520),
            "sports": (0.0792, 0.0336),
            "beauty": (0.1273, 0.0551),
            "office": (0.1617, 0.0681),
        },
    ),
    Variant(
        "random_neighbors",
        {"retrieval.source": "random"},
        {
            "yelp": (0.1187, 0.0495),
            "sports": (0.0772, 0.0311),
            "beauty": (0.1265, 0.0532),
            "office": (0.1624, 0.0673),
        },
    ),
    Variant(
        "next_item",
        {"objectives.sracl.alpha": 0.0, "objectives.sracl.beta": 0.0},
        {
            "yelp": (0.1101, 0.0473),
            "sports": (0.0745, 0.0296),
            "beauty": (0.1206, 0.0518),
            "office": (0.1476, 0.0599),
        },
    ),
)


def earlier_run(runs_dir: Path, config: RunConfig, identity: str) -> RunDirectory | None:
    """A run whose settings decide the same, on exactly this dataset; a finished one if there is one."""
    found, wanted = None, settings_hash(config)
    for folder in sorted(runs_dir.glob("*/meta.json")):
        try:
            run = open_run(folder.parent)
            same = run.dataset_identity() == identity and settings_hash(run.config) == wanted
        except SraclError:
            continue
        if same:
            found = run
            if run.status() == "finished":
                return run
    return found


def study(variants: dict[str, list[RunDirectory]], dataset: str) -> list[dict[str, Any]]:
    """The table of a finished study.

    Args:
        variants: runs by variant, one a seed, in the same order of seeds; the first is compared
            with all others.
        dataset: its name, which tells the paper's column.

    Returns:
        For each variant its test metrics (mean and standard deviation over seeds), the paired test
        of the mean over seeds against the first variant's, minutes, epochs and the paper's figures.
    """
    base = next(iter(variants.values()))
    rows = []
    for name, runs in variants.items():
        results = [finished_results(run) for run in runs]
        paper = next(variant.paper for variant in VARIANTS if variant.name == name)
        rows.append(
            {
                "variant": name,
                "runs": [run.name for run in runs],
                "test": {mask: _over_seeds([result["test"][mask] for result in results]) for mask in MASKS},
                "valid": {mask: _over_seeds([result["valid"][mask] for result in results]) for mask in MASKS},
                "training_minutes": statistics.mean(one["training_seconds"] for one in results) / 60.0,
                "best_epoch": [result["best_epoch"] for result in results],
                "paired": None if runs is base else _paired(runs, base),
                "paper": next(
                    (dict(zip(SHOWN, found, strict=True)) for key, found in paper.items() if key in dataset),
                    None,
                ),
            }
        )
    return rows


def _over_seeds(metrics: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "mean": statistics.mean(values := [found[name] for found in metrics]),
            "deviation": statistics.stdev(values) if len(values) > 1 else 0.0,
        }
        for name in metrics[0]
    }


def _paired(runs: Sequence[RunDirectory], base: Sequence[RunDirectory]) -> dict[str, Any]:
    """Tests over users; a user's value is its mean over the seeds."""
    tests = {}
    for mask in MASKS:
        for shown in SHOWN:
            first, second = _values(runs, mask, shown), _values(base, mask, shown)
            test = paired_test(first, second)
            relative = test.difference / max(float(second.mean()), 1e-12)
            tests[f"{mask}/{shown}"] = {
                "difference": test.difference,
                "relative": relative,
                "p_value": test.p_value,
                "users": test.n,
            }
    return tests


def _values(runs: Sequence[RunDirectory], mask: str, shown: str) -> np.ndarray:
    metric, k = shown.split("@")
    per_seed = [per_query(f"{metric}@{k}", load_ranks(run, "test")[mask]) for run in runs]
    mean: np.ndarray = np.mean(per_seed, axis=0)
    return mean

"""How runs differ: their settings, their metrics, and whether the difference is more than luck."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sracl_core.errors import RunError
from sracl_core.evaluation.metrics import per_query
from sracl_core.evaluation.significance import paired_test
from sracl_core.evaluation.stored import load_ranks
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.layers import flatten

MASKS = ("unmasked", "masked")
TESTED = ("HR@20", "NDCG@20")


def compare_runs(runs: Sequence[RunDirectory], part: str) -> dict[str, Any]:
    """Settings that differ, metrics of `part`, and a paired test of each run against the first.

    Raises RunError for runs of different datasets or splits: their metrics say nothing together.
    """
    _require_comparable(runs)
    flat = [flatten(run.config) for run in runs]
    differing = [key for key in flat[0] if any(values[key] != flat[0][key] for values in flat)]
    results = [run.results() or {} for run in runs]
    metrics = {
        mask: {
            name: [(result.get(part, {}).get(mask) or {}).get(name) for result in results]
            for name in dict.fromkeys(
                name for result in results for name in result.get(part, {}).get(mask) or {}
            )
        }
        for mask in MASKS
    }
    return {
        "part": part,
        "runs": [run.name for run in runs],
        "settings": {key: [values[key] for values in flat] for key in differing},
        "metrics": metrics,
        "training_seconds": [result.get("training_seconds") for result in results],
        "paired": [_paired(runs[0], run, part) for run in runs[1:]],
    }


def _require_comparable(runs: Sequence[RunDirectory]) -> None:
    identities = {run.dataset_identity() for run in runs}
    splits = {run.config.dataset.split for run in runs}
    if len(identities) > 1 or len(splits) > 1:
        what = "datasets" if len(identities) > 1 else "splits"
        raise RunError(
            f"{', '.join(run.name for run in runs)} have different {what}; compare runs of the same"
        )


def _paired(base: RunDirectory, other: RunDirectory, part: str) -> list[dict[str, Any]]:
    """Tests on the users that both ranked; none while a run has no ranks."""
    if not (base.ranks_path.is_file() and other.ranks_path.is_file()):
        return []
    first, second = load_ranks(base, part), load_ranks(other, part)
    if not np.array_equal(first["users"], second["users"]):
        raise RunError(f"{base.name} and {other.name} ranked different users; evaluate both again")
    tests = []
    for name in TESTED:
        for mask in MASKS:
            test = paired_test(per_query(name, second[mask]), per_query(name, first[mask]))
            tests.append(
                {
                    "metric": name,
                    "mask": mask,
                    "difference": test.difference,
                    "p_value": test.p_value,
                    "users": test.n,
                }
            )
    return tests

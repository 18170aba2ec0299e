"""For whom each method of a comparison is good, and what its lists show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sracl_core.data.sources import Sources
from sracl_core.errors import RunError
from sracl_core.evaluation.groups import beyond_accuracy, groups
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.models import MASKS
from sracl_core.training.inputs import read_vectors


@dataclass(frozen=True)
class Group:
    """The test users of one group. test: by row and "mask/metric@k", mean over seeds."""

    by: str
    group: str
    users: int
    test: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Groups:
    """beyond: by row and "mask/measure", mean over seeds, see `evaluation.groups.beyond_accuracy`."""

    groups: list[Group]
    beyond: dict[str, dict[str, float]]


def group_table(runs: Mapping[str, Sequence[RunDirectory]], sources: Sources) -> Groups:
    """From stored ranks and lists; the diversity of all rows by the texts of one run, where one has any."""
    ks = next(iter(runs.values()))[0].config.evaluation.ks
    vectors = text_vectors([run for some in runs.values() for run in some])
    of_row = {name: [groups(run, sources, ks) for run in some] for name, some in runs.items()}
    beyond = {
        name: _means([_flat(beyond_accuracy(run, sources, vectors)) for run in some])
        for name, some in runs.items()
    }
    first = next(iter(of_row.values()))[0]
    found = [
        Group(
            one["by"],
            one["group"],
            one["users"],
            {name: _means([_flat(of_run[at]) for of_run in some]) for name, some in of_row.items()},
        )
        for at, one in enumerate(first)
    ]
    return Groups(found, beyond)


def text_vectors(runs: Sequence[RunDirectory]) -> np.ndarray | None:
    """The item vectors of the first run that keeps them, float32 [N, E]; None where none does."""
    for run in runs:
        try:
            return read_vectors(run)
        except RunError:
            continue
    return None


def _flat(held: Mapping[str, Any]) -> dict[str, float]:
    return {f"{mask}/{name}": value for mask in MASKS for name, value in held[mask].items()}


def _means(of_runs: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in of_runs])) for name in of_runs[0]}

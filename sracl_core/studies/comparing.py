"""How runs differ: their settings, their metrics, and whether the difference is more than luck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from sracl_core.errors import RunError
from sracl_core.evaluation.metrics import metrics, per_query
from sracl_core.evaluation.protocols import differing, require_comparable
from sracl_core.evaluation.significance import paired_test
from sracl_core.evaluation.stored import load_ranks
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.records import at_largest
from sracl_core.settings.known import flatten
from sracl_core.settings.models import MASKS


def compare_runs(runs: Sequence[RunDirectory], part: str, mixed: bool = False) -> dict[str, Any]:
    """Settings that differ, metrics of `part`, and a paired test of each run against the first.

    mixed: put runs of different data or protocols side by side all the same. "differing" then says in
    what they differ, and nothing is tested. Raises IncomparableError for such runs otherwise.
    """
    unlike = differing(runs)
    if not mixed:
        require_comparable(runs)
    flat = [flatten(run.config) for run in runs]
    keys = dict.fromkeys(key for values in flat for key in values)
    settings = {key: [values.get(key) for values in flat] for key in keys}
    results = [run.results() or {} for run in runs]
    measured = {mask: [result.get(part, {}).get(mask) or {} for result in results] for mask in MASKS}
    return {
        "part": part,
        "runs": [run.name for run in runs],
        "differing": unlike,
        "settings": {
            key: values for key, values in settings.items() if any(one != values[0] for one in values)
        },
        "metrics": {
            mask: {name: [one.get(name) for one in some] for name in dict.fromkeys(chain.from_iterable(some))}
            for mask, some in measured.items()
        },
        "training_seconds": [result.get("training_seconds") for result in results],
        "paired": [] if unlike else [_paired(runs[0], run, part, _tested(measured)) for run in runs[1:]],
    }


def _tested(measured: Mapping[str, Sequence[Mapping[str, float]]]) -> list[str]:
    """The metrics at the largest cut-off that all runs have, and that can be computed here."""
    every, known = [one for some in measured.values() for one in some if one], metrics()
    common = [name for name in (every[0] if every else {}) if all(name in names for names in every)]
    return at_largest(name for name in common if name.partition("@")[0] in known)


def _paired(
    base: RunDirectory, other: RunDirectory, part: str, tested: Sequence[str]
) -> list[dict[str, Any]]:
    """Tests on the users that both ranked; none while a run has no ranks."""
    if not (base.ranks_path.is_file() and other.ranks_path.is_file()):
        return []
    first, second = load_ranks(base, part), load_ranks(other, part)
    if not np.array_equal(first["users"], second["users"]):
        raise RunError(f"{base.name} and {other.name} ranked different users; evaluate both again")
    tests = []
    for name in tested:
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

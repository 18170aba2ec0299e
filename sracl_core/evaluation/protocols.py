"""Whether the metrics of runs may stand side by side: the same data, the same split, read the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sracl_core.errors import IncomparableError

if TYPE_CHECKING:  # what reads runs takes as long to load as the chart of one to draw
    from sracl_core.runs.directory import RunDirectory

OF_A_METHOD = frozenset({"learned_from", "chosen_by", "repeats", "evidence"})
"""What a protocol says of a method, and not of how its ranks are to be read."""


def protocols(runs: Sequence[RunDirectory]) -> list[dict[str, Any]]:
    """The protocol of each run: that of its results, before it has any the one that it began with."""
    return [(run.results() or {}).get("protocol") or run.meta().get("protocol") or {} for run in runs]


def unlike(identities: Sequence[Any], told: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """What of data and protocol is not the same in all runs, with the value of each; {} where all is.

    "dataset" stands for its identity, which covers the order of interactions of one time.
    """
    names = [name for name in dict.fromkeys(key for one in told for key in one) if name not in OF_A_METHOD]
    values: dict[str, list[Any]] = {"dataset": list(identities)}
    values |= {name: [one.get(name) for one in told] for name in names}
    if len(set(identities)) == 1:
        values.pop("filters", None)  # however they were made, the rows are the same
    return {name: some for name, some in values.items() if any(value != some[0] for value in some)}


def differing(runs: Sequence[RunDirectory]) -> dict[str, list[Any]]:
    """`unlike` of these runs. Raises RunError for one that does not say on which data it was trained."""
    return unlike([run.dataset_identity() for run in runs], protocols(runs))


def require_comparable(runs: Sequence[RunDirectory]) -> None:
    """Raise IncomparableError where the metrics of `runs` say nothing together."""
    if found := differing(runs):
        names = ", ".join(run.name for run in runs)
        raise IncomparableError(
            f"{names} differ in {', '.join(found)}: their metrics say nothing together; compare runs of the "
            "same data and protocol"
        )

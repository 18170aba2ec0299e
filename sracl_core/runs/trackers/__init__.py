"""Programs of others that draw runs: what a run records goes to them as well, one tracker a file."""

from __future__ import annotations

from importlib.util import find_spec

from sracl_core.errors import InputError, nearest
from sracl_core.methods import TRACKERS, names, values
from sracl_core.runs.trackers.base import Tracker


def tracker(name: str) -> Tracker:
    """The tracker of that name. Raises InputError where there is none, or its package is not installed."""
    if name not in names(*TRACKERS):
        raise InputError(f"there is no tracker '{name}'{nearest(name, names(*TRACKERS))}")
    found: Tracker = values(*TRACKERS, "TRACKER")[name]
    if find_spec(found.package) is None:
        raise InputError(f"{name} is not installed; install it with: {found.install}")
    return found

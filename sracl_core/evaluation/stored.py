"""What a run has left of its evaluation, read back: results, ranks and lists. Without torch, so at once."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np

from sracl_core.errors import RunError
from sracl_core.files import storage_error
from sracl_core.runs.directory import RunDirectory

LISTS = ("unmasked_list", "masked_list")


def finished_results(run: RunDirectory) -> dict[str, Any]:
    """results.json of a run that has ended.

    Raises RunError where there is none, one that is too old, and one of a trial, which has no test part.
    """
    found, again = run.results(), f"`sracl evaluate {shlex.quote(str(run.path))}`"
    if found is None:
        raise RunError(f"{run.path} has no results yet; it is {run.status()}")
    if not found.get("test"):
        raise RunError(f"{run.path} is a trial, which has not looked at test; {again} does")
    if found.get("training_seconds") is None:
        raise RunError(f"{run.results_path} is of an earlier version; {again} writes it anew")
    return found


def load_ranks(run: RunDirectory, part: str) -> dict[str, np.ndarray]:
    """The ranks of `part`, "valid" or "test": "users", "unmasked" and "masked", all [Q].

    Raises RunError where they are damaged, StorageError where they may not be read.
    """
    return _stored(run, {name: f"{part}_{name}" for name in ("users", "unmasked", "masked")})


def load_lists(run: RunDirectory) -> dict[str, np.ndarray]:
    """The best items of each test user, {"unmasked_list", "masked_list"}: int32 [Q, K], 0 where none is left.

    Raises RunError where the run has none, as those of earlier versions; see `load_ranks`.
    """
    return _stored(run, {name: f"test_{name}" for name in LISTS})


def _stored(run: RunDirectory, names: dict[str, str]) -> dict[str, np.ndarray]:
    again = f"`sracl evaluate {shlex.quote(str(run.path))}` writes it anew"
    try:
        with np.load(run.ranks_path, allow_pickle=False) as stored:
            return {name: stored[key] for name, key in names.items()}
    except PermissionError as error:
        raise storage_error(error, run.ranks_path, "read") from error
    except KeyError as error:
        raise RunError(f"{run.ranks_path} has no {error.args[0]}; {again}") from error
    # The parts of a damaged archive raise whatever they stumble over: zlib.error, struct.error and others.
    except Exception as error:
        raise RunError(f"{run.ranks_path} is missing or damaged; {again}") from error

"""Users in an order that leads to the telling ones: by rank of the test item, gain, length or chance."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from sracl_core.errors import InputError, RunError
from sracl_core.evaluation.protocols import require_comparable
from sracl_core.evaluation.stored import load_ranks
from sracl_core.explorer.answers import Order
from sracl_core.explorer.loading import LoadedRun
from sracl_core.runs.directory import RunDirectory, open_run
from sracl_core.seeding import generator

Rows = NDArray[np.int64]


class UserOrders:
    """Orders of a run's users, U of them, each worked out once.

    The rank of a user is that of the test item as the evaluation wrote it; 0 stands for none.
    """

    def __init__(self, loaded: LoadedRun) -> None:
        self.loaded = loaded
        self.ranks = lru_cache(maxsize=8)(self._ranks)
        self.rows = lru_cache(maxsize=8)(self._rows)

    def _ranks(self, run: str, masked: bool) -> Rows:
        """int64 [U] of this run ("") or of the one in the folder `run`.

        Raises RunError where it has none, IncomparableError for one of other data or protocol.
        """
        directory = open_run(Path(run)) if run else self.loaded.run
        if run:
            require_comparable([self.loaded.run, directory])
        return _by_user(directory, self.loaded.dataset.n_users, "masked" if masked else "unmasked")

    def gains(self, against: str, masked: bool) -> NDArray[np.float64]:
        """How much better the run `against` ranks each user's item than this one, float64 [U].

        The difference in NDCG without a cut-off, 1 / log2(rank + 1); nan where one of them has no rank.
        """
        gain = [
            1.0 / np.log2(np.where(ranks > 0, ranks, np.nan) + 1.0)
            for ranks in (self.ranks("", masked), self.ranks(against, masked))
        ]
        found: NDArray[np.float64] = gain[1] - gain[0]
        return found

    def _rows(self, order: Order, reverse: bool, against: str, masked: bool, seed: int) -> Rows:
        """All users, int64 [U]; whom the order says nothing of come last, equal ones by id."""
        n_users = self.loaded.dataset.n_users
        match order:
            case "random":
                found = generator(seed, "users").permutation(n_users)
                return np.ascontiguousarray(found[::-1] if reverse else found)
            case "rank":
                ranks = self.ranks("", masked)
                key = np.where(ranks > 0, ranks, np.nan)
            case "length":
                key = -self.loaded.dataset.sequences.lengths.astype(np.float64)
            case "gain":
                if not against:
                    raise InputError("an order by gain needs another run: give --against")
                key = -self.gains(against, masked)
            case _:
                key = np.arange(n_users, dtype=np.float64)
        return np.argsort(-key if reverse else key, kind="stable")

    def after(
        self, user: int | None, hits: bool | None, k: int, order: Order, reverse: bool, against: str,
        masked: bool, seed: int,
    ) -> int:  # fmt: skip
        """The next user behind `user`, or the first of all, and round again.

        hits: True for one whose rank is at most `k`, False for one whose rank is not, None for anybody.
        Raises InputError where there is none.
        """
        rows = self.rows(order, reverse, against, masked, seed)
        fits = np.ones(len(rows), dtype=bool)
        if hits is not None:
            ranks = self.ranks("", masked)
            fits = (ranks > 0) & ((ranks <= k) == hits)
        start = 0 if user is None else int(np.flatnonzero(rows == user)[0]) + 1
        around = np.roll(rows, -start)
        found = around[fits[around]]
        if not len(found):
            never, place = ("every user", "no hit") if hits else ("no user", "a miss")
            raise InputError(f"{never} has {place} among the first {k}: there is none to go to")
        return int(found[0])


def require_order(order: str) -> None:
    """Raise InputError for an unknown order of users."""
    if order not in get_args(Order):
        raise InputError(f"order '{order}' is none of {', '.join(get_args(Order))}")


def _by_user(run: RunDirectory, n_users: int, mask: str) -> Rows:
    stored = load_ranks(run, "test")
    # Of several test items of a user the first, which is the one that a list is held against.
    users, first = np.unique(stored["users"], return_index=True)
    if len(users) and int(users[-1]) >= n_users:
        raise RunError(f"{run.ranks_path} is of other data; `sracl evaluate {run.path}` writes it anew")
    ranks = np.zeros(n_users, dtype=np.int64)
    ranks[users] = stored[mask][first]
    return ranks

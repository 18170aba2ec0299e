"""Questions that lead to a user."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sracl_core.errors import InputError, RunError
from sracl_core.explorer import answers
from sracl_core.explorer.loading import LoadedRun
from sracl_core.explorer.matching import count, matches
from sracl_core.explorer.user_orders import UserOrders, require_order


class UserQuestions:
    """The part of the explorer that finds users."""

    loaded: LoadedRun

    def users(
        self,
        prefix: str = "",
        limit: int = 200,
        order: answers.Order = "id",
        reverse: bool = False,
        against: str | None = None,
        masked: bool = True,
        seed: int = 0,
    ) -> answers.UserMatches:
        """Users whose id is `prefix`, starts with it, or contains it, in this order; case is ignored.

        In another `order` than "id", those that contain it. `against` is the folder of a run whose ranks
        are told, too, `masked` whether ranks are those among unseen items, `seed` that of the order "random".
        Raises RunError for ranks that are asked for by `order` or `against` and not there.
        """
        require_order(order)
        rows = None
        if order != "id" or reverse:
            rows = self._orders.rows(order, reverse, against or "", masked, seed)
        found, total = matches(self._user_keys, prefix, limit, rows)
        ranks, others, no_ranks = None, None, ""
        try:
            ranks = self._orders.ranks("", masked)
        except RunError as error:
            no_ranks = str(error)
        if against:
            others = self._orders.ranks(against, masked)
        return answers.UserMatches([self._match(row, ranks, others) for row in found], total, no_ranks)

    def next_user(
        self,
        after: str | None = None,
        kind: Literal["any", "hit", "miss"] = "any",
        k: int = 20,
        order: answers.Order = "id",
        reverse: bool = False,
        against: str | None = None,
        masked: bool = True,
        seed: int = 0,
    ) -> answers.UserMatch:
        """The user behind `after` in an order of `users`, and round again: anybody, or the next hit or miss.

        A hit is a rank of at most `k`. Raises InputError where there is none.
        """
        require_order(order)
        if kind not in ("any", "hit", "miss"):
            raise InputError(f"kind '{kind}' is none of any, hit, miss")
        here = None if after is None else self.loaded.dataset.users.index(after)
        hits = None if kind == "any" else kind == "hit"
        row = self._orders.after(here, hits, count(k), order, reverse, against or "", masked, seed)
        ranks = None if hits is None and order != "rank" else self._orders.ranks("", masked)
        return self._match(row, ranks, self._orders.ranks(against, masked) if against else None)

    def _match(self, row: int, *ranks: NDArray[np.int64] | None) -> answers.UserMatch:
        told = [None if found is None else int(found[row]) or None for found in ranks]
        length = int(self.loaded.dataset.sequences.lengths[row])
        return answers.UserMatch(self.loaded.dataset.users.ids[row], length, *told)

    @cached_property
    def _orders(self) -> UserOrders:
        return UserOrders(self.loaded)

    @cached_property
    def _user_keys(self) -> list[str]:
        return [name.lower() for name in self.loaded.dataset.users.ids]

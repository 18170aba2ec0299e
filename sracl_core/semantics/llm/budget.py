"""Money that may be spent, so that it is never overspent by calls that run at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class BudgetReached(Exception):
    """The next call does not fit into the budget."""


class Budget:
    """A limit (None: unlimited) on `spent`, of which calls in flight reserve their worst case."""

    def __init__(self, limit: float | None, spent: float = 0.0) -> None:
        self.limit = limit
        self.spent = spent
        self._reserved = 0.0
        self._flying = 0
        self._settled = asyncio.Condition()

    def fits(self, worst_case: float) -> bool:
        """Whether a call fits beside those in flight."""
        return self.limit is None or self.spent + self._reserved + worst_case <= self.limit

    @asynccontextmanager
    async def reserve(self, worst_case: float) -> AsyncIterator[None]:
        """Hold `worst_case` while a call is in flight; raises BudgetReached when it cannot fit.

        Calls in flight usually cost less than they reserve, so a call that does not fit waits for them.
        """
        async with self._settled:
            while not self.fits(worst_case):
                if not self._flying:
                    raise BudgetReached
                await self._settled.wait()
            self._reserved += worst_case
            self._flying += 1
        try:
            yield
        finally:
            async with self._settled:
                self._flying -= 1
                self._reserved = max(0.0, self._reserved - worst_case) if self._flying else 0.0
                self._settled.notify_all()

"""Never faster than the server allows: requests and tokens a minute, and pauses it asks for."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

SPREAD = 0.05
"""Part of a pause over which its end is spread, so that not all callers come back at the same moment."""


class Stopped(Exception):
    """The job is to stop, and what waited for its turn has not gone out."""


class RateLimit:
    """Spaces requests evenly; 0 is no limit.

    Even spacing (the generic cell rate algorithm) never bursts, which servers with a limit a
    second also accept. `stop` ends all waiting: a pause may take minutes, and nothing is in flight then.
    """

    def __init__(
        self,
        requests_per_minute: float = 0.0,
        tokens_per_minute: float = 0.0,
        stop: asyncio.Event | None = None,
    ) -> None:
        self._stop = stop or asyncio.Event()
        self._per_request = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60.0 / tokens_per_minute if tokens_per_minute else 0.0
        self._free_at = self._paused_until = self._spread = 0.0
        self._first = asyncio.Lock()

    async def turn(self, tokens: int) -> None:
        """Wait until a request of about `tokens` may go out; first come, first served. Raises Stopped."""
        clock = asyncio.get_running_loop().time
        paused = self._paused_until > clock()
        async with self._first:
            due = max(clock(), self._free_at)
            while (wait := max(due, self._paused_until) - clock()) > 0:
                await self.sleep(wait)
            due = max(due, self._paused_until)
            self._free_at = due + max(self._per_request, tokens * self._per_token)
        if paused:
            await self.sleep(self._spread * random.random())

    async def sleep(self, seconds: float) -> None:
        """Wait so long. Raises Stopped."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
            raise Stopped

    def pause(self, seconds: float) -> bool:
        """Let nobody send for so long; whether that is news, and no pause for as long about to end."""
        now = asyncio.get_running_loop().time()
        news = self._paused_until < now + seconds / 2
        self._paused_until = max(self._paused_until, now + seconds)
        self._spread = SPREAD * seconds
        return news

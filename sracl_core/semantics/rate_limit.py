"""Never faster than the server allows: requests and tokens a minute, and pauses it asks for."""

from __future__ import annotations

import asyncio
import random


class RateLimit:
    """Spaces requests evenly; 0 is no limit.

    Even spacing (the generic cell rate algorithm) never bursts, which servers with a limit a
    second also accept.
    """

    def __init__(self, requests_per_minute: float = 0.0, tokens_per_minute: float = 0.0) -> None:
        self._per_request = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60.0 / tokens_per_minute if tokens_per_minute else 0.0
        self._free_at = 0.0
        self._paused_until = 0.0

    async def turn(self, tokens: int) -> None:
        """Wait until a request of about `tokens` may go out."""
        clock = asyncio.get_running_loop().time
        start = max(clock(), self._free_at)
        self._free_at = start + max(self._per_request, tokens * self._per_token)
        while True:
            wait = max(start, self._paused_until) - clock()
            if wait <= 0:
                return
            await asyncio.sleep(wait)

    def pause(self, seconds: float) -> None:
        """Let nobody send for so long; all start again at slightly different times."""
        until = asyncio.get_running_loop().time() + seconds * (1 + 0.05 * random.random())
        self._paused_until = max(self._paused_until, until)

"""How far something is, how fast it goes, and how long the rest will take."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Anything that wants to hear how far a stage is; cheap enough to be called for every batch."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` units of `stage` are finished; `done == total` ends the stage."""


class RateMeter:
    """Seconds left of a stage, from its mean speed since it began.

    Times are seconds of any monotonic clock.

    >>> meter = RateMeter(now=0.0, done=0)
    >>> meter.eta(now=2.0, done=20, total=100)
    8.0
    """

    def __init__(self, now: float, done: int) -> None:
        self._began = now
        self._first = done

    def rate(self, now: float, done: int) -> float:
        """Units a second since the start, 0 before anything is known."""
        seconds = now - self._began
        return (done - self._first) / seconds if seconds > 0 and done > self._first else 0.0

    def eta(self, now: float, done: int, total: int) -> float | None:
        """Seconds until `total`, None before anything is known."""
        if done >= total:
            return 0.0
        rate = self.rate(now, done)
        return round((total - done) / rate, 1) if rate else None

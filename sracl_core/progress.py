"""How far something is, how fast it goes, and how long the rest will take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

TIMED = " (time)"
"""The end of the name of a stage that counts seconds."""
PASSING = " (one of several)"
"""In the name of a stage beside others like it: its bar goes when it ends."""
EPOCH = "this epoch"
"""The stage that is the steps of one epoch: a bar on a terminal, never a line in a log."""


def duration(seconds: float | None) -> str:
    """Seconds as a person says them, "-" for None.

    >>> duration(0.42), duration(42), duration(75), duration(3_900)
    ('0.4 s', '42 s', '1 min 15 s', '1 h 05 min')
    """
    if seconds is None:
        return "-"
    seconds = max(0.0, seconds)
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if whole >= 10 else f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Progress(Protocol):
    """Anything that wants to hear how far a stage is; cheap enough to be called for every batch."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` units of `stage` are finished; `done == total` ends the stage."""


def in_units_of(progress: Progress | None, whole: int) -> Progress | None:
    """`progress` for who does a part of what has `whole` units, and is as far with it as all are."""
    if progress is None:
        return None
    heard = progress
    return lambda stage, done, total: heard(stage, whole * done // total, whole)


def ending_once(progress: Progress | None) -> Progress:
    """`progress` for who looks again and again: the end of a stage is told once; None hears nothing."""
    ended = set[str]()

    def told(stage: str, done: int, total: int) -> None:
        if progress is not None and stage not in ended:
            if done >= total:
                ended.add(stage)
            progress(stage, done, total)

    return told


@dataclass(frozen=True)
class Extent:
    """How far a training goes at most: its steps, or a budget whose last epoch is finished.

    seconds: the budget, 0 for none.
    """

    steps: int
    per_epoch: int
    seconds: float = 0.0

    def share(self, step: int, elapsed: float) -> float:
        """How much of it is over, 0 to 1.

        >>> Extent(1000, 100, seconds=60.0).share(step=20, elapsed=30.0)
        0.5
        """
        by_time = elapsed / self.seconds if self.seconds else 0.0
        return min(1.0, max(by_time, step / self.steps))

    def steps_left(self, step: int, elapsed: float, pace: float) -> int:
        """Steps to go at `pace` seconds each.

        >>> Extent(1000, 100, seconds=60.0).steps_left(step=20, elapsed=30.0, pace=1.0)
        80
        """
        if not self.seconds:
            return self.steps - step
        in_time = step + max(0.0, self.seconds - elapsed) / pace
        return min(self.steps, math.ceil(in_time / self.per_epoch) * self.per_epoch) - step

    def seconds_left(self, step: int, elapsed: float, pace: float) -> float:
        """Seconds to go at `pace` seconds a step.

        >>> Extent(1000, 100, seconds=60.0).seconds_left(step=0, elapsed=0.0, pace=0.25)
        75.0
        >>> Extent(200, 100, seconds=60.0).seconds_left(step=0, elapsed=0.0, pace=0.25)
        50.0
        """
        return pace * self.steps_left(step, elapsed, pace)


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

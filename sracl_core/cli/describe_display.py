"""How far `sracl describe` is, on stderr: rate, ETA and spend."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sracl_core.cli.output import PLAIN_LINE_SECONDS, duration, say
from sracl_core.progress import RateMeter

if TYPE_CHECKING:
    from sracl_core.semantics.llm.job import Spend

REDRAW_SECONDS = 0.25


@contextmanager
def spending_display(quiet: bool) -> Iterator[Callable[[Spend], None]]:
    """A line that is redrawn on a terminal, and a plain line every 5 s elsewhere."""
    if quiet:
        yield lambda spend: None
        return
    terminal = sys.stderr.isatty()
    teller = _Teller(REDRAW_SECONDS if terminal else PLAIN_LINE_SECONDS, terminal)
    try:
        yield teller
    finally:
        teller.end()


class _Teller:
    def __init__(self, every: float, terminal: bool) -> None:
        self._every, self._terminal = every, terminal
        self._due = 0.0
        self._meter: RateMeter | None = None
        self._last: Spend | None = None

    def __call__(self, spend: Spend) -> None:
        now = time.monotonic()
        self._meter = self._meter or RateMeter(now, spend.done)
        self._last = spend
        if now >= self._due:
            self._due = now + self._every
            self._tell(spend, now)

    def end(self) -> None:
        if self._last is not None:
            self._tell(self._last, time.monotonic())
        if self._terminal:
            print(file=sys.stderr)

    def _tell(self, spend: Spend, now: float) -> None:
        assert self._meter is not None
        line = spend_line(
            spend, self._meter.rate(now, spend.done), self._meter.eta(now, spend.done, spend.total)
        )
        if self._terminal:
            print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)
        else:
            say(line)


def spend_line(spend: Spend, rate: float, eta: float | None) -> str:
    """One line for people."""
    parts = [f"describe: {spend.done:,} of {spend.total:,}"]
    if rate:
        parts.append(f"{rate:,.1f}/s" if rate >= 1 else f"{rate * 60:,.1f}/min")
    if spend.done < spend.total and eta is not None:
        parts.append(f"about {duration(eta)} left")
    parts.append(f"{spend.input_tokens + spend.output_tokens:,} tokens")
    if spend.money is not None:
        parts.append(f"{spend.money:,.4f} spent")
    if spend.failed:
        parts.append(f"{spend.failed:,} failed")
    return ", ".join(parts)

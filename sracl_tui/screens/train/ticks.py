"""Where the marks of an axis stand, and what they say: round numbers, evenly apart, no two texts alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textual_plot.axis_formatter import AxisFormatter

ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def even(low: float, high: float, most: int) -> list[float]:
    """At most `most` multiples of a round number within [low, high].

    >>> even(0.14, 0.29, 4), even(0, 240, 3)
    ([0.15, 0.2, 0.25], [0.0, 100.0, 200.0])
    """
    span = high - low
    if not math.isfinite(span) or span <= 0 or most < 1:
        return []
    power = 10.0 ** math.floor(math.log10(span / most))
    for factor in (*ROUND, *(10 * factor for factor in ROUND)):
        if len(found := _multiples(low, high, factor * power)) <= most:
            return found
    return []


def even_seconds(low: float, high: float, most: int) -> list[float]:
    """The same for times: multiples of what clocks count in."""
    for step in SECONDS:
        if len(found := _multiples(low, high, step)) <= most:
            return found
    return even(low, high, most)


def texts(ticks: Sequence[float]) -> list[str]:
    """The numbers with as many digits as tell them apart.

    >>> texts([0.15, 0.2, 0.25]), texts([0.0, 10_000.0]), texts([2.0])
    (['0.15', '0.20', '0.25'], ['0', '10k'], ['2'])
    """
    if ticks and all(tick % 1000 == 0 for tick in ticks) and max(abs(tick) for tick in ticks) >= 10_000:
        return [f"{tick / 1000:.0f}k" if tick else "0" for tick in ticks]
    for digits in range(9):
        told = [f"{tick:.{digits}f}" for tick in ticks]
        if all(
            math.isclose(float(text), tick, rel_tol=1e-9, abs_tol=1e-12)
            for text, tick in zip(told, ticks, strict=True)
        ):
            return told
    return [f"{tick:.3g}" for tick in ticks]


def clock(seconds: float) -> str:
    """A time on an axis.

    >>> clock(0), clock(90), clock(7200), clock(5400)
    ('0', '1:30', '2 h', '1 h 30')
    """
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h" + (f" {minutes:02d}" if minutes else "")
    return f"{minutes}:{rest:02d}" if whole else "0"


class Numbers(AxisFormatter):
    """No more marks than have room."""

    def __init__(self, most: int) -> None:
        self.most = most

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        """Round numbers."""
        return even(min_, max_, self.most)

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """As short as they differ."""
        return texts(ticks)


class Times(Numbers):
    """Seconds."""

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        """Whole seconds, minutes, hours."""
        return even_seconds(min_, max_, self.most)

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """As clocks say them."""
        return [clock(tick) for tick in ticks]


class Logarithms(Numbers):
    """An axis of decimal logarithms, marked with the numbers themselves."""

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        """Powers of ten where enough of them lie within, else round numbers between."""
        decades = _multiples(min_, max_, 1.0)
        if len(decades) >= 2:
            return decades[:: -(-len(decades) // self.most)]
        return [math.log10(number) for number in even(10**min_, 10**max_, self.most) if number > 0]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """The numbers, not their logarithms."""
        return [f"{10**tick:.3g}" for tick in ticks]


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return (
        [round(count * step, 12) for count in range(first, last + 1)]
        if last - first < 1000
        else [math.nan] * 1000
    )

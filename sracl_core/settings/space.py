"""Where a setting is searched: stands beside the setting, in its Annotated type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, both taken; `log` draws by orders of magnitude. Whole numbers for an int.

    >>> Range(1e-4, 1e-2, log=True).told
    '0.0001 to 0.01, by orders of magnitude'
    """

    low: float
    high: float
    log: bool = False

    @property
    def told(self) -> str:
        """For people."""
        return f"{self.low:g} to {self.high:g}" + (", by orders of magnitude" if self.log else "")

    def holds(self, value: Any) -> bool:
        """Whether it could be drawn."""
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choices:
    """One of them; in no order where they are words."""

    values: tuple[Any, ...]

    @property
    def told(self) -> str:
        """For people."""
        return ", ".join(map(str, self.values))

    def holds(self, value: Any) -> bool:
        """Whether it could be drawn."""
        return value in self.values


Space = Range | Choices

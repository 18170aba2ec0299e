"""What a tracker is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sracl_core.json_values import flat

if TYPE_CHECKING:
    from sracl_core.runs.directory import RunDirectory


class Point(NamedTuple):
    """Numbers of one moment of a run.

    step: optimizer steps so far. time: unix seconds. values: by name, "train/loss" or
    "valid/masked/NDCG@20"; NaN for what was not finite.
    """

    step: int
    time: float
    values: dict[str, float]


class Log(Protocol):
    """One run in a tracker, while it is written. `look` is what to type to see it."""

    look: str

    def write(self, points: Sequence[Point]) -> None:
        """Append `points`, in the order of their steps; whoever looks sees them soon."""

    def close(self) -> None:
        """Nothing more comes."""


@dataclass(frozen=True)
class Tracker:
    """A program that draws runs.

    package: what must be importable; install: the command that brings it. open: (run, folder or None for
    the usual place) -> the run's log, empty: what an earlier one of this run held is removed. It must not
    import `package` before that.
    """

    package: str
    install: str
    open: Callable[[RunDirectory, Path | None], Log]


def told_settings(settings: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """Settings by dotted name, lists as text, without those that are not set.

    >>> told_settings({"training": {"seed": 3, "ks": [5, 10], "device": None}})
    {'training.seed': 3, 'training.ks': '5,10'}
    """
    return {name: _told(value) for name, value in flat(settings).items() if value is not None}


def _told(value: Any) -> bool | int | float | str:
    if isinstance(value, bool | int | float | str):
        return value
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)

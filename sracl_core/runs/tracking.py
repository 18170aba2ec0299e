"""A run's numbers, handed on to a tracker: all that there are, and what comes while it trains."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.events import Record
from sracl_core.runs.meanwhile import meanwhile
from sracl_core.runs.reader import RunReader
from sracl_core.runs.records import CLOCK, epoch_rows, is_number
from sracl_core.runs.trackers.base import Log, Point, Tracker

POLL_SECONDS = 1.0
LAST_SECONDS = 60.0
"""How long a run that has ended waits for a tracker."""
_WHEN = frozenset({"event", "time", "step", "epoch", "elapsed", "best", "non_finite", "valid"})


class Tracking:
    """Follows one run into one tracker. What a resume takes back is taken back there, too."""

    def __init__(self, run: RunDirectory, tracker: Tracker, out: Path | None = None) -> None:
        self.run = run
        self.points = 0
        self._tracker, self._out = tracker, out
        self._begin()

    def _begin(self) -> None:
        self._reader = RunReader(self.run.path)
        self._log: Log = self._tracker.open(self.run, self._out)
        self._last_step = 0
        self._tested = False
        self.points = 0

    @property
    def look(self) -> str:
        """What to type to see the run there."""
        return self._log.look

    def poll(self) -> None:
        """Hand on what was recorded since the last time."""
        found: list[Point] = []
        while True:
            resets = self._reader.resets
            for record in self._reader.poll():
                if record["event"] == "run_resumed" and is_number(record.get("step")):
                    if self._last_step > record["step"]:
                        return self._again()
                    found = [point for point in found if point.step <= record["step"]]
                elif (point := point_of(record)) is not None:
                    found.append(point)
            if self._reader.resets != resets:
                return self._again()
            if not self._reader.behind:
                break
        if found:
            self._last_step = max(point.step for point in found)
        self._hand_on([*found, *self._test()])
        return None

    def close(self) -> None:
        """Nothing more is handed on."""
        self._log.close()

    def _again(self) -> None:
        self._log.close()
        self._begin()
        self.poll()

    def _hand_on(self, points: list[Point]) -> None:
        if points:
            self._log.write(points)
            self.points += len(points)

    def _test(self) -> list[Point]:
        """The test metrics, once, of a finished run: one that is trained for longer has older ones."""
        if self._tested or (self._reader.read_state() or {}).get("status") != "finished":
            return []
        values = _metrics("test", (self._reader.read_results() or {}).get("test"))
        if not values or not self._last_step:
            return []
        self._tested = True
        return [Point(self._last_step, self.run.results_path.stat().st_mtime, values)]


def point_of(record: Record) -> Point | None:
    """A step's or an epoch's numbers under the names by which a tracker groups them, None for other events.

    >>> point_of({"event": "epoch", "time": 2.0, "step": 9, "epoch": 0, "loss": 0.5, "seconds": 3.0,
    ...           "valid": {"masked": {"HR@5": 0.25}}}).values
    {'epoch/loss': 0.5, 'pace/epoch_seconds': 3.0, 'valid/masked/HR@5': 0.25}
    """
    kind = record["event"]
    if kind not in ("step", "epoch") or not is_number(record.get("step")):
        return None
    group = "train" if kind == "step" else "epoch"
    bad = record.get("non_finite") or ()
    values = {}
    for name, value in record.items():
        if name not in _WHEN and (is_number(value) or name in bad):
            clock = "pace/epoch_" if kind == "epoch" else "pace/"
            told = f"{clock}{name}" if name in CLOCK else f"{group}/{name}"
            values[told] = float(value) if is_number(value) else math.nan
    values |= _metrics("valid", record.get("valid"))
    return Point(int(record["step"]), float(record.get("time") or 0.0), values) if values else None


def _metrics(part: str, metrics: Mapping[str, Any] | None) -> dict[str, float]:
    (flat,) = epoch_rows([{"valid": metrics}])
    return {f"{part}/{name}": float(value) for name, value in flat.items() if is_number(value)}


@contextmanager
def tracked(tracking: Tracking, failed: Callable[[str], None]) -> Iterator[None]:
    """While this lasts, and once more at its end, the run's numbers are handed on, by a thread of its own.

    What goes wrong there ends no training and does not hold it up: `failed` hears it once, and nothing more
    is handed on.
    """
    through = threading.Event()

    def follow(ended: threading.Event) -> None:
        try:
            while not ended.wait(POLL_SECONDS):
                tracking.poll()
            tracking.poll()
            tracking.close()
        # A library that ends its process ends this thread, which nobody would hear.
        except BaseException as error:
            failed(str(error) or type(error).__name__)
        finally:
            through.set()

    with meanwhile(follow, "tracking", LAST_SECONDS):
        yield
    if not through.is_set():
        failed(f"it has not taken the last numbers within {LAST_SECONDS:.0f} s")

"""The course of a run, gathered from its events: what a chart or a table draws from.

After a resume, what was recorded past the resume point never happened: it is dropped, and a
record of the same step or epoch that comes again replaces the earlier one.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from typing import Any

from sracl_core.runs.events import Record
from sracl_core.runs.records import is_number

MOST_FIELDS = 64
"""As many numbers of a step are kept by name; a run that writes more of them is no training."""
MOST_POINTS = 200_000
MOST_MESSAGES = 1_000


class RunHistory:
    """Bounded memory: past `most_points` steps every other one is forgotten, again and again.

    `steps` maps the name of each number that a step had to a column of floats, NaN where a record
    has none, in the order of the steps; "step" is always there. `epochs` holds the epoch records,
    `stages` and `progress` the latest record of each stage, `checkpoints` the latest of each kind,
    `messages` the latest 1,000 of message, plateau and non_finite, `started` and `ended` the latest
    run_started and run_ended or None.
    """

    def __init__(self, most_points: int = MOST_POINTS) -> None:
        self._most_points = max(2, most_points)
        self.clear()

    def clear(self) -> None:
        """Forget everything, for a reader that started over."""
        self.steps: dict[str, array[float]] = {"step": array("d")}
        self.epochs: list[Record] = []
        self.stages: dict[str, Record] = {}
        self.progress: dict[str, Record] = {}
        self.checkpoints: dict[str, Record] = {}
        self.messages: deque[Record] = deque(maxlen=MOST_MESSAGES)
        self.started: Record | None = None
        self.ended: Record | None = None
        self.resumes = 0
        self._stride = 1
        self._seen = 0

    def add(self, records: Iterable[Record]) -> None:
        """Take in `records` in the order in which they were written; unknown events are ignored."""
        for record in records:
            self._add(record)

    @property
    def best(self) -> Record | None:
        """The latest epoch record marked best."""
        return next((record for record in reversed(self.epochs) if record.get("best")), None)

    def _add(self, record: Record) -> None:
        kind = record["event"]
        if kind == "step":
            self._add_step(record)
        elif kind == "epoch":
            self._add_epoch(record)
        elif kind == "progress":
            self.progress[str(record.get("stage"))] = record
        elif kind == "stage":
            self.stages[str(record.get("stage"))] = record
        elif kind == "checkpoint":
            self.checkpoints[str(record.get("kind"))] = record
        elif kind in ("message", "plateau", "non_finite"):
            self.messages.append(record)
        elif kind == "run_started":
            self.started, self.ended = record, None
        elif kind == "run_resumed":
            self.ended = None
            self.resumes += 1
            self._cut_after(_number(record.get("step")))
        elif kind == "run_ended":
            self.ended = record

    def _add_step(self, record: Record) -> None:
        at = _number(record.get("step"))
        column = self.steps["step"]
        if column and not math.isnan(at) and at <= column[-1]:
            self._keep_steps(bisect_right(column, at - 0.5))
        self._seen += 1
        # A point that says "not finite" is never thinned away.
        if self._seen % self._stride and "non_finite" not in record:
            return
        self._open_columns(record, len(column))
        for name, values in self.steps.items():
            values.append(_number(record.get(name)))
        column = self.steps["step"]
        if len(column) > self._most_points:
            for name, values in self.steps.items():
                self.steps[name] = values[::2]
            self._stride *= 2

    def _open_columns(self, record: Record, length: int) -> None:
        """A column for each number that is met for the first time, also where it is not finite."""
        listed = record.get("non_finite")
        bad = listed if isinstance(listed, list) else ()
        for name, value in record.items():
            if name == "time" or name in self.steps or len(self.steps) >= MOST_FIELDS:
                continue
            if is_number(value) or name in bad:
                self.steps[name] = array("d", [math.nan]) * length

    def _add_epoch(self, record: Record) -> None:
        epoch = _number(record.get("epoch"))
        while self.epochs and _number(self.epochs[-1].get("epoch")) >= epoch:
            self.epochs.pop()
        self.epochs.append(record)

    def _cut_after(self, step: float) -> None:
        if math.isnan(step):
            return
        self._keep_steps(bisect_right(self.steps["step"], step))
        self.epochs = [record for record in self.epochs if not _number(record.get("step")) > step]
        kept = {
            kind: record
            for kind, record in self.checkpoints.items()
            if not _number(record.get("step")) > step
        }
        self.checkpoints = kept

    def _keep_steps(self, count: int) -> None:
        for values in self.steps.values():
            del values[count:]


def _number(value: Any) -> float:
    try:
        return float(value) if is_number(value) else math.nan
    except OverflowError:
        return math.nan

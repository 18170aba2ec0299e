"""What a training measures of itself: means of its losses, and its seconds."""

from __future__ import annotations

import time

from sracl_core.training.session import LoopState


class Report:
    """Means since the last report."""

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.steps = 0
        self.prefixes = 0
        self.sums: dict[str, float] = {}

    def add(self, values: dict[str, float], prefixes: int) -> None:
        self.steps += 1
        self.prefixes += prefixes
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        return {name: total / self.steps for name, total in self.sums.items()}


class Clock:
    """Adds the seconds that pass to the state, so that they survive a stop."""

    def __init__(self, state: LoopState) -> None:
        self.state = state
        self.last = time.monotonic()

    def tick(self) -> None:
        now = time.monotonic()
        self.state.elapsed += now - self.last
        self.state.epoch_seconds += now - self.last
        self.last = now

"""In place of a RunWriter in the processes of a team that write nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from sracl_core.runs.writer import RunWriter


class SilentWriter(RunWriter):
    """Hears all that a RunWriter hears, and writes none of it: process 0 writes it."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}

    def event(self, kind: str, /, **fields: Any) -> None:
        """Nothing."""

    def parts(self, names: Sequence[str]) -> None:
        """Nothing."""

    def state(self, **fields: Any) -> None:
        """Nothing."""

    def heartbeat(self, **fields: Any) -> None:
        """Nothing."""

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Nothing."""
        yield

    def spent(self, stage: str, seconds: float) -> None:
        """Kept for `stage_seconds`."""
        self._spent[stage] = self._spent.get(stage, 0.0) + seconds

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Seconds of this process's stages."""
        return dict(self._spent)

    def progress(self, stage: str, done: int, total: int) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing is open."""

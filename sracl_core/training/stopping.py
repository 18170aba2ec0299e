"""SIGTERM and Ctrl-C: the first asks to stop after a checkpoint, the second stops now."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from sracl_core.errors import Interrupted


class StopSignals:
    """Catches SIGTERM and SIGINT while it is entered, in the main thread; elsewhere it does nothing.

    Before `patient` is set a signal raises Interrupted at once (nothing there needs a checkpoint);
    after, the first one only makes `requested()` true.
    """

    def __init__(self) -> None:
        self.patient = False
        self._requested = False
        self._earlier: dict[signal.Signals, Any] = {}

    def requested(self) -> bool:
        """Whether to checkpoint and stop."""
        return self._requested

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name in (signal.SIGTERM, signal.SIGINT):
                self._earlier[name] = signal.signal(name, self._caught)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, handler in self._earlier.items():
            signal.signal(name, handler)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        if self.patient and not self._requested:
            self._requested = True
            return
        raise Interrupted(
            "stopped at once; what was computed is kept and `sracl resume` goes on from the last checkpoint"
        )

"""SIGTERM, SIGHUP and Ctrl-C: the first asks to stop after a checkpoint, the second stops now."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType
from typing import Any, Self

from sracl_core.errors import Interrupted
from sracl_core.interrupts import ECHO_SECONDS, heard


class StopSignals:
    """Catches the ending signals while it is entered, in the main thread; elsewhere it does nothing.

    `number` is the first that came, 0 while none did.

    Before `patient` is set a signal raises Interrupted at once (nothing there needs a checkpoint);
    after, the first one only makes `requested()` true.
    """

    def __init__(self) -> None:
        self.patient = False
        self.number = 0
        self._came = 0.0
        self._earlier: dict[signal.Signals, Any] = {}

    def requested(self) -> bool:
        """Whether to checkpoint and stop."""
        return self.number != 0

    def __enter__(self) -> Self:
        for number in heard():
            self._earlier[number] = signal.signal(number, self._caught)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, handler in self._earlier.items():
            signal.signal(name, handler)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.number and now - self._came < ECHO_SECONDS:
            return
        first, self.number, self._came = not self.number, number, now
        if not (self.patient and first):
            raise Interrupted(
                "stopped at once; what was computed is kept and `sracl resume` goes on from the last "
                "checkpoint",
                number,
            )

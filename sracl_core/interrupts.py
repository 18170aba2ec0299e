"""Signals that ask a process to end: Ctrl-C, SIGTERM, and SIGHUP of a terminal that is closed."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

ECHO_SECONDS = 0.3
"""`timeout` signals its child, and then the group that the child is in: twice, and means it once."""


class Signaled(KeyboardInterrupt):
    """A signal other than Ctrl-C ended what was going on; handled wherever Ctrl-C is."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def heard() -> tuple[signal.Signals, ...]:
    """The ending signals that may be handled here.

    None outside the main thread, where Python hears none, and none that was ignored from the start:
    `nohup` means it.
    """
    if threading.current_thread() is not threading.main_thread():
        return ()
    return tuple(number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN)


def end_as_ctrl_c_does() -> None:
    """Let SIGTERM and SIGHUP raise, so that what was begun is put away; a second one ends at once."""
    for number in heard():
        if number != signal.SIGINT:
            signal.signal(number, _raise)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """What a shell expects of a process that a signal ended: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (interrupt.number if isinstance(interrupt, Signaled) else int(signal.SIGINT))


def inside(error: BaseException) -> KeyboardInterrupt | None:
    """The interrupt that a library has made an error of its own, which quotes it; None where there is none.

    What is written in C or Rust and calls Python, as pydantic does where it builds a validator, may hand on
    whatever is raised in there as a text.
    """
    quoted = re.search(r"\bKeyboardInterrupt\b|\bSignaled: (SIG\w+)", str(error))
    if quoted is None:
        return None
    name = quoted[1]
    return KeyboardInterrupt() if name is None else Signaled(getattr(signal, name, signal.SIGTERM))


def _raise(number: int, frame: FrameType | None) -> None:
    began = time.monotonic()

    def again(number: int, frame: FrameType | None) -> None:
        if time.monotonic() - began >= ECHO_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    signal.signal(number, again)
    raise Signaled(number)

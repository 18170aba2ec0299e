"""The standard streams as whoever started the command left them."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress


def make_usable() -> None:
    """Give closed streams (`>&-`) a place to go, and the others a way to write every character.

    The next file that is opened would have the number of a closed stream, and what is printed would go into
    it. Characters that an encoding lacks are written as escapes, not as an error.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

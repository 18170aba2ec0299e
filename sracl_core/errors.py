"""Every error that this package raises on purpose.

::

    SraclError                     exit 1   it failed while running
    ├── InputError                 exit 2   what was given cannot be used
    │   ├── ConfigError                     a setting is unknown or out of range
    │   ├── DataError                       a source file or a prepared dataset is not usable
    │   ├── UnknownIdError                  a user, an item or its column that the dataset does not hold
    │   ├── RunError                        a folder that is not a run, or not one of this version
    │   ├── IncomparableError               runs whose metrics say nothing together
    │   └── CheckpointError                 a checkpoint that is damaged or does not fit
    ├── NonFiniteLossError         exit 1   a part of the loss became NaN or infinite
    ├── StorageError               exit 1   the disk is full or not writable
    ├── ServiceError               exit 1   a server (data set host, LLM endpoint) did not do its part
    ├── NotReady                   exit 1   the answer is still being worked out; ask again
    ├── TeamError                  exit 3   processes that work together lost or did not find one another
    └── Interrupted                exit 130 stopped by Ctrl-C (143 by SIGTERM, 129 by SIGHUP)

The message of each is one line that says what was found, where, and what to do. What can be given is
written as the command line has it, and read as whoever asked has it (see `in_flags`).
"""

from __future__ import annotations

import difflib
import re
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

RESUMED = "`sracl resume` goes on from the last checkpoint, with any number of processes"
REPEATED = "the same command goes on after what is finished, with any number of processes"
"""What to do once a team has ended, by what it did."""

_flags = False
_QUOTED = r"`[^`]*`|(?<!\w)'[^']*'"


@contextmanager
def in_flags(flags: bool = True) -> Iterator[None]:
    """Until this ends, messages name options of the command line, and not arguments and settings.

    flags: False is the other way round, for a command that answers questions of programs.
    """
    global _flags
    before, _flags = _flags, flags
    try:
        yield
    finally:
        _flags = before


def worded(message: str) -> str:
    """`message`, which names options of the command line, as whoever asked has them (see `in_flags`)."""
    return message if _flags else in_arguments(message)


def in_arguments(message: str) -> str:
    """`message` for a caller in Python; whole commands and quoted data stay as they are.

    >>> in_arguments("name it with --time-col, or `sracl data --help`; --set training.seed=1")
    'name it with time_col, or `sracl data --help`; training.seed=1'
    """

    def told(found: re.Match[str]) -> str:
        return found[1].replace("-", "_") if found[1] else "" if found[2] else found[0]

    return re.sub(rf"{_QUOTED}|(?<![\w-])--(?!set )([a-z][a-z-]*)|(?<![\w-])(--set )", told, message)


class SraclError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line returns.

    What a library said, and a message quotes, may have several lines; the message has one.
    """

    exit_code = 1

    def __str__(self) -> str:
        message = super().__str__()
        return worded(message)

    def __init__(self, message: str = "") -> None:
        super().__init__(re.sub(r"\s*\n\s*", " ", message))


class InputError(SraclError):
    """What was given cannot be used: wrong usage, configuration or input."""

    exit_code = 2


class ConfigError(InputError):
    """A setting is unknown, of the wrong type, or out of range."""

    def __init__(self, message: str = "", problems: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self._problems = problems or {}

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong, by the setting or section that it is wrong with; {} where that is not known."""
        return {key: worded(rule) for key, rule in self._problems.items()}


class DataError(InputError):
    """A source file or a prepared dataset is not usable."""


class UnknownIdError(InputError):
    """A user or item id that the dataset does not hold, or a column or value that no item has."""


class RunError(InputError):
    """A folder that is not a run directory, or one that this version cannot read."""


class IncomparableError(InputError):
    """Runs of different data or protocols, whose metrics say nothing side by side."""


class CheckpointError(InputError):
    """A checkpoint that is damaged, or that does not fit the run it lies in."""


class NonFiniteLossError(SraclError):
    """A part of the loss became NaN or infinite; no optimizer step was taken on it."""


class StorageError(SraclError):
    """The disk is full, or the folder cannot be written."""


class ServiceError(SraclError):
    """A server that was asked for something did not do its part."""


class NotReady(SraclError):
    """The answer is being worked out while other questions are answered; ask again."""


class TeamError(SraclError):
    """Processes that work together did not find one another, or one of them has ended."""

    exit_code = 3


class Interrupted(SraclError):
    """Stopped by a signal, whose `number` decides the exit code; what was computed so far is on disk."""

    def __init__(self, message: str, number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


def nearest(name: str, choices: Iterable[str], cutoff: float = 0.6) -> str:
    """A hint that names the closest of `choices`, or all of them when few, else nothing.

    >>> nearest("itemid", ["user_id", "item_id"]), nearest("U1", ["u0", "u1"])
    ("; did you mean 'item_id'?", "; did you mean 'u1'?")
    """
    options = [str(choice) for choice in choices]
    written = name.strip().casefold()
    if (same := next((one for one in options if one.strip().casefold() == written), None)) is not None:
        return f"; did you mean '{same}'?"
    close = difflib.get_close_matches(name, options, n=1, cutoff=cutoff)
    if close:
        return f"; did you mean '{close[0]}'?"
    if 0 < len(options) <= 12:
        return f"; there is {', '.join(options)}"
    return ""

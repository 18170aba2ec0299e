"""What any layer has to tell a person that is no error: damage that was mended, something left unused.

It goes to the logger "sracl_core": on stderr where nobody has configured logging, into a run's messages
while one is written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sracl_core.plain import plain

_log = logging.getLogger("sracl_core")


def warn(text: str) -> None:
    """Tell `text`, one line."""
    _log.warning("%s", plain(text))


@contextmanager
def heard_by(listener: Callable[[str], None]) -> Iterator[None]:
    """Until the end of the block `listener` is told, too, in place of stderr."""

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            listener(record.getMessage())

    handler = Listening(logging.WARNING)
    _log.addHandler(handler)
    try:
        yield
    finally:
        _log.removeHandler(handler)

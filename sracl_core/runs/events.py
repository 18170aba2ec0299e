"""What a run tells the outside: its events, a line each.

A run writes ``metrics.jsonl``, one JSON object a line, each with "event" and "time" (unix seconds).
The fields of every event are listed in docs/cli.md; a reader ignores events that it does not know.
"""

from __future__ import annotations

import zlib
from typing import Any, TypeAlias

FORMAT_VERSION = 1
"""Version of the run directory's layout; a newer one is refused, an older one is read."""

Record: TypeAlias = dict[str, Any]
"""One line of metrics.jsonl."""


_MARK = b', "crc": "'
_MARKED = len(_MARK) + 8 + len(b'"}')


def marked(line: str) -> str:
    """A JSON object of one line with a checksum as its last field.

    >>> unmarked(marked('{"step": 3}').encode())
    b'{"step": 3}'
    """
    return f'{line[:-1]}, "crc": "{zlib.crc32(line.encode()):08x}"}}'


def unmarked(line: bytes) -> bytes:
    """What was marked; ValueError where it has changed since. A line without a mark as it is."""
    if line[-_MARKED:].startswith(_MARK):
        content = line[:-_MARKED] + b"}"
        if zlib.crc32(content) != int(line[-10:-2], 16):
            raise ValueError("its checksum differs")
        return content
    return line


def from_one(epoch: Any) -> Any:
    """An epoch as people count them; None where there is none."""
    return epoch + 1 if isinstance(epoch, int) else epoch

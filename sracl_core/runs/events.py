"""What a run tells the outside: the names of its events.

A run writes ``metrics.jsonl``, one JSON object a line, each with "event" and "time" (unix seconds).
The fields of every event are listed in docs/cli.md; a reader ignores events that it does not know.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

FORMAT_VERSION = 1
"""Version of the run directory's layout; a newer one is refused, an older one is read."""

EventKind: TypeAlias = Literal[
    "run_started",
    "stage",
    "progress",
    "step",
    "epoch",
    "checkpoint",
    "plateau",
    "non_finite",
    "message",
    "run_resumed",
    "run_ended",
]

Record: TypeAlias = dict[str, Any]
"""One line of metrics.jsonl."""


def from_one(epoch: Any) -> Any:
    """An epoch as people count them; None where there is none."""
    return epoch + 1 if isinstance(epoch, int) else epoch

"""What a person sees on stderr while a training runs: bars for the stages, a line for each epoch."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from sracl_core.cli.output import duration, messages_to_nowhere, progress_display, say
from sracl_core.progress import Progress
from sracl_core.runs.events import Record

HEADLINE = "NDCG@20"


class TrainingDisplay:
    """Draws a run's events and progress; `on_event` is a RunWriter's listener.

    On a terminal the bars stay at the bottom and the lines scroll above them; elsewhere there are
    plain lines only. Where stderr is closed meanwhile the training goes on without.
    """

    def __init__(self, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self._steps_per_epoch = 0
        self._stack = ExitStack()
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        self._progress = self._stack.enter_context(progress_display(self.quiet))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stack.close()
        except OSError:
            messages_to_nowhere()

    def progress(self, stage: str, done: int, total: int) -> None:
        """The Progress that the pipeline reports its stages to."""
        try:
            if self._progress is not None:
                self._progress(stage, done, total)
        except OSError:
            messages_to_nowhere()

    def on_event(self, record: Record) -> None:
        """Show one event of metrics.jsonl."""
        kind = record["event"]
        if kind == "stage":
            self._stage(record)
        elif kind == "step" and self._steps_per_epoch and sys.stderr.isatty():
            epoch = int(record["epoch"])
            self.progress(
                f"epoch {epoch + 1}", record["step"] - epoch * self._steps_per_epoch, self._steps_per_epoch
            )
        elif kind == "epoch":
            if self._steps_per_epoch and sys.stderr.isatty():
                self.progress(f"epoch {record['epoch'] + 1}", self._steps_per_epoch, self._steps_per_epoch)
            say(epoch_line(record), self.quiet)
        elif kind == "message":
            loud = self.verbose or record.get("level") != "info"
            say(f"{record.get('level')}: {record.get('text')}", self.quiet or not loud)
        elif kind == "plateau" and self.verbose:
            say(f"no gain for {record['epochs_without_gain']} of {record['patience']} epochs", self.quiet)

    def _stage(self, record: Record) -> None:
        if record.get("stage") == "train" and record.get("steps_per_epoch"):
            self._steps_per_epoch = int(record["steps_per_epoch"])
        if record.get("status") == "done" and self.verbose:
            say(f"{record['stage']} took {duration(record.get('seconds'))}", self.quiet)


def epoch_line(record: Record) -> str:
    """An epoch in one line; people count from 1.

    >>> epoch_line({"epoch": 0, "loss": 6.5, "inter": None, "seconds": 12.0, "best": True,
    ...             "valid": {"unmasked": {"NDCG@20": 0.05}, "masked": {"NDCG@20": 0.06}}})
    'epoch   1  loss 6.5000  valid NDCG@20 0.0500 (masked 0.0600)  12 s  best'
    """
    parts = [f"epoch {record['epoch'] + 1:>3}"]
    for name in ("loss", "next_item", "inter", "intra"):
        if isinstance(record.get(name), int | float):
            parts.append(f"{name} {record[name]:.4f}")
    valid: dict[str, Any] = record.get("valid") or {}
    name, unmasked = _headline(valid.get("unmasked") or {})
    if unmasked is not None:
        masked = (valid.get("masked") or {}).get(name)
        parts.append(
            f"valid {name} {unmasked:.4f}" + (f" (masked {masked:.4f})" if masked is not None else "")
        )
    parts.append(duration(record.get("seconds")))
    if record.get("best"):
        parts.append("best")
    return "  ".join(parts)


def _headline(metrics: dict[str, float]) -> tuple[str, float | None]:
    """NDCG@20 where it was measured, else the last metric there is."""
    if HEADLINE in metrics or not metrics:
        return HEADLINE, metrics.get(HEADLINE)
    return list(metrics.items())[-1]

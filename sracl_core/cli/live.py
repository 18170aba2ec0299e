"""What a person sees on stderr while a training runs: bars for the stages, a line for each epoch."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from sracl_core.cli.output import duration, messages_to_nowhere, progress_display, say
from sracl_core.progress import EPOCH, TIMED, Extent, Progress
from sracl_core.runs.events import Record
from sracl_core.runs.records import DEFAULT_HEADLINE, Metrics, headline_name, loss_names, metric


class TrainingDisplay:
    """Draws a run's events and progress; `on_event` is a RunWriter's listener.

    On a terminal a bar for the run and one for the epoch stay at the bottom, and the lines scroll above
    them; elsewhere there are plain lines only. Where stderr is closed meanwhile the training goes on
    without.

    Args:
        headline: the metric to tell of each epoch, such as "unmasked/NDCG@20".
        max_epochs, max_minutes: of the run at most, 0 for no limit of minutes; its bar measures against it.
    """

    def __init__(
        self,
        quiet: bool = False,
        verbose: bool = False,
        headline: str = DEFAULT_HEADLINE,
        max_epochs: int | None = None,
        max_minutes: float = 0.0,
    ) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.headline = headline
        self._max_epochs, self._max_minutes = max_epochs, max_minutes
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
        elif kind == "step":
            self._bars(int(record["epoch"]), int(record["step"]), record.get("elapsed") or 0.0)
        elif kind == "epoch":
            last = (int(record["epoch"]) + 1) * self._steps_per_epoch
            self._bars(int(record["epoch"]), last, record.get("elapsed") or 0.0)
            say(epoch_line(record, self.headline), self.quiet)
        elif kind == "message":
            loud = self.verbose or record.get("level") != "info"
            say(f"{record.get('level')}: {record.get('text')}", self.quiet or not loud)
        elif kind == "plateau" and self.verbose:
            say(f"no gain for {record['epochs_without_gain']} of {record['patience']} epochs", self.quiet)

    def _bars(self, epoch: int, step: int, elapsed: float) -> None:
        """One bar for all epochs, one for the steps of this one; lines in a log say it otherwise."""
        each = self._steps_per_epoch
        if not each or not sys.stderr.isatty():
            return
        if self._max_epochs:
            whole = Extent(self._max_epochs * each, each, 60.0 * self._max_minutes)
            if whole.seconds:
                done = whole.share(step, elapsed) * whole.seconds
                self.progress(f"at most{TIMED}", round(done), round(whole.seconds))
            else:
                self.progress("at most", step, whole.steps)
        self.progress(EPOCH, step - epoch * each, each)

    def _stage(self, record: Record) -> None:
        if record.get("stage") == "train" and record.get("steps_per_epoch"):
            self._steps_per_epoch = int(record["steps_per_epoch"])
        if record.get("status") == "done" and self.verbose:
            say(f"{record['stage']} took {duration(record.get('seconds'))}", self.quiet)


def epoch_line(record: Record, headline: str = DEFAULT_HEADLINE) -> str:
    """An epoch in one line; people count from 1.

    >>> epoch_line({"epoch": 0, "loss": 6.5, "inter": None, "seconds": 12.0, "best": True,
    ...             "valid": {"unmasked": {"NDCG@20": 0.05}, "masked": {"NDCG@20": 0.06}}})
    'epoch   1  loss 6.5000  valid NDCG@20 0.0500 (masked 0.0600)  12 s  best'
    """
    parts = [f"epoch {record['epoch'] + 1:>3}"]
    parts += [f"{name} {record[name]:.4f}" for name in loss_names([record], {})]
    parts += _valid(record.get("valid") or {}, headline)
    parts.append(duration(record.get("seconds")))
    if record.get("best"):
        parts.append("best")
    return "  ".join(parts)


def _valid(valid: Metrics, headline: str) -> list[str]:
    """The headline metric, and the same with seen items masked or not."""
    mask, _, name = headline.partition("/")
    value = metric(valid, headline)
    if value is None:
        return []
    others = [f"{other} {held[name]:.4f}" for other, held in valid.items() if other != mask and name in held]
    return [f"valid {headline_name(headline)} {value:.4f}" + (f" ({', '.join(others)})" if others else "")]

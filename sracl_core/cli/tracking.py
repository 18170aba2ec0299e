"""Runs in the programs that others have for drawing them: `--log-to` and `sracl export metrics --to`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sracl_core.cli import completion, output
from sracl_core.words import counted

if TYPE_CHECKING:
    from sracl_core.runs.directory import RunDirectory

LogToOption = Annotated[
    list[str] | None,
    typer.Option(
        "--log-to",
        metavar="TRACKER",
        help="Show the run in tensorboard or trackio while it trains; repeatable.",
        autocompletion=completion.trackers,
    ),
]


def require_trackers(names: Sequence[str] | None) -> None:
    """Raise InputError for one that is unknown or not installed, before anything takes time."""
    if names:
        from sracl_core.runs.trackers import tracker

        for name in names:
            tracker(name)


@contextmanager
def while_tracked(run: RunDirectory, names: Sequence[str] | None, quiet: bool = False) -> Iterator[None]:
    """Meanwhile the run goes to these trackers; one that fails is told of, and the training goes on."""
    with ExitStack() as held:
        if names:
            from sracl_core.runs.trackers import tracker
            from sracl_core.runs.tracking import Tracking, tracked

            for name in dict.fromkeys(names):
                failed = _teller(run, name)
                try:
                    tracking = Tracking(run, tracker(name))
                except Exception as error:
                    failed(str(error) or type(error).__name__)
                    continue
                output.say(f"{name}: `{tracking.look}` shows it", quiet)
                held.enter_context(tracked(tracking, failed))
        yield


def export(runs: Sequence[RunDirectory], name: str, out: Path | None, follow: bool) -> None:
    """Hand the runs to a tracker; with `follow` until all of them have ended."""
    from sracl_core.runs.liveness import status
    from sracl_core.runs.trackers import tracker
    from sracl_core.runs.tracking import POLL_SECONDS, Tracking

    chosen = tracker(name)
    followed = [Tracking(run, chosen, out) for run in runs]
    live = True
    while live:
        # Asked before the last look, so that nothing is written after it.
        live = follow and any(status(one.run.state()) == "running" for one in followed)
        for one in followed:
            one.poll()
        if live:
            time.sleep(POLL_SECONDS)
    for one in followed:
        one.close()
        output.say(f"{one.run.name}: {counted(one.points, 'point')}")
    output.tell(followed[0].look)


def _teller(run: RunDirectory, name: str) -> Callable[[str], None]:
    def failed(error: str) -> None:
        again = f"sracl export metrics {shlex.quote(str(run.path))} --to {name}"
        output.say(f"warning: {name}: {error}; the training goes on, `{again}` hands it on later")

    return failed

"""What the commands print: data on stdout, progress and messages on stderr.

Options that many commands share are here too, so that they read the same everywhere.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer

from sracl_core.errors import InputError
from sracl_core.json_values import jsonable
from sracl_core.plain import plain, plain_json, plain_lines
from sracl_core.progress import EPOCH, PASSING, TIMED, Progress, RateMeter
from sracl_core.progress import duration as duration

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no messages on stderr.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Tell more on stderr.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the plan and its size; touch nothing.")]

MOST_DRAWN = 1000
BAR = 12
"""Columns of a bar: a line that a narrowed terminal breaks in two is drawn once more below."""
PLAIN_LINE_SECONDS = 5.0
SPARSER = 0.1
"""Of the time that a stage has taken, what passes until its next line: a log of hours stays short."""


def print_json(value: Any) -> None:
    """`value` as readable JSON on stdout; numpy numbers and paths are understood."""
    import json

    # Escapes of a smaller encoding would be no JSON beyond 16 bits, so JSON's own are written there.
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    print(plain_json(json.dumps(value, indent=2, default=jsonable, ensure_ascii=ascii_only)))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """A table on stdout: drawn for a terminal, aligned columns of full length for anything else.

    One of more than `MOST_DRAWN` rows is aligned only: drawing takes half a millisecond a row.
    """
    columns = [plain(name) for name in columns]
    cells = [[plain(shown(value)) for value in row] for row in rows]
    numeric = [all(_is_number(row[at]) for row in rows) and bool(rows) for at in range(len(columns))]
    if sys.stdout.isatty() and len(cells) <= MOST_DRAWN:
        _draw_table(columns, cells, numeric, title)
        return
    if title:
        tell(title)
    widths = [max(len(row[at]) for row in [list(columns), *cells]) for at in range(len(columns))]
    for row in [list(columns), *cells]:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        print("  ".join(padded).rstrip())


def print_pairs(pairs: Mapping[str, Any]) -> None:
    """Names and values, one pair a line, on stdout."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        tell(f"{name.ljust(width)}  {shown(value)}")


def print_plan(plan: Mapping[str, Any], as_json: bool, **told: tuple[str, Any]) -> None:
    """What a command would do; `told` has another name and another value for a person, by name."""
    if as_json:
        print_json({**plan, "dry_run": True})
        return
    pairs = (told.get(name, (name.replace("_", " "), value)) for name, value in plan.items())
    print_pairs(dict(pairs))
    say("nothing was done; the same without --dry-run does it")


def print_metrics(results: Mapping[str, Any]) -> None:
    """The valid and test parts of results.json as one table, masked and unmasked side by side."""
    columns = [(part, mask) for part in ("valid", "test") for mask in ("unmasked", "masked")]
    columns = [(part, mask) for part, mask in columns if results.get(part, {}).get(mask)]
    names = list(dict.fromkeys(name for part, mask in columns for name in results[part][mask]))
    rows = [[name, *(results[part][mask].get(name) for part, mask in columns)] for name in names]
    print_table(["metric", *(f"{part} {mask}" for part, mask in columns)], rows)


def agreed(question: str) -> bool:
    """Whether a person says yes. Raises InputError where nobody is there to answer."""
    try:
        return typer.confirm(question, err=True)
    except typer.Abort as abort:
        if not isinstance(abort.__context__, EOFError):
            raise
        say("")
        raise InputError("nobody answers here, and nothing was done; --yes says yes") from abort


def shown(value: Any) -> str:
    """A value as a person reads it in a table: "-" for None, four digits for a float."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def tell(text: str = "", *, flush: bool = False) -> None:
    """A line of data on stdout. What it quotes may come from anywhere, so it stays one line."""
    print(plain(text), flush=flush)


def tell_lines(text: str) -> None:
    """A text of several lines on stdout, which no terminal obeys either."""
    print(plain_lines(text).expandtabs())


def say(text: str, quiet: bool = False) -> None:
    """A line for people, on stderr; whoever closed it (`| head`, a terminal that is gone) wants none."""
    if quiet or sys.stderr is None:
        return
    try:
        print(plain(text), file=sys.stderr, flush=True)
    except OSError:
        messages_to_nowhere()


def messages_to_nowhere() -> None:
    """Point stderr to where everything may be written, so that no later message fails."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


@contextmanager
def progress_display(quiet: bool = False, patience: float = 0.0) -> Iterator[Progress]:
    """A Progress that draws on stderr: bars with an ETA on a terminal, plain lines elsewhere.

    Nothing is shown of a stage that is over within `patience` seconds.

    >>> with progress_display() as progress:                             # doctest: +SKIP
    ...     progress("embed", 64, 12101)
    """
    if quiet:
        yield _silent
    elif sys.stderr.isatty():
        with _bars(patience) as progress:
            yield progress
    else:
        yield PlainProgress(patience)


class PlainProgress:
    """A line at a stage's end, and ever fewer in between, every 5 s at first: for logs and pipes.

    patience: seconds within which a stage may be over without a line.
    """

    def __init__(self, patience: float = 0.0) -> None:
        self._patience = patience
        self._meters: dict[str, tuple[RateMeter, float]] = {}
        self._due: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage == EPOCH:
            return
        now = time.monotonic()
        if stage not in self._meters:
            self._meters[stage] = (RateMeter(now, done), now)
            self._due[stage] = now + PLAIN_LINE_SECONDS
        meter, began = self._meters[stage]
        if done >= total:
            del self._meters[stage]
            took = duration(now - began)
            if now - began < self._patience:
                return
            uncounted = TIMED in stage or total == 1
            say(f"{_title(stage)}: " + (took if uncounted else f"{amount(stage, total)} in {took}"))
        elif now >= self._due[stage] and PASSING not in stage:
            self._due[stage] = now + max(PLAIN_LINE_SECONDS, SPARSER * (now - began))
            left = meter.eta(now, done, total)
            rest = f"{_rate(stage, meter.rate(now, done))}, about {duration(left)} left" if left else ""
            say(f"{_title(stage)}: {amount(stage, done)} of {amount(stage, total)}{rest}")


def amount(stage: str, number: float) -> str:
    """A number of what a stage counts: megabytes where its name ends in "(bytes)", seconds in "(time)".

    >>> amount("fetch ml-1m.zip (bytes)", 5917549), amount("embed", 12101), amount("compare (time)", 725)
    ('5.9 MB', '12,101', '12 min 05 s')
    """
    if stage.endswith(TIMED):
        return duration(number)
    return f"{number / 1e6:,.1f} MB" if stage.endswith("(bytes)") else f"{number:,.0f}"


def _title(stage: str) -> str:
    return stage.removesuffix(TIMED).removesuffix(PASSING)


def _rate(stage: str, rate: float) -> str:
    return "" if stage.endswith(TIMED) else f", {amount(stage, rate)}/s"


def _silent(stage: str, done: int, total: int) -> None:
    """The Progress of --quiet."""


@contextmanager
def _bars(patience: float) -> Iterator[Progress]:
    # rich costs 60 ms that a command without progress need not pay.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(BAR),
        TextColumn("{task.fields[amount]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    bars = Bars(*columns, console=Console(stderr=True), refresh_per_second=4)
    tasks: dict[str, Any] = {}
    timers: list[threading.Timer] = []

    def progress(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(plain(_title(stage)), total=total, amount="", visible=False)
            if patience:
                timers.append(threading.Timer(patience, overdue))
                timers[-1].daemon = True
                timers[-1].start()
        elif done < bars.tasks[tasks[stage]].completed:
            # The same work once more, as in each epoch: the bar begins anew where it stands.
            bars.reset(tasks[stage], total=total, visible=False)
        task = bars.tasks[tasks[stage]]
        rate = _rate(stage, task.speed) if task.speed else ""
        shown = f"{amount(stage, done)} of {amount(stage, total)}{rate}" if total != 1 else ""
        visible = task.visible or (task.elapsed or 0.0) >= patience
        if PASSING in stage:
            visible = done < total
        bars.update(tasks[stage], completed=done, total=total, amount=shown, visible=visible)
        if visible:
            bars.start()

    def overdue() -> None:
        """Show what has taken too long and says nothing meanwhile."""
        for task in bars.tasks:
            if not task.finished:
                bars.update(task.id, visible=True)
                bars.start()

    try:
        yield progress
    finally:
        for timer in timers:
            timer.cancel()
        bars.stop()


def _draw_table(
    columns: Sequence[str], cells: Sequence[Sequence[str]], numeric: Sequence[bool], title: str
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    heading = Text(plain(title)) if title else None
    table = Table(title=heading, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for name, right in zip(columns, numeric, strict=True):
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))

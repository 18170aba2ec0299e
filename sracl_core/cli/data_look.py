"""`sracl data look`: what files are, before they are prepared; and the options that say how to read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sracl_core.cli import output
from sracl_core.cli.option_groups import grouped

if TYPE_CHECKING:
    from sracl_core.data.catalog_entries import Entry
    from sracl_core.data.look import LookedAt
    from sracl_core.data.reading.base import ReadOptions

RawDirOption = Annotated[Path, typer.Option(help="Where fetched files lie.")]


@dataclass(frozen=True)
class LogOptions:
    """How a log is read, as far as a person says it."""

    form: Annotated[str | None, typer.Option("--format", help="The files' form; else found.")] = None
    user_col: Annotated[list[str] | None, typer.Option(help="Column of user ids (or of sessions).")] = None
    item_col: Annotated[
        list[str] | None, typer.Option(help="Column of item ids; twice where two files name it differently.")
    ] = None
    time_col: Annotated[list[str] | None, typer.Option(help="Column of times.")] = None
    rating_col: Annotated[list[str] | None, typer.Option(help="Column of ratings, for --min-rating.")] = None
    time_format: Annotated[
        str | None, typer.Option(help="Times are dates: 'auto', or a pattern such as '%Y-%m-%d'.")
    ] = None
    event_col: Annotated[str | None, typer.Option(help="Column of events, for --events.")] = None
    order: Annotated[
        str | None, typer.Option(help="'rows': the log has no times, its rows stand in their order.")
    ] = None
    header: Annotated[
        bool | None, typer.Option(help="Whether tables begin with names of columns; else found.")
    ] = None

    def of(self, entry: Entry | None, **more: Any) -> ReadOptions:
        """As a reader takes them; `entry` is of the catalog, `more` what only a preparation says."""
        from sracl_core.data.reading.base import ReadOptions

        names = ("user_col", "item_col", "time_col", "rating_col", "title_col")
        told = {name: getattr(self, name, None) for name in names}
        columns: dict[str, Any] = {name: tuple(given) for name, given in told.items() if given}
        return ReadOptions(
            format=self.form or (entry.reader if entry else None),
            text_cols=listed(getattr(self, "text_cols", None)),
            time_format=self.time_format,
            event_col=self.event_col,
            order=self.order,
            header=self.header,
            **columns,
            **more,
        )


@dataclass(frozen=True)
class ReadingOptions(LogOptions):
    """How a log and an item table are read, as far as a person says it."""

    title_col: Annotated[
        list[str] | None, typer.Option(help="Column of item titles, in the item table or the log.")
    ] = None
    text_cols: Annotated[str | None, typer.Option(help="Item columns to keep: a,b,c; else all.")] = None


EventsOption = Annotated[str | None, typer.Option(help="Keep these events of a log: purchase,cart.")]
DropEmptyOption = Annotated[
    bool, typer.Option("--drop-empty", help="Leave out rows with a missing cell, and count them.")
]
WIDEST = 24
"""Of a cell, in columns: more of it tells no more about what the column is."""


def listed(given: str | None) -> tuple[str, ...] | None:
    """What stands between commas, as names."""
    return tuple(part.strip() for part in given.split(",") if part.strip()) if given else None


@grouped
def look(
    source: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", help="A folder, files, or a name of `sracl data list`."),
    ],
    *,
    reading: ReadingOptions,
    raw_dir: RawDirOption = Path("data/raw"),
    as_json: output.JsonOption = False,
) -> None:
    """Show the first rows of files, and which columns would be taken for what, and why."""
    from dataclasses import asdict

    from sracl_core.data.catalog import resolve
    from sracl_core.data.look import look as look_at

    paths, entry = resolve(source, raw_dir)
    found = look_at(paths, reading.of(entry))
    if as_json:
        output.print_json(asdict(found))
        return
    if found.format:
        output.say(f"read as {found.format} ({found.sign})")
    for file in found.files:
        _print_file(file)
    if found.times:
        output.tell(f"times: {found.times}")
    if found.events:
        output.tell(f"events: {', '.join(found.events)}")
    for note in found.notes:
        output.say(note)
    if found.problem:
        output.say(f"in the way: {found.problem}")


def _print_file(file: LookedAt) -> None:
    output.tell(f"{file.file}: {file.part}")
    rows = [[cell[:WIDEST] for cell in row] for row in file.rows]
    width = max([len(file.columns), *(len(row) for row in rows)])
    head = [*file.columns, *[""] * (width - len(file.columns))]
    output.print_table([name[:WIDEST] for name in head], [row + [""] * (width - len(row)) for row in rows])
    output.tell()
    for guess in file.guesses:
        output.tell(f"  {guess.role:<7} {guess.column or '-'}  ({guess.why})")
    output.tell()

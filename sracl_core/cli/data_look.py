"""`sracl data look`: what files are, before they are prepared; and the options that say how to read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sracl_core.cli import output

if TYPE_CHECKING:
    from sracl_core.data.look import LookedAt

FormOption = Annotated[str | None, typer.Option("--format", help="The files' form; else found.")]
UserOption = Annotated[list[str] | None, typer.Option(help="Column of user ids (or of sessions).")]
ItemOption = Annotated[
    list[str] | None, typer.Option(help="Column of item ids; twice where two files name it differently.")
]
TimeOption = Annotated[list[str] | None, typer.Option(help="Column of times.")]
RatingOption = Annotated[list[str] | None, typer.Option(help="Column of ratings, for --min-rating.")]
TitleOption = Annotated[
    list[str] | None, typer.Option(help="Column of item titles, in the item table or the log.")
]
TextsOption = Annotated[str | None, typer.Option(help="Item columns to keep: a,b,c; else all.")]
TimeFormatOption = Annotated[
    str | None, typer.Option(help="Times are dates: 'auto', or a pattern such as '%Y-%m-%d'.")
]
EventOption = Annotated[str | None, typer.Option(help="Column of events, for --events.")]
OrderOption = Annotated[
    str | None, typer.Option(help="'rows': the log has no times, its rows stand in their order.")
]
HeaderOption = Annotated[
    bool | None, typer.Option(help="Whether tables begin with names of columns; else found.")
]
RawDirOption = Annotated[Path, typer.Option(help="Where fetched files lie.")]

WIDEST = 24
"""Of a cell, in columns: more of it tells no more about what the column is."""


def names(given: list[str] | None) -> tuple[str, ...] | None:
    """Names of columns as a reader takes them."""
    return tuple(given) if given else None


def listed(given: str | None) -> tuple[str, ...] | None:
    """What stands between commas, as names."""
    return tuple(part.strip() for part in given.split(",") if part.strip()) if given else None


def look(
    source: Annotated[
        list[str],
        typer.Argument(help="A folder, files, or a name of `sracl data list`."),
    ],
    form: FormOption = None,
    user_col: UserOption = None,
    item_col: ItemOption = None,
    time_col: TimeOption = None,
    rating_col: RatingOption = None,
    title_col: TitleOption = None,
    text_cols: TextsOption = None,
    time_format: TimeFormatOption = None,
    event_col: EventOption = None,
    order: OrderOption = None,
    header: HeaderOption = None,
    raw_dir: RawDirOption = Path("data/raw"),
    as_json: output.JsonOption = False,
) -> None:
    """Show the first rows of files, and which columns would be taken for what, and why."""
    from dataclasses import asdict

    from sracl_core.data.catalog import resolve
    from sracl_core.data.look import look as look_at
    from sracl_core.data.reading.base import ReadOptions

    paths, entry = resolve(source, raw_dir)
    options = ReadOptions(
        format=form or (entry.reader if entry else None),
        user_col=names(user_col),
        item_col=names(item_col),
        time_col=names(time_col),
        rating_col=names(rating_col),
        title_col=names(title_col),
        text_cols=listed(text_cols),
        time_format=time_format,
        event_col=event_col,
        order=order,
        header=header,
    )
    found = look_at(paths, options)
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

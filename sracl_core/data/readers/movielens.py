"""MovieLens: `ratings.csv` (latest, 20M, 25M, 32M), `ratings.dat` (1M, 10M) and `u.data` (100K)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from sracl_core.data.filters import FunnelStep
from sracl_core.data.reading.base import Raw, Reader, ReadOptions, Rows, Taken, fixed, refusing
from sracl_core.data.reading.clean import clean_interactions, clean_items
from sracl_core.data.reading.log import without_empty
from sracl_core.data.reading.packed import decompressed, refusing_damage
from sracl_core.data.reading.peek import text_start
from sracl_core.data.reading.search import named
from sracl_core.data.reading.tabular import open_table
from sracl_core.data.reading.text import CHUNK, lines_of, plain
from sracl_core.errors import DataError

FORMS = (("ratings.csv", "movies.csv"), ("ratings.dat", "movies.dat"), ("u.data", "u.item"))
COLUMNS = {"user_id": "userId", "item_id": "movieId", "timestamp": "timestamp", "rating": "rating"}
GENRES_100K = """unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy
    Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller War Western"""


def find(paths: list[Path], options: ReadOptions) -> list[Path] | None:
    """[ratings] or [ratings, movies]: by name, and by content where --format does not say so."""
    for ratings, movies in FORMS:
        found = [named(paths, ratings), named(paths, movies)]
        if found[0] is not None and (options.format == READER.name or _is_own(found[0])):
            return [path for path in found if path is not None]
    return None


def _is_own(path: Path) -> bool:
    """Whether the beginning of a file is MovieLens': a file of that name may be anybody's."""
    first = text_start(path, 4096).split("\n", 1)[0].rstrip("\r")
    if "csv" in path.name.lower():
        return {name.lower() for name in COLUMNS.values()} <= {name.lower() for name in first.split(",")}
    mark = "::" if path.name.lower().startswith("ratings.dat") else "\t"
    return len(first.split(mark)) == len(COLUMNS)


def read(files: list[Path], options: ReadOptions, scratch: Path) -> Raw:
    """Ratings as interactions, movies with titles and genres as items."""
    keys = {name: theirs for name, theirs in COLUMNS.items() if name != "rating" or options.with_ratings}
    own_csv = "csv" in files[0].name.lower()
    read_rows = _ratings_csv if own_csv else _ratings_without_header
    funnel: list[FunnelStep] = []
    rows = without_empty(read_rows(files[0], scratch, list(keys)), options, funnel)
    interactions, times = clean_interactions(rows, files[0])
    raw = Raw(interactions, None, taken=[fixed(files[0], keys)], times=times, funnel=funnel)
    if len(files) == 1:
        return raw
    movies = Taken(files[1].name, "items", {"item": "movieId", "title": "title"}, ["genres"])
    return replace(raw, items=_movies(files[1], scratch), taken=[*raw.taken, movies])


def _ratings_csv(path: Path, scratch: Path, wanted: list[str]) -> Rows:
    table = open_table(path, scratch, ",", header=True)
    there = {column.lower(): column for column in table.columns}
    for name in wanted:
        if COLUMNS[name].lower() not in there:
            raise DataError(f"{path} has no column '{COLUMNS[name]}'; give --format table for another table")
    return table.select({name: there[COLUMNS[name].lower()] for name in wanted})


def _ratings_without_header(path: Path, scratch: Path, wanted: list[str]) -> Rows:
    # polars separates by one character: "1::2::3" split at ":" has every second column empty.
    double = path.name.lower().startswith("ratings.dat")
    names = ["user_id", "item_id", "rating", "timestamp"]
    columns = [name for field in names for name in (field, f"_{field}")][:-1] if double else names
    separator = ":" if double else "\t"
    text = plain(path, scratch)
    scanned = pl.scan_csv(
        text.absolute(),
        has_header=False,
        separator=separator,
        quote_char=None,
        schema=dict.fromkeys(columns, pl.String()),
        glob=False,
    )
    try:
        with refusing(path):
            frame = scanned.select(wanted).collect(engine="streaming")
    except DataError as error:
        for number, line in lines_of(text):
            if line.count(separator) != len(columns) - 1:
                shown = "::" if double else "<tab>"
                raise DataError(f"{path} line {number} is not {shown.join(names)}") from error
        raise
    return Rows(frame, lambda row: f"{path} line {row + 1}")


def _movies(path: Path, scratch: Path) -> pl.DataFrame:
    rows = list(_movie_rows(path, scratch))
    frame = pl.DataFrame(
        [row[1:] for row in rows],
        schema=dict.fromkeys(("item_id", "title", "genres"), pl.String()),
        orient="row",
    )
    return clean_items(frame, lambda row: f"{path} line {rows[row][0]}")


def _movie_rows(path: Path, scratch: Path) -> Iterator[tuple[int, str, str, str]]:
    """(line number, id, title, genres with commas)."""
    if "csv" in path.name.lower():
        with plain(path, scratch).open(encoding="utf-8-sig", newline="") as file:
            records = csv.reader(file)
            try:
                next(records, None)
                for cells in records:
                    yield _checked(path, records.line_num, cells)
            except csv.Error as error:
                raise DataError(f"{path} line {records.line_num} is not CSV: {error}") from error
        return
    for number, line in enumerate(_either_encoding(path).split("\n"), start=1):
        if not line.strip():
            continue
        if "::" in line:
            yield _checked(path, number, line.rstrip("\r").split("::"))
        else:
            cells = line.rstrip("\r").split("|")
            genres = [name for name, on in zip(GENRES_100K.split(), cells[5:], strict=False) if on == "1"]
            yield _checked(path, number, [*cells[:2], "|".join(genres)] if len(cells) > 2 else cells)


def _either_encoding(path: Path) -> str:
    """The text of a .dat or u.item file: 10M's is UTF-8, 1M's and 100K's are Latin-1."""
    pieces = []
    with refusing_damage(path), decompressed(path) as file:
        while piece := file.read(CHUNK):
            pieces.append(piece)
    content = b"".join(pieces)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _checked(path: Path, line: int, cells: list[str]) -> tuple[int, str, str, str]:
    if len(cells) != 3:
        raise DataError(f"{path} line {line} has {len(cells)} fields, not id, title and genres")
    genres = "" if cells[2] == "(no genres listed)" else cells[2].replace("|", ", ")
    return line, cells[0], cells[1], genres


READER = Reader(
    name="movielens",
    about="MovieLens: ratings and movies, in any of its forms",
    sign="its names and columns are MovieLens' own",
    find=find,
    read=read,
)

"""A look at somebody's files before they are prepared: what they are, their first rows, their columns."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from sracl_core.data.archives import is_archive, unpack
from sracl_core.data.object_store import here
from sracl_core.data.readers import READERS, detect
from sracl_core.data.readers.table import item_columns
from sracl_core.data.reading.base import COMPRESSED, ReadOptions, refusing
from sracl_core.data.reading.clean import clean_times
from sracl_core.data.reading.columns import candidates, guessed
from sracl_core.data.reading.day_and_hour import joined_time
from sracl_core.data.reading.events import kinds_of_events
from sracl_core.data.reading.folders import beside, look_at, open_part
from sracl_core.data.reading.missing import missing
from sracl_core.data.reading.part import Part
from sracl_core.data.reading.peek import Head, is_parquet, peek, text_start
from sracl_core.data.reading.roles import dated, interaction_columns
from sracl_core.data.reading.sorting import sort_files
from sracl_core.data.reading.tabular import Table
from sracl_core.errors import DataError

SHOWN_ROWS = 5
LONGEST_CELL = 80
SAMPLE_ROWS = 1000
MOST_FILES = 8
LARGE_ARCHIVE = 100 << 20
"""An archive of more bytes is looked into when it is prepared, which unpacks it anyway."""


@dataclass(frozen=True)
class Guess:
    """A column for a role ("user", "item", "time", ...), and why it was taken; "" where there is none."""

    role: str
    column: str
    why: str


@dataclass(frozen=True)
class LookedAt:
    """A file: part is "log", "items" or "other"; rows are the first ones, each cell as text."""

    file: str
    part: str
    columns: list[str]
    rows: list[list[str]]
    header: bool
    guesses: list[Guess] = field(default_factory=list)


@dataclass(frozen=True)
class Look:
    """What `prepare` would begin with.

    format, sign: the form of the files and what it is known by. takes_columns: whether a person may name
    columns. times: what the times of the first rows are. events: kinds of events, where there are several.
    problem: why the files cannot be read so, "" where nothing is known to be in the way.
    """

    format: str
    sign: str
    takes_columns: bool
    files: list[LookedAt]
    times: str = ""
    events: list[str] = field(default_factory=list)
    problem: str = ""
    notes: list[str] = field(default_factory=list)


def look(paths: Sequence[Path], options: ReadOptions | None = None) -> Look:
    """Look at the first rows of the files at `paths`; reads no file whole.

    Raises DataError where nothing there is of a known form.
    """
    options = options or ReadOptions()
    with tempfile.TemporaryDirectory(prefix="sracl-look-") as folder:
        scratch = Path(folder)
        shown: dict[str, str] = {}
        try:
            found, large = _opened([here(path) for path in paths], scratch, shown)
            if large:
                said = f"{large} is large: it is looked into when the import begins"
                return Look("", "", True, [], notes=[said])
            form, files = detect(found, options.format, options)
            if READERS[form].takes_columns:
                return _tables(form, files, options, scratch, shown)
            return Look(form, READERS[form].sign, False, [_as_it_is(file, shown) for file in files])
        except DataError as error:
            raise DataError(_in_their_words(str(error), shown)) from error


def _opened(paths: Sequence[Path], scratch: Path, shown: dict[str, str]) -> tuple[list[Path], str]:
    """The paths, small archives as folders of what they hold; the first archive that is a large one."""
    result = []
    for count, path in enumerate(paths):
        if is_archive(path):
            if path.stat().st_size > LARGE_ARCHIVE:
                return [], str(path)
            folder = scratch / f"archive-{count}"
            folder.mkdir()
            unpack(path, folder)
            shown[str(folder)] = str(path)
            path = folder
        result.append(path)
    return result, ""


def _in_their_words(text: str, shown: dict[str, str]) -> str:
    """`text` with the person's own paths in place of those of samples and unpacked archives."""
    for ours, theirs in sorted(shown.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(ours, theirs)
    return text


def _as_it_is(path: Path, shown: dict[str, str]) -> LookedAt:
    head = peek(path)
    return LookedAt(_in_their_words(str(path), shown), "log", head.columns, _first(head, path), head.header)


def _tables(form: str, files: list[Path], options: ReadOptions, scratch: Path, shown: dict[str, str]) -> Look:
    files, more = files[:MOST_FILES], len(files) - MOST_FILES
    found = sort_files(files, options, chosen=True)
    samples = {path: _sample(path, scratch, count, options, shown) for count, path in enumerate(files)}
    problem, times = "", ""
    events: list[str] = []
    notes = [f"and {more} more files"] if more > 0 else []
    looked: list[LookedAt] = []
    for path in [*found.log, *([found.items] if found.items else []), *found.other]:
        part = "log" if path in found.log else "items" if path == found.items else "other"
        head = look_at(path, options.header)
        guesses: list[Guess] = []
        try:
            own = open_part(path, scratch, options.header, samples[path])
            table = own.table
            if part == "log":
                guesses = _guesses_of_log(own, options)
                first = path == found.log[0]
                events = kinds_of_events(table, own.head, options) if first else events
                roles, said = interaction_columns(own, options)
                notes += said if first else []
                times = _times(table, roles, options) if first and "time" in roles else times
            elif part == "items":
                of_log = next((one.column for at in looked for one in at.guesses if one.role == "item"), "")
                guesses = _guesses_of_items(table, options, of_log)
        except DataError as error:
            problem = problem or str(error)
        name = _in_their_words(str(path), shown)
        looked.append(LookedAt(name, part, head.columns, _first(head, path), head.header, guesses))
    notes = [_in_their_words(note, shown) for note in notes]
    return Look(form, READERS[form].sign, True, looked, times, events, _in_their_words(problem, shown), notes)


def _guesses_of_log(part: Part, options: ReadOptions) -> list[Guess]:
    """Each role by itself, so that one that is not found hides no other."""
    columns, found = part.table.columns, []
    wanted = ["user", "item"] if options.order == "rows" else ["user", "item", "time"]
    by_value = {} if part.table.header else _by_values(part, options)
    for role in [*wanted, "rating", "event", "title"]:
        names = getattr(options, f"{role}_col") or ()
        given = next((name for name in ((names,) if role == "event" else names) if name in columns), None)
        told = guessed(role, columns) if part.table.header else by_value.get(role)
        if told is None and role == "time" and (day := dated(part)) is not None:
            told = day, "the only column of dates"
        if given is not None:
            found.append(Guess(role, given, "chosen"))
        elif told is not None and part.table.header and role == "title":
            found.append(Guess(role, "", f"'{told[0]}' may be the items' title"))
        elif told is not None:
            found.append(Guess(role, *told))
        elif role in wanted:
            several = candidates(role, columns)
            said = f"several could be: {', '.join(several[:4])}" if several else "none is named like one"
            found.append(Guess(role, "", said))
    return found


def _by_values(part: Part, options: ReadOptions) -> dict[str, tuple[str, str]]:
    """The roles of a table without names of columns."""
    try:
        roles, _ = interaction_columns(part, options)
    except DataError:
        return {}
    return {role: (column, "by its place and values") for role, column in roles.items()}


def _guesses_of_items(table: Table, options: ReadOptions, of_log: str) -> list[Guess]:
    named, _ = item_columns(table, options, of_log)
    same = "as in the log" if named["item_id"] == of_log else "its name is a usual one"
    texts = [name for name in named if name not in ("item_id", "title")]
    found = [Guess("item", named["item_id"], same)]
    if "title" in named:
        found.append(Guess("title", named["title"], "its name is a usual one"))
    return [*found, *(Guess("text", named[name], "part of an item's text") for name in texts)]


def _times(table: Table, roles: dict[str, str], options: ReadOptions) -> str:
    """What the times of the sample are, and the first of them; raises DataError where they are none."""
    wanted = {"timestamp": roles["time"]} | ({"day": roles["day"]} if "day" in roles else {})
    rows = table.select(wanted)
    if "day" in roles:
        rows = joined_time(rows, options.time_format)
    rows = rows.keep(~missing(rows.frame["timestamp"]))
    return clean_times(rows.frame["timestamp"], rows.locate, options.time_format)[1]


def _sample(path: Path, scratch: Path, count: int, options: ReadOptions, shown: dict[str, str]) -> Path:
    """A small file with the first rows of a large one, of the same kind."""
    folder = scratch / f"sample-{count}"
    folder.mkdir()
    name = path.stem if path.suffix.lower() in COMPRESSED else path.name
    sample = folder / name
    if is_parquet(path):
        with refusing(path):
            pl.scan_parquet(path.absolute(), glob=False).head(SAMPLE_ROWS).collect().write_parquet(sample)
    elif (head := peek(path, options.header)).kind == "json":
        rows = [dict(zip(head.columns, row, strict=True)) for row in head.rows]
        sample.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        sample.write_text(text_start(path), encoding="utf-8", errors="replace", newline="")
    shown[str(sample)] = _in_their_words(str(path), shown)
    return sample


def _first(head: Head, path: Path) -> list[list[str]]:
    rows: list[list[str | None]] = head.rows[:SHOWN_ROWS]
    if head.kind == "parquet" and head.columns:
        with refusing(path):
            frame = pl.scan_parquet(path.absolute(), glob=False).head(SHOWN_ROWS).collect()
        frame = frame.with_columns(
            pl.lit(value).alias(name) for name, value in beside(path, head.own).items()
        )
        rows = [[None if cell is None else str(cell) for cell in row] for row in frame.rows()]
    return [["" if cell is None else cell[:LONGEST_CELL] for cell in row] for row in rows]

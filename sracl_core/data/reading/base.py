"""What every reader takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from sracl_core.data.filters import FunnelStep
from sracl_core.data.reading.missing import missing
from sracl_core.errors import DataError
from sracl_core.memory import not_for_ever

if TYPE_CHECKING:
    from sracl_core.data.dataset import Dataset

Locator = Callable[[int], str]
"""Row number (0-based) of a table -> where a person finds it, such as "log.csv line 17"."""

Names = tuple[str, ...]
MOST_NAMED = 8
PARTS = {
    "log": "the log",
    "items": "the item table",
    "valid": "the validation part of the log",
    "test": "the test part of the log",
}
TRAIN, VALID, TEST = 0, 1, 2
"""What `part` says of an interaction where a person has a split of their own."""
COMPRESSED = (".gz", ".zst", ".bz2", ".xz")


@dataclass(frozen=True)
class ReadOptions:
    """What a person says about the raw files; None means that the reader finds out. One name is a text.

    user_col ... title_col: names of columns; each file takes the first that it has, so that a log and
    an item table may call the same thing by two names.
    time_format: "auto" or a strptime pattern, where times are written as dates.
    text_cols: item columns to keep beside the title; None keeps all.
    event_col, events: keep the rows of a log whose event is one of these.
    order: "time", or "rows" where the log has no times and stands in their order.
    header: whether tables begin with a line of column names.
    drop_empty: leave out rows that lack a user, an item, a time or a wanted rating, and count them.
    with_ratings: whether a rating is needed, because it is filtered on.
    valid, test: files of a person's own split, parts of the same log.
    """

    format: str | None = None
    user_col: Names | None = None
    item_col: Names | None = None
    time_col: Names | None = None
    rating_col: Names | None = None
    title_col: Names | None = None
    text_cols: Names | None = None
    time_format: str | None = None
    event_col: str | None = None
    events: Names | None = None
    order: str | None = None
    header: bool | None = None
    drop_empty: bool = False
    with_ratings: bool = False
    valid: tuple[Path, ...] | None = None
    test: tuple[Path, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("user_col", "item_col", "time_col", "rating_col", "title_col", "text_cols", "events"):
            given = getattr(self, name)
            if isinstance(given, str):
                object.__setattr__(self, name, (given,))
        for name in ("valid", "test"):
            given = getattr(self, name)
            if given is not None:
                files = [given] if isinstance(given, Path | str) else given
                object.__setattr__(self, name, tuple(Path(file) for file in files))
        if self.order not in (None, "time", "rows"):
            raise DataError(f"--order {self.order} is not known; give time or rows")
        if (self.valid is None) != (self.test is None):
            raise DataError("--valid and --test belong together: a split needs a file of each")
        if self.event_col is not None and not self.events:
            raise DataError("--event-col needs --events: which ones to keep, such as --events purchase,cart")


@dataclass(frozen=True)
class Taken:
    """What a file was taken for: its part (one of PARTS), {role: column}, and the rest.

    texts: columns of an item table that are part of an item's text. unread: columns without a role.
    """

    file: str
    part: str
    columns: dict[str, str]
    texts: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def told(self) -> str:
        """One line for people."""
        said = ", ".join(f"{role} = '{column}'" for role, column in self.columns.items())
        what = PARTS[self.part]
        line = f"{self.file}: {what}; columns taken as {said}"
        for kind, columns in (("texts", self.texts), ("not read", self.unread)):
            if columns:
                line += f"; {kind}: {', '.join(columns[:MOST_NAMED])}"
                line += f" and {len(columns) - MOST_NAMED} more" if len(columns) > MOST_NAMED else ""
        return line


@dataclass(frozen=True)
class Raw:
    """What a reader found.

    interactions: user_id, item_id (strings), timestamp (int64 or float64) and, where asked for,
    rating (float64), and with an own split part (int8: 0 training, 1 validation, 2 test); in the order
    of the file.
    items: item_id and title (strings, titles may be null) and any further string columns.
    notes: what a person should know: guessed columns, dropped lines.
    taken: what each file was taken for.
    times: what the times are, such as "seconds since 1970".
    form: the name of the reader, where it is asked for later.
    funnel: what was left before these interactions, where the reader dropped rows on request.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame | None
    notes: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    times: str = ""
    form: str = ""
    funnel: list[FunnelStep] = field(default_factory=list)


@dataclass(frozen=True)
class Reader:
    """A form of raw data.

    sign: what files of this form are known by, in words.
    find: the files among some paths that it would read, None where they are of another form; with
    options.format equal to its own name, names of files are enough.
    generic: above 0 for a form that many files could be of; it is asked after the others.
    read: raises DataError that names the file and the line.
    write: the way out, a dataset's files of this form in a folder; None where there is none.
    """

    name: str
    about: str
    sign: str
    find: Callable[[list[Path], ReadOptions], list[Path] | None]
    read: Callable[[list[Path], ReadOptions, Path], Raw]
    takes_columns: bool = False
    generic: int = 0
    write: Callable[[Dataset, Path], None] | None = None


@dataclass(frozen=True)
class Rows:
    """Rows of a table, and where each stands."""

    frame: pl.DataFrame
    locate: Locator

    def keep(self, mask: pl.Series) -> Rows:
        """The rows where `mask` is true."""
        if mask.all():
            return self
        kept = mask.arg_true()
        return Rows(self.frame.filter(mask), lambda row: self.locate(kept[row]))


def counted(step: str, frame: pl.DataFrame) -> FunnelStep:
    """A step of the funnel for a table of raw ids; missing ids count as none."""
    users, items = (
        int(frame[name].filter(~missing(frame[name])).n_unique()) for name in ("user_id", "item_id")
    )
    return FunnelStep(step=step, users=users, items=items, interactions=frame.height)


def fixed(path: Path, keys: dict[str, str], part: str = "log") -> Taken:
    """What a reader of a known form took a file for: {our column: theirs}."""
    roles = {"user_id": "user", "item_id": "item", "timestamp": "time"}
    return Taken(path.name, part, {roles.get(ours, ours): theirs for ours, theirs in keys.items()})


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn whatever polars says about a file, its panics included, into one DataError."""
    try:
        with not_for_ever():
            yield
    except pl.exceptions.NoDataError as error:
        raise DataError(f"{path} is empty; give a file that holds interactions") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0][:150]
        raise DataError(f"{path} cannot be read: {first_line}") from error


def file_kind(path: Path) -> str:
    """The ending that says how to read a file, without its compression: "csv" for log.CSV.gz."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1].lstrip(".") if suffixes else ""


def cut(cell: Any, longest: int = 60) -> str:
    """A cell as an error quotes it: damaged files hold endless ones."""
    text = str(cell)
    return text if len(text) <= longest else f"{text[:longest]}…"

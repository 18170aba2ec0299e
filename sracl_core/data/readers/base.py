"""What every reader takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from sracl_core.errors import DataError

Locator = Callable[[int], str]
"""Row number (0-based) of a table -> where a person finds it, such as "log.csv line 17"."""


@dataclass(frozen=True)
class ReadOptions:
    """What a person says about the raw files; None means that the reader finds out.

    time_format: "auto" or a strptime pattern, where times are written as dates.
    text_cols: item columns to keep beside the title; None keeps all.
    with_ratings: whether a rating is needed, because it is filtered on.
    """

    format: str | None = None
    user_col: str | None = None
    item_col: str | None = None
    time_col: str | None = None
    rating_col: str | None = None
    title_col: str | None = None
    text_cols: tuple[str, ...] | None = None
    time_format: str | None = None
    with_ratings: bool = False


@dataclass(frozen=True)
class Raw:
    """What a reader found.

    interactions: user_id, item_id (strings), timestamp (int64 or float64) and, where asked for,
    rating (float64); in the order of the file.
    items: item_id and title (strings, titles may be null) and any further string columns.
    notes: what a person should know: guessed columns, dropped lines.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame | None
    notes: list[str] = field(default_factory=list)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn whatever polars says about a file, its panics included, into one DataError."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0][:150]
        raise DataError(f"{path} cannot be read: {first_line}") from error


def file_kind(path: Path) -> str:
    """The ending that says how to read a file, without its compression: "csv" for log.CSV.gz."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in (".gz", ".zst"):
        suffixes.pop()
    return suffixes[-1].lstrip(".") if suffixes else ""

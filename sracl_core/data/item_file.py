"""A table of items alone, without a log."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl

from sracl_core.data.readers.table import item_columns
from sracl_core.data.reading.base import ReadOptions
from sracl_core.data.reading.clean import clean_items
from sracl_core.data.reading.tabular import open_table


def read_items(path: Path) -> tuple[pl.DataFrame, list[str]]:
    """(item_id, title and further columns, all strings, empty cells null; notes on what was guessed).

    Raises DataError for a file that is no such table, and for an id that is missing or stands there twice.
    """
    with tempfile.TemporaryDirectory() as scratch:
        # Ids that nobody knows yet cannot tell which of several columns without names is theirs.
        table = open_table(path, Path(scratch), header=True)
        columns, notes = item_columns(table, ReadOptions(), "item_id", pl.Series([], dtype=pl.String))
        rows = table.select(columns)
        return clean_items(rows.frame, rows.locate), notes

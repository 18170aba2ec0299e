"""Which cells say nothing: empty ones, and the words that programs write for "no value"."""

from __future__ import annotations

import polars as pl

# In small letters too where no name is written so; "NA" alone only as pandas and R write it.
WORDS = (
    r"nan|null|none|undefined|<na>|nat|n/a|\(null\)|\(none\)|\(not set\)|"
    r"#(?:n/a|ref!|value!|name\?|num!|null!|div/0!)"
)
BLANK = r"[\s\u00ad\u200b-\u200d\u2060\ufeff]"  # nothing that one sees
NOTHING = rf"^{BLANK}*(?:(?i:{WORDS})|NA|\\N)?{BLANK}*$"


def missing(column: pl.Series) -> pl.Series:
    """Whether each cell is null, empty, blank, NaN or a null word, bool.

    >>> missing(pl.Series(["u1", "NULL", " ", "\\u200b", None, "nano"])).to_list()
    [False, True, True, True, True, False]
    """
    if column.dtype == pl.String:
        return column.is_null() | column.str.contains(NOTHING).fill_null(True)
    if column.dtype.is_float():
        return column.is_null() | column.is_nan().fill_null(True)
    return column.is_null()


def null_words(column: pl.Series) -> list[str]:
    """The null words (not the empty cells) that stand in a column, most frequent first."""
    if column.dtype != pl.String:
        return []
    words = column.filter(missing(column)).str.strip_chars().drop_nulls()
    return words.filter(words != "").value_counts(sort=True)[column.name].to_list()

"""Cells of a log that hold no single id: records, lists; and what was cancelled or came back."""

from __future__ import annotations

import re
import shlex

import polars as pl

from sracl_core.data.reading.base import cut
from sracl_core.data.reading.columns import normalized, words
from sracl_core.data.reading.day_and_hour import first_cells
from sracl_core.data.reading.part import Part
from sracl_core.data.reading.peek import Head
from sracl_core.errors import DataError

LIST = re.compile(r"\[.*\]|[{(].*,.*[})]", re.DOTALL)
LIST_MARKS, LEAST_LISTS, SEEN = (",", ";", "|", " "), 3, 1000
AMOUNT = re.compile(
    r"(?:.*_)?(?:quantity|qty|menge|anzahl|cantidad|quantite|quantita|quantidade|aantal|ilosc|adet)"
)
STATE = re.compile(r"(?:.*_)?(?:status|state|stato|estado|statut|zustand)")
MOST_STATES = 20
UNDONE = re.compile(r"cancell?ed|refunded|returned|failed|voided|declined|abandoned|storniert")


def of_records(head: Head, column: str) -> bool:
    """Whether a column of JSON begins with a record."""
    return head.kind == "json" and "".join(head.cells(column)[:1]).startswith("{")


def refuse_records(part: Part, roles: dict[str, str]) -> None:
    """Raises DataError where an id in JSON is a record or a list, in whatever row."""
    for role in ("user", "item"):
        row, held = part.table.nested.get(roles[role], (0, ""))
        if held.startswith("{") or (role == "user" and held):
            raise DataError(
                f"{part.table.locate(row)}: column '{cut(roles[role])}' holds records ({cut(held)}), not one "
                f"id; write the id alone in a column, and name it with --{role}-col"
            )


def refuse_lists(part: Part, item: str) -> None:
    """Raises DataError where a log has lists of items: whole histories a row, which would be lost."""
    lists = [
        column
        for column in part.table.columns
        if column.lower().endswith(":token_seq") and column.split(":")[0].startswith(item.split(":")[0])
    ]
    cells = part.head.cells(item) if part.head.rows else []
    if item in part.table.nested or (cells and all(LIST.fullmatch(cell) for cell in cells)):
        lists.append(item)
    if lists:
        raise DataError(
            f"{part.path}: column '{cut(lists[0])}' holds lists of items, which would be lost; give one row "
            "an interaction, or lines 'user item item ...' as a .txt file"
            + ("" if lists[0] == item else f", or leave that column out to take '{item}' alone")
        )


def on_lists(ids: pl.Series) -> list[str]:
    """A line where ids of items look like lists of others, as baskets of one cell.

    Their parts are ids of their own, or come first in some and later in others.
    """
    marks = [mark for mark in LIST_MARKS if ids.head(SEEN).str.contains(mark, literal=True).any()]
    ids = ids.unique() if marks else ids
    for mark in marks:
        some = ids.filter(ids.str.contains(mark, literal=True))
        if len(some) < LEAST_LISTS or len(some) * 5 < len(ids):
            continue
        places = pl.DataFrame({"part": some.str.split(mark)}).with_row_index("list").explode("part")
        places = places.with_columns(
            pl.col("part").str.strip_chars(), first=pl.col("list").is_first_distinct()
        ).with_columns(
            known=(pl.col("first").any() & ~pl.col("first").all()).over("part")
            | pl.col("part").is_in(ids.implode())
        )
        if mark == " ":  # words of a name stand between blanks, too
            places = places.with_columns(pl.col("known") & pl.col("part").str.contains(r"\d"))
        if places["known"].mean() * 2 > 1:  # type: ignore[operator]
            return [
                f"warning: {len(some):,} of {len(ids):,} ids of items look like lists of items "
                f"('{cut(some[0])}'); where they are, give one row an interaction"
            ]
    return []


def on_undone(part: Part, roles: dict[str, str]) -> list[str]:
    """A line where a column of states says in the first rows that some came to nothing."""
    if not part.table.header or "event" in roles:
        return []
    for column in part.table.columns:
        if column in roles.values() or not STATE.fullmatch(words(column)):
            continue
        some = first_cells(part.table, part.head, column).cast(pl.String).str.strip_chars()
        cells = some.drop_nulls().unique(maintain_order=True).to_list()
        undone = [cell for cell in cells if UNDONE.fullmatch(normalized(cell))]
        done = [cell for cell in cells if cell not in undone]
        if undone and done and len(cells) <= MOST_STATES:
            kept = shlex.quote(",".join(done))
            said = f"column '{column}' says {', '.join(undone)} of some rows; each row counts, and"
            return [
                f"{part.path.name}: {said} --event-col {shlex.quote(column)} --events {kept} leaves those out"
            ]
    return []


def on_returns(part: Part, roles: dict[str, str]) -> list[str]:
    """A line where the first rows have amounts below zero: things that came back count as taken."""
    for column in part.table.columns:
        if column in roles.values() or not AMOUNT.fullmatch(words(column)):
            continue
        amounts = first_cells(part.table, part.head, column).cast(pl.Float64, strict=False)
        if (amounts < 0).any():
            return [
                f"{part.path.name}: column '{column}' has amounts below 0, as things have that came back; "
                f"each row counts, and --rating-col {shlex.quote(column)} --min-rating 1 leaves those out"
            ]
    return []

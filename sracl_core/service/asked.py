"""Whose lists are wanted: every user, some of them, or whoever stands in a file of histories."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sracl_core.data.dataset import Dataset
from sracl_core.data.id_file import column_of, read_ids
from sracl_core.data.reading.base import MOST_NAMED, Rows, cut, file_kind
from sracl_core.data.reading.cells import on_lists
from sracl_core.data.reading.clean import clean_ids, clean_times
from sracl_core.data.reading.columns import guess
from sracl_core.data.reading.missing import missing
from sracl_core.data.reading.tabular import as_text, json_objects, open_table
from sracl_core.data.reading.text import plain
from sracl_core.data.remarks import on_unknown
from sracl_core.data.sequences import Sequences
from sracl_core.errors import DataError
from sracl_core.explorer.histories import Histories
from sracl_core.words import counted

USERS = ("user_id", "user", "id")
LISTS = ("history", "items", "item_ids")
"""Names under which an object of JSON lines holds a whole history."""


@dataclass(frozen=True)
class Asked:
    """U people and what each of them took.

    names: U ids, as they are written out.
    histories: item indices, oldest first; empty where nothing is known of a person.
    notes: what a person should know, such as items that the run has never seen.
    """

    names: pl.Series
    histories: Sequences
    notes: list[str] = field(default_factory=list)


def every_user(dataset: Dataset, histories: Histories, until: str) -> Asked:
    """All users of the dataset, each up to `until` (see `Histories.cut`)."""
    return Asked(pl.Series("user_id", dataset.users.ids, pl.String), histories.cut(until))


def some_users(dataset: Dataset, histories: Histories, until: str, path: Path) -> Asked:
    """The users of a file, one id a line or a table with a column of users, in its order and once each.

    A user that the dataset does not hold has an empty history. Raises DataError where none is known.
    """
    known = dict(zip(dataset.users.ids, range(dataset.n_users), strict=True))
    ids, notes = read_ids(path, "user", known)
    wanted = pl.Series("user_id", ids, pl.String).unique(maintain_order=True)
    rows = np.array([known.get(name, -1) for name in wanted], dtype=np.int64)
    unknown = wanted.filter(pl.Series(rows < 0))
    if len(unknown) == len(wanted):
        hint = dataset.users.hint(unknown[0])
        raise DataError(f"{path}: none of its {len(wanted):,} users is in the run's dataset{hint}")
    cut = histories.cut(until)
    lengths = np.where(rows < 0, 0, cut.lengths[rows])
    found = Sequences.of_lengths(cut.take(rows[rows >= 0]).values, lengths)
    return Asked(wanted, found, notes + _unknown(unknown, "users", dataset.users.ids))


def raw_histories(dataset: Dataset, path: Path) -> Asked:
    """The people of a file of histories, in the order of their first line.

    A table of users, items and perhaps times, or JSON lines {"user_id": ..., "history": [item, ...]}.
    Items that the dataset does not hold are left out and told.
    """
    table, notes = _histories(path)
    items = pl.DataFrame(
        {"item_id": dataset.items.ids, "item": np.arange(1, dataset.n_items + 1, dtype=np.int32)}
    )
    names = table["user_id"].unique(maintain_order=True)
    numbered = table.join(items, on="item_id", how="left", maintain_order="left")
    unknown = numbered.filter(pl.col("item").is_null())["item_id"].drop_nulls().unique(maintain_order=True)
    codes = pl.DataFrame({"user_id": names, "person": np.arange(len(names), dtype=np.int64)})
    kept = (
        numbered.drop_nulls("item").join(codes, on="user_id", how="left").sort("person", maintain_order=True)
    )
    lengths = np.bincount(kept["person"].to_numpy(), minlength=len(names))
    found = Sequences.of_lengths(kept["item"].to_numpy(), lengths.astype(np.int64))
    return Asked(names, found, notes + _unknown(unknown, "items", dataset.items.ids))


def _unknown(lost: pl.Series, what: str, known: Sequence[str]) -> list[str]:
    if lost.is_empty():
        return []
    shown = ", ".join(lost.head(3).to_list()) + ", ..." * (len(lost) > 3)
    otherwise = on_unknown(lost, pl.Series(known, dtype=pl.String), what)
    return otherwise or [
        f"{counted(len(lost), f'of the {what} is', f'of the {what} are')} not in the run's dataset ({shown})"
    ]


def _histories(path: Path) -> tuple[pl.DataFrame, list[str]]:
    """(columns user_id and item_id, each person's rows oldest first; what a person should know)."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        if file_kind(path) in ("json", "jsonl", "ndjson") and path.is_file():
            text = plain(path, work)
            _, first = next(json_objects(path, text), (0, {}))
            name = next((name for name in LISTS if isinstance(first.get(name), list)), None)
            if name is not None:
                schema = dict.fromkeys(("user_id", "item_id"), pl.String)
                listed = pl.DataFrame(_listed(path, text, name), schema=schema, orient="row")
                return listed, _unread(path, first, (name, _user(first)))
        table = open_table(path, work)
        columns = {
            f"{role}_id": column_of(path, table.columns, role, table.header) for role in ("user", "item")
        }
        time = column_of(path, table.columns, "time") if guess("time", table.columns) else None
        columns |= {"time": time} if time else {}
        rows = table.select(columns)
    if rows.frame.is_empty():
        raise DataError(f"{path} holds no rows; give a person's items a row each")
    for name in rows.frame.columns:
        if (empty := missing(rows.frame[name])).any():
            raise DataError(f"{rows.locate(int(empty.arg_true()[0]))} has no {name}; give it one")
    ids = [clean_ids(rows.frame[name], rows.locate) for name in ("user_id", "item_id")]
    notes = [*_unread(path, table.columns, columns.values()), *on_lists(ids[1])]
    if not time:
        notes.append(f"{path.name}: no column of times, so that rows stand in their order")
        return pl.DataFrame(ids), notes
    times, said = _times(rows)
    # Everyone's place is that of their first line.
    frame = pl.DataFrame([*ids, times]).with_row_index("place")
    frame = frame.with_columns(pl.col("place").min().over("user_id")).sort(times.name, maintain_order=True)
    notes.append(f"{path.name}: times are column '{time}' ({said})")
    return frame.sort("place", maintain_order=True), notes


def _unread(path: Path, names: Iterable[str], read: Collection[str | None]) -> list[str]:
    left = [name for name in names if name not in read]
    more = ", ..." * (len(left) > MOST_NAMED)
    return [f"{path.name}: not read: {', '.join(left[:MOST_NAMED])}{more}"] if left else []


def _times(rows: Rows) -> tuple[pl.Series, str]:
    """As a log's are read. What an error says of options is of no use here."""
    try:
        return clean_times(rows.frame["time"], rows.locate)
    except DataError as error:
        fault = str(error).rsplit("; ", 1)[0]
        raise DataError(f"{fault}; write times as numbers or as 2026-01-31T12:00") from error


def _user(record: dict[str, Any]) -> str | None:
    """The name under which an object says whose history it holds."""
    fits = (
        name
        for name in USERS
        if isinstance(record.get(name), str | int) and not isinstance(record[name], bool)
    )
    return next(fits, None)


def _listed(path: Path, text: Path, name: str) -> Iterator[tuple[str, str | None]]:
    """(user, item) of every item of every line; (user, None) where a history is empty."""
    seen = set[str]()
    for number, record in json_objects(path, text):
        key, history = _user(record), record.get(name)
        if key is None or not isinstance(history, list):
            raise DataError(f'{path} line {number} is not {{"user_id": ..., "{name}": [item, ...]}}')
        user = str(record[key])
        if user in seen:
            raise DataError(
                f"{path} line {number}: '{cut(user)}' has a history already; give one object a person"
            )
        seen.add(user)
        for item in history:
            if item is None or isinstance(item, dict | list):
                said = cut(json.dumps(item, ensure_ascii=False))
                raise DataError(f"{path} line {number} holds {said} in place of an item's id; give ids alone")
            yield user, as_text(item)
        if not history:
            yield user, None

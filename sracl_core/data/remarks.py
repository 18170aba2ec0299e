"""What a person should know of a dataset that was made without an error."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from sracl_core.data.filters import FunnelStep
from sracl_core.data.numbering import Numbered
from sracl_core.data.readers.base import MOST_NAMED
from sracl_core.data.readers.search import files_in
from sracl_core.data.splits.given import given

SHOWN = 3
ALWAYS = ("read", "exact duplicates dropped")


def on_unread(paths: list[Path], files: list[Path]) -> list[str]:
    """A line about the files of the folders that were named which are not read."""
    folders = [path for path in paths if path.is_dir()]
    left = [path.name for path in (files_in(folders) if folders else []) if path not in files]
    if not left:
        return []
    more = f" and {len(left) - MOST_NAMED} more" if len(left) > MOST_NAMED else ""
    return [f"not read: {', '.join(left[:MOST_NAMED])}{more}"]


def on_filters(funnel: list[FunnelStep]) -> list[str]:
    """A line for each filter that was asked for and dropped nothing."""
    return [
        f"'{step['step']}' dropped nothing"
        for before, step in pairwise(funnel)
        if step["interactions"] == before["interactions"]
        and step["step"] not in ALWAYS
        and not step["step"].endswith("-core")
    ]


def on_given_split(numbered: Numbered) -> list[str]:
    """Lines about a split that was given with the log: what is asked, and what is odd about it."""
    if numbered.parts is None:
        return []
    split = given(numbered.sequences, numbered.parts)
    train, valid, test = (int((numbered.parts == part).sum()) for part in range(3))
    notes = [
        f"a split of your own: {train:,} interactions to train on, {valid:,} for validation, {test:,} for "
        "test; asked is the first of each user with something before it "
        f"({len(split.valid_users):,} and {len(split.test_users):,} users)"
    ]
    parts, times = numbered.parts, numbered.timestamps
    same_user = np.ones(len(parts) - 1, dtype=bool)
    same_user[numbered.sequences.offsets[1:-1] - 1] = False
    back = int((same_user & (parts[1:] > parts[:-1]) & (times[1:] < times[:-1])).sum())
    if back:
        notes.append(
            f"warning: for {back:,} users a later part begins before the earlier one ends in time; training "
            "then knows what came after the question"
        )
    users = np.repeat(np.arange(len(numbered.sequences)), numbered.sequences.lengths)
    rows = pl.DataFrame({"user": users, "item": numbered.sequences.values, "time": times, "part": parts})
    train_rows = rows.filter(pl.col("part") == 0)
    leaked = rows.filter(pl.col("part") > 0).join(train_rows, on=["user", "item", "time"], how="semi").height
    if leaked:
        notes.append(f"warning: {leaked:,} interactions of --valid or --test are also in the training part")
    return notes


def without_text(items: pl.DataFrame) -> int:
    """How many items have neither a title nor any other text."""
    return int(items.select(pl.all_horizontal(pl.exclude("item_id").is_null()).sum()).item())


def on_items(ids: pl.Series, items: pl.DataFrame, known: pl.DataFrame | None, missing: int) -> list[str]:
    """Lines about items without a row in the item table, and about those without text.

    missing: how many of `ids` the table `known` has no row for.
    """
    notes = []
    if known is not None and missing:
        notes.append(_unmatched(ids, known["item_id"], missing))
    return notes + on_texts(without_text(items), items.height)


def on_texts(empty: int, total: int) -> list[str]:
    """A line where `empty` of `total` items have no text, [] where all have one."""
    if not empty:
        return []
    if empty == total:
        return [
            f"no item has a text (of {total:,}): nearness is that of ids' spelling; an item table beside the "
            "log, or a column named with --title-col, gives texts"
        ]
    return [f"{empty:,} of {total:,} items have no text; their ids stand for it"]


def _unmatched(ids: pl.Series, known: pl.Series, missing: int) -> str:
    lost = ids.filter(~ids.is_in(known.implode()))
    near = _nearly(lost, known)
    pairs = ", ".join(f"'{one}' and '{other}'" for one, other in near)
    if missing == len(ids):
        seen = pairs or f"'{lost[0]}' and '{known[0]}'"
        return (
            "warning: no item of the log is in the item table, so that all texts are lost: the ids differ "
            f"(in the log and in the table: {seen}); make them alike, or name other columns with --item-col"
        )
    line = f"{missing:,} of {len(ids):,} items of the log have no row in the item table"
    return line + (
        f"; these differ only in how they are written: {pairs}" if near else f", such as '{lost[0]}'"
    )


def _nearly(lost: pl.Series, known: pl.Series) -> list[tuple[str, str]]:
    """Pairs of ids that are one when case, spaces, leading zeros and a trailing .0 do not count."""

    def bare(ids: pl.Series) -> pl.Series:
        text = ids.str.strip_chars().str.to_lowercase().str.replace(r"\.0$", "")
        return text.str.strip_chars_start("0").alias("bare")

    left = pl.DataFrame([lost.alias("lost"), bare(lost)])
    right = pl.DataFrame([known.alias("known"), bare(known)]).unique(
        "bare", keep="first", maintain_order=True
    )
    return left.join(right, on="bare", maintain_order="left").select("lost", "known").head(SHOWN).rows()

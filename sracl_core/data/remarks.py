"""What a person should know of a dataset that was made without an error."""

from __future__ import annotations

import shlex
import unicodedata
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from sracl_core.data.filters import FunnelStep
from sracl_core.data.numbering import Numbered
from sracl_core.data.reading.base import MOST_NAMED, cut
from sracl_core.data.reading.search import files_in
from sracl_core.data.splits.given import given
from sracl_core.words import counted

SHOWN = 3
CROWD, LEAST_CROWD = 0.2, 5
"""A user with this share of all interactions, among so many users, is said."""
LONELY, LEAST_LONELY = 0.9, 20
"""So many items an interaction, among so many interactions, are said."""
MANY_ALIKE, MANY_MISREAD = 0.2, 0.01
MISREAD = "\ufffd|\u00c3[\u0080-\u00bf]|\u00e2\u20ac|\u00e2\u0080"
"""The mark for what could not be read, and UTF-8 that was read as Western European."""
ALWAYS = ("read", "exact duplicates dropped")


def on_unread(paths: list[Path], files: list[Path]) -> list[str]:
    """A line about the files of the folders that were named which are not read."""
    folders = [path for path in paths if path.is_dir()]
    read = {path.resolve() for path in files}
    left = [path.name for path in (files_in(folders) if folders else []) if path.resolve() not in read]
    if not left:
        return []
    more = f" and {len(left) - MOST_NAMED} more" if len(left) > MOST_NAMED else ""
    return [f"not read: {', '.join(left[:MOST_NAMED])}{more}"]


def on_filters(funnel: list[FunnelStep]) -> list[str]:
    """A line for each filter that was asked for and dropped nothing."""
    return [
        f"'{step['step']}' dropped nothing"
        for before, step in pairwise(funnel)
        if step["interactions"] == before["interactions"] and step["step"] not in ALWAYS
    ]


def on_numbered(
    numbered: Numbered, items: pl.DataFrame, known: pl.DataFrame | None, missing: int, item: str
) -> list[str]:
    """All that is to be said of users and items, of their table `known` and of a split that was given.

    item: the column that was taken for the item, in quotes.
    """
    return [
        *on_items(numbered.item_ids, items, known, missing),
        *on_spellings(numbered.user_ids, "users"),
        *on_spellings(numbered.item_ids, "items"),
        *on_damage(items, numbered.user_ids),
        *on_crowd(numbered),
        *on_lonely_items(numbered, item),
        *on_given_split(numbered),
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
    users = np.repeat(np.arange(len(numbered.sequences)), numbered.sequences.lengths)
    back = len(np.unique(users[1:][same_user & (parts[1:] > parts[:-1]) & (times[1:] < times[:-1])]))
    if not len(split.valid_users) or not len(split.test_users):
        notes.append(
            "warning: a part asks nobody, so that nothing can be trained: its users need interactions in the "
            "parts before it, under the same ids"
        )
    if back:
        notes.append(
            f"warning: for {counted(back, 'user')} a later part begins before the earlier one ends in time; "
            "training then knows what came after the question"
        )
    rows = pl.DataFrame({"user": users, "item": numbered.sequences.values, "time": times, "part": parts})
    again = int(
        rows.unique().select(pl.struct("user", "item", "time").is_first_distinct().not_().sum()).item()
    )
    if again:
        twice = counted(again, "interaction of --valid or --test is", "interactions of --valid or --test are")
        notes.append(f"warning: {twice} also in a part before it")
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
        notes.append(_unmatched(ids, known, missing))
    notes += on_texts(without_text(items), items.height)
    texts = items.select(pl.exclude("item_id"))
    said = ~texts.select(pl.all_horizontal(pl.all().is_null())).to_series()
    alike = int((texts.is_duplicated() & said).sum())
    if alike >= MANY_ALIKE * items.height:
        notes.append(
            f"{alike:,} of {items.height:,} items have the very text of another, so nearness cannot tell "
            "them apart; titles or descriptions of their own would"
        )
    return notes


def on_damage(items: pl.DataFrame, user_ids: pl.Series) -> list[str]:
    """A line where ids or a hundredth of texts were read in a wrong encoding by whatever wrote them."""
    notes = []
    for column in (user_ids.alias("user_id"), *items.get_columns()):
        bad = column.str.contains(MISREAD).fill_null(False)
        if bad.any() and (column.name.endswith("_id") or bad.mean() >= MANY_MISREAD):  # type: ignore[operator]
            what = (
                f"ids of {column.name[:-3]}s" if column.name.endswith("_id") else f"cells of '{column.name}'"
            )
            notes.append(
                f"warning: {int(bad.sum()):,} {what} were read in a wrong encoding by the program that wrote "
                f"them ('{cut(column.filter(bad)[0])}'); write them anew from their source as UTF-8"
            )
    return notes


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


def on_spellings(ids: pl.Series, what: str) -> list[str]:
    """A line where ids differ only in how they are written: two for what was likely one.

    In case, in blanks and marks that nobody sees, in letters that look alike, in zeros before a number
    and a `.0` behind it.
    """
    same = (
        ids.str.normalize("NFKC")
        .str.to_lowercase()
        .str.replace_all(r"[\p{Cc}\p{Cf}]", "")
        .str.strip_chars()
        .str.replace(r"^\+?0*(\d+?)(?:\.0+)?$", "$1")
        .alias("same")
    )
    if not same.is_duplicated().any():
        return []
    groups = (
        pl.DataFrame([same, ids.alias("id")])
        .filter(same.is_duplicated())
        .group_by("same", maintain_order=True)
        .agg(pl.col("id"))
    )
    odd = sum(len(group) - 1 for group in groups["id"])
    pairs = (_told_apart((group[0], group[1])) for group in groups["id"].head(SHOWN))
    said = ", ".join(f"{one} and {other}" for one, other in pairs)
    many = counted(
        odd,
        f"id of {what} is there in two spellings and counts",
        f"ids of {what} are there in two spellings and count",
    )
    return [f"warning: {many} as two: {said}; make them alike where they are one"]


def on_lonely_items(numbered: Numbered, column: str) -> list[str]:
    """A line where hardly an item comes twice, as where a row's own number is taken for the item."""
    items, rows = len(numbered.item_ids), len(numbered.timestamps)
    if items < LONELY * rows or rows < LEAST_LONELY:
        return []
    return [
        f"warning: {rows:,} interactions are with {items:,} items, so that hardly one comes twice; see that "
        f"{column} says the item, and not the row (--item-col names another)"
    ]


def on_crowd(numbered: Numbered) -> list[str]:
    """A line where one user has a large share of all interactions, as those have whom nobody knows."""
    lengths = numbered.sequences.lengths
    largest, total = int(lengths.argmax()), int(lengths.sum())
    most = int(lengths[largest])
    if len(lengths) < LEAST_CROWD or most < CROWD * total:
        return []
    return [
        f"user '{numbered.user_ids[largest]}' has {most:,} of {total:,} interactions ({most / total:.0%}); "
        "where that stands for nobody, take sessions as users with --user-col, or leave those rows out"
    ]


def _unmatched(ids: pl.Series, known: pl.DataFrame, missing: int) -> str:
    lost, table = ids.filter(~ids.is_in(known["item_id"].implode())), known["item_id"]
    near = _nearly(lost, table)
    pairs = ", ".join(f"{one} and {other}" for one, other in map(_told_apart, near))
    if missing == len(ids):
        held = [
            name for name in known.columns if name != "item_id" and known[name].is_in(ids.implode()).any()
        ]
        seen = pairs or f"'{lost[0]}' and '{table[0]}'"
        advice = (
            f"the table's column '{held[0]}' has them: give --item-col {shlex.quote(held[0])}"
            if held
            else "make them alike, or name other columns with --item-col"
        )
        return (
            "warning: no item of the log is in the item table, so that all texts are lost: the ids differ "
            f"(in the log and in the table: {seen}); {advice}"
        )
    line = f"{missing:,} of {len(ids):,} items of the log have no row in the item table"
    return line + (
        f"; these differ only in how they are written: {pairs}" if near else f", such as '{lost[0]}'"
    )


def _told_apart(pair: tuple[str, str]) -> tuple[str, str]:
    """Two ids in quotes; by their code points where they would look the same."""
    one, other = pair
    shown = [
        "".join(mark for mark in unicodedata.normalize("NFKC", text) if unicodedata.category(mark)[0] != "C")
        for text in pair
    ]
    alike = shown[0].strip() == shown[1].strip()
    return (ascii(one), ascii(other)) if alike else (f"'{one}'", f"'{other}'")


def on_unknown(ids: pl.Series, known: pl.Series, what: str) -> list[str]:
    """A line where some of `ids`, of what came later, are `known` but for how they are written."""
    lost = ids.unique(maintain_order=True)
    lost = lost.filter(~lost.is_in(known.implode()))
    pairs = ", ".join(f"{one} and {other}" for one, other in map(_told_apart, _nearly(lost, known)))
    if not pairs:
        return []
    return [
        f"warning: {counted(len(lost), f'of the {what} is', f'of the {what} are')} not in the run's dataset, "
        f"some only because ids are written otherwise: {pairs}; make them alike"
    ]


def _nearly(lost: pl.Series, known: pl.Series) -> list[tuple[str, str]]:
    """Pairs of ids that are one when only letters and digits count, in either case, without leading zeros
    and a trailing .0; or when one is the end of the other, as 12 is of item_12.
    """

    def bare(ids: pl.Series) -> pl.Series:
        text = ids.str.normalize("NFKC").str.to_lowercase().str.strip_chars().str.replace(r"\.0+$", "")
        return text.str.replace_all(r"[\W_]", "").str.strip_chars_start("0").alias("bare")

    def numbered(ids: pl.Series) -> pl.Series:
        return bare(ids).str.extract(r"(\d+)$").str.strip_chars_start("0").alias("bare")

    def alone(ids: pl.Series) -> pl.Series:
        return bare(ids).set((bare(ids) != numbered(ids)).fill_null(True), None)

    for ours, theirs in ((bare, bare), (alone, numbered), (numbered, alone)):
        left = pl.DataFrame([lost.alias("lost"), ours(lost)]).filter(pl.col("bare") != "")
        right = pl.DataFrame([known.alias("known"), theirs(known)])
        right = right.unique("bare", keep="first" if ours is theirs else "none", maintain_order=True)
        found = left.join(right, on="bare", maintain_order="left").select("lost", "known")
        if (ours is theirs and found.height) or found.height * 2 > len(lost):
            return found.head(SHOWN).rows()
    return []

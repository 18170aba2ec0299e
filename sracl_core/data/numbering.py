"""Between people's ids and consecutive numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from sracl_core.data.sequences import Sequences, Times

WHOLE_NUMBER = r"^(0|[1-9][0-9]{0,17})$"


@dataclass(frozen=True)
class Encoded:
    """A log whose ids are codes: columns user, item (uint32), timestamp and perhaps rating.

    Sorted by user, time and row of the source. Code c of a user stands for `users[c]`.
    """

    frame: pl.DataFrame
    users: pl.Series
    items: pl.Series


def encode(interactions: pl.DataFrame) -> Encoded:
    """Codes for ids; users in the order of their ids, items in no order that means anything."""
    users = sorted_ids(interactions["user_id"])
    items = interactions["item_id"].unique(maintain_order=True)
    frame = interactions.lazy().select(
        pl.col("user_id").cast(pl.Enum(users)).to_physical().cast(pl.UInt32).alias("user"),
        pl.col("item_id").cast(pl.Enum(items)).to_physical().cast(pl.UInt32).alias("item"),
        pl.exclude("user_id", "item_id"),
    )
    return Encoded(frame.collect().sort("user", "timestamp", maintain_order=True), users, items)


def sorted_ids(column: pl.Series) -> pl.Series:
    """Distinct ids in order: as numbers where all are whole numbers, else by code point."""
    ids = column.unique()
    if ids.str.contains(WHOLE_NUMBER).all():
        return ids.cast(pl.Int64).sort().cast(pl.String)
    return ids.sort()


@dataclass(frozen=True)
class Numbered:
    """The log as the product knows it: users 0..U-1, items 1..N by first appearance."""

    user_ids: pl.Series
    item_ids: pl.Series
    sequences: Sequences
    timestamps: Times

    def interactions(self) -> pl.DataFrame:
        """user_id, item_id, timestamp."""
        users = np.repeat(np.arange(len(self.sequences), dtype=np.uint32), self.sequences.lengths)
        return pl.DataFrame(
            {
                "user_id": self.user_ids.gather(users),
                "item_id": self.item_ids.gather((self.sequences.values - 1).astype(np.uint32)),
                "timestamp": self.timestamps,
            }
        )


def number(encoded: Encoded, frame: pl.DataFrame) -> Numbered:
    """Number the users and items of `frame`, the part of the encoded log that is kept."""
    users = frame.select(pl.col("user").rle()).unnest("user")
    items = frame["item"].unique(maintain_order=True)
    numbers = np.zeros(len(encoded.items), dtype=np.int32)
    numbers[items.to_numpy()] = np.arange(1, len(items) + 1, dtype=np.int32)
    offsets = np.concatenate(([0], np.cumsum(users["len"].to_numpy(), dtype=np.int64)))
    return Numbered(
        user_ids=encoded.users.gather(users["value"]),
        item_ids=encoded.items.gather(items),
        sequences=Sequences(numbers[frame["item"].to_numpy()], offsets),
        timestamps=frame["timestamp"].to_numpy(),
    )


def item_rows(item_ids: pl.Series, known: pl.DataFrame | None) -> tuple[pl.DataFrame, int]:
    """(item_id, title, ... for every item in order, how many of them `known` has no row for)."""
    frame = item_ids.alias("item_id").to_frame()
    if known is None:
        known = pl.DataFrame(schema={"item_id": pl.String})
    missing = frame.join(known, on="item_id", how="anti").height
    joined = frame.join(known, on="item_id", how="left", maintain_order="left")
    if "title" not in joined.columns:
        joined = joined.with_columns(title=pl.lit(None, pl.String))
    return joined.select("item_id", "title", pl.exclude("item_id", "title")), missing

"""Between people's ids and consecutive numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sracl_core.data.sequences import Sequences, Times

WHOLE_NUMBER = r"^(0|[1-9][0-9]{0,17})$"
"""Ids that count as numbers: those that a number writes as they are, in 64 bits."""


@dataclass(frozen=True)
class Encoded:
    """A log whose ids are codes: columns user, item (uint32), timestamp and perhaps rating.

    Sorted by user, time and row of the source. Code c of a user stands for `users[c]`, an item's
    for `items[c]`; both lists are in order, and so are codes.
    """

    frame: pl.DataFrame
    users: pl.Series
    items: pl.Series


def encode(interactions: pl.DataFrame) -> Encoded:
    """Codes for ids, in the order of ids."""
    users, items = sorted_ids(interactions["user_id"]), sorted_ids(interactions["item_id"])
    frame = interactions.lazy().select(
        pl.col("user_id").cast(pl.Enum(users)).to_physical().cast(pl.UInt32).alias("user"),
        pl.col("item_id").cast(pl.Enum(items)).to_physical().cast(pl.UInt32).alias("item"),
        pl.exclude("user_id", "item_id"),
    )
    order = ["user", "part", "timestamp"] if "part" in interactions.columns else ["user", "timestamp"]
    return Encoded(frame.collect().sort(order, maintain_order=True), users, items)


def sorted_ids(column: pl.Series) -> pl.Series:
    """Distinct ids in order: whole numbers by value, after them all others by code point.

    Which of two ids comes first depends on these two alone, so that an order holds for any part.
    """
    ids = column.unique()
    numbers = ids.str.extract(WHOLE_NUMBER).cast(pl.Int64)
    return pl.concat([numbers.drop_nulls().sort().cast(pl.String), ids.filter(numbers.is_null()).sort()])


@dataclass(frozen=True)
class Numbered:
    """The log as the product knows it: users 0..U-1 and items 1..N, both in the order of their ids."""

    user_ids: pl.Series
    item_ids: pl.Series
    sequences: Sequences
    timestamps: Times
    parts: NDArray[np.int8] | None = None

    def interactions(self) -> pl.DataFrame:
        """user_id, item_id, timestamp, and part where a split was given."""
        users = np.repeat(np.arange(len(self.sequences), dtype=np.uint32), self.sequences.lengths)
        frame = pl.DataFrame(
            {
                "user_id": self.user_ids.gather(users),
                "item_id": self.item_ids.gather((self.sequences.values - 1).astype(np.uint32)),
                "timestamp": self.timestamps,
            }
        )
        return frame if self.parts is None else frame.with_columns(part=self.parts)


def number(encoded: Encoded, frame: pl.DataFrame) -> Numbered:
    """Number the users and items of `frame`, the part of the encoded log that is kept."""
    users = frame.select(pl.col("user").rle()).unnest("user")
    items = frame["item"].unique().sort()
    numbers = np.zeros(len(encoded.items), dtype=np.int32)
    numbers[items.to_numpy()] = np.arange(1, len(items) + 1, dtype=np.int32)
    offsets = np.concatenate(([0], np.cumsum(users["len"].to_numpy(), dtype=np.int64)))
    return Numbered(
        user_ids=encoded.users.gather(users["value"]),
        item_ids=encoded.items.gather(items),
        sequences=Sequences(numbers[frame["item"].to_numpy()], offsets),
        timestamps=frame["timestamp"].to_numpy(),
        parts=frame["part"].to_numpy() if "part" in frame.columns else None,
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

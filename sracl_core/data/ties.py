"""Interactions of one user at one time: how many there are, and in which order they stand.

Nothing in a log says which of them came first. An order that follows the item ids (as sorted exports
have) can be learned, and a test of the next item then measures the sorting.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sracl_core.data.hashing import tied
from sracl_core.data.numbering import Encoded, Numbered

ORDERS = ("source", "shuffle", "id")
HOW = {"source": "in the order of the source's rows", "id": "by item id", "shuffle": "shuffled"}
SUSPICIOUS, LEAST_PAIRS = 0.75, 20
"""From this share of pairs in ascending order on (0.5 is chance), and so many pairs, it is said."""


def ordered(frame: pl.DataFrame, encoded: Encoded, order: str, seed: int) -> pl.DataFrame:
    """The log with each user's interactions of one time in another order.

    "id": ascending by item id. "shuffle": by a hash of the seed and of both ids, so that the order of
    the file's rows has no part in it.
    """
    user, time = frame["user"], frame["timestamp"]
    same = (user == user.shift()) & (time == time.shift())
    if "part" in frame.columns:
        same &= frame["part"] == frame["part"].shift()
    again = same.fill_null(False).to_numpy()
    involved = np.flatnonzero(again | np.append(again[1:], False))
    if not len(involved):
        return frame
    groups = np.cumsum(~again)[involved]
    users, items = (frame[name].to_numpy()[involved] for name in ("user", "item"))
    if order == "id":
        keys = items.astype(np.uint64)  # codes are in the order of ids
    else:
        keys = _mixed(_hashes(encoded.users, users, seed)[users] ^ _hashes(encoded.items, items, seed)[items])
    rows = np.arange(frame.height)
    rows[involved] = involved[np.lexsort((keys, groups))]
    return frame[rows]


def counted(numbered: Numbered, order: str, seed: int) -> dict[str, Any]:
    """What the manifest says of ties.

    interactions: how many share their user's time with another. pairs: neighbors of one time.
    ascending: the share of these pairs that stand in ascending order of item id, None without pairs.
    one_time: whether all interactions have the same time.
    """
    same = tied(numbered.sequences, numbered.timestamps)
    involved = np.append(same, False) | np.insert(same, 0, False)
    items = numbered.sequences.values  # numbers are in the order of ids
    rising = items[1:] > items[:-1]
    pairs = int(same.sum())
    return {
        "order": order,
        "seed": seed if order == "shuffle" else None,
        "interactions": int(involved.sum()),
        "one_time": bool((numbered.timestamps == numbered.timestamps[0]).all()),
        "share": round(float(involved.mean()), 6),
        "pairs": pairs,
        "ascending": round(float(rising[same].mean()), 4) if pairs else None,
    }


def remarks(told: dict[str, Any] | None) -> list[str]:
    """One line for people where there are ties, [] otherwise or where they were not counted."""
    if not told or not told["pairs"]:
        return []
    if told["one_time"]:
        return [
            "all interactions have one time, so that no order is known: what a model finds in the order "
            f"({told['ascending']:.0%} of neighbors in ascending order of item id) is none of the users'"
        ]
    line = (
        f"{told['interactions']:,} interactions ({told['share']:.1%}) share their user's time with another; "
        f"they stand {HOW[told['order']]}, {told['ascending']:.0%} of neighbors in ascending order of item id"
    )
    aligned = max(told["ascending"], 1 - told["ascending"]) >= SUSPICIOUS and told["pairs"] >= LEAST_PAIRS
    if aligned and told["order"] != "shuffle":
        line += ": an order that a model can learn without knowing any user; --ties shuffle removes it"
    return [line]


def in_short(told: dict[str, Any] | None) -> str | None:
    """For a protocol: how many interactions share their user's time, and their order; None without any."""
    if not told or not told["pairs"]:
        return None
    return (
        f"{told['share']:.1%} of interactions, {HOW[told['order']]}, {told['ascending']:.0%} ascending by id"
    )


def _hashes(ids: pl.Series, codes: NDArray[np.integer], seed: int) -> NDArray[np.uint64]:
    """A number for each id that occurs among the codes, uint64 [number of ids]; 0 for the others."""
    result = np.zeros(len(ids), dtype=np.uint64)
    key = str(seed).encode()[:64]
    present = np.unique(codes)
    digests = b"".join(
        blake2b(name.encode(), digest_size=8, key=key).digest() for name in ids.gather(present).to_list()
    )
    result[present] = np.frombuffer(digests, dtype="<u8")
    return result


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64: an order of users' and items' hashes that neither decides alone."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))

"""Synthetic logs, titles and item vectors of any size, for scale.py and docs/scale.md.

python benchmarks/synthetic.py USERS ITEMS FOLDER    # log.csv and items.csv
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl


def write_log(users: int, items: int, path: Path) -> None:
    """Ten interactions a user, each in one of two kinds of items that the user likes; some are popular."""
    rng = np.random.default_rng(0)
    kinds = max(items // 50, 2)
    liked = rng.integers(0, kinds, (users, 2))
    kind = np.take_along_axis(liked, rng.integers(0, 2, (users, 10)), axis=1)
    within = np.minimum(rng.geometric(0.06, (users, 10)) - 1, items // kinds - 1)
    start = rng.integers(1_500_000_000, 1_600_000_000, (users, 1))
    times = start + np.cumsum(rng.integers(60, 1_000_000, (users, 10)), axis=1)
    pl.DataFrame(
        {
            "user_id": np.repeat(np.arange(users), 10),
            "item_id": (kind * (items // kinds) + within).ravel(),
            "timestamp": times.ravel(),
        }
    ).write_csv(path)


def item_vectors(ids: list[str], items: int, width: int) -> np.ndarray:
    """Unit vectors, float32 [N, width], alike within a kind as texts of one category are."""
    rng = np.random.default_rng(1)
    kinds = max(items // 50, 2)
    centers = rng.standard_normal((kinds, width), dtype=np.float32)
    kind = np.minimum(np.array(ids, dtype=np.int64) // (items // kinds), kinds - 1)
    vectors = centers[kind] + 0.7 * rng.standard_normal((len(ids), width), dtype=np.float32)
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def write_titles(items: int, path: Path) -> None:
    """Titles of five invented words, of which three are among the four of the item's kind."""
    rng = np.random.default_rng(3)
    kinds = max(items // 50, 2)
    ends = ["a", "e", "i", "o", "u", "ai", "or", "an", "el", "in"]
    syllables = ["".join(pair) for pair in product("bcdfghklmnprstvwz", ends)]
    words = np.array(["".join(rng.choice(syllables, 3)) for _ in range(3000)])
    of_kind = words[rng.integers(0, 3000, (kinds, 4))]
    titles = []
    for item in range(items):
        own = of_kind[min(item // (items // kinds), kinds - 1)][rng.permutation(4)[:3]]
        titles.append(" ".join([*own, *words[rng.integers(0, 3000, 2)]]))
    pl.DataFrame({"item_id": np.arange(items), "title": titles}).write_csv(path)


def main() -> None:
    """Write a log and its titles into a folder."""
    users, items, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    write_log(users, items, folder / "log.csv")
    write_titles(items, folder / "items.csv")


if __name__ == "__main__":
    main()

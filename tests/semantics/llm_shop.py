"""A small dataset with as many users and items as a test of `sracl describe` asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sracl_core.data.prepare import PrepareOptions, prepare


def make_shop(folder: Path, users: int, items: int = 40, length: int = 6) -> Path:
    """Every user buys `length` items, no two the same ones in the same order."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    rows = ["user_id,item_id,timestamp"]
    for user in range(users):
        bought = rng.choice(items, length, replace=False)
        rows += [f"u{user:04d},i{item:03d},{at}" for at, item in enumerate(bought)]
    (folder / "interactions.csv").write_text("\n".join(rows))
    named = [f"i{item:03d},Thing number {item},Brand {item % 5}" for item in range(items)]
    (folder / "items.csv").write_text("\n".join(["item_id,title,brand", *named]))
    out = folder / "prepared"
    prepare([folder / "interactions.csv", folder / "items.csv"], out, PrepareOptions(name="shop", k_core=1))
    return out

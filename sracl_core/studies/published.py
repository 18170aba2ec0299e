"""What others published on the same data by the same protocol."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("published.csv")
FIGURES = ("HR@5", "NDCG@5", "HR@10", "NDCG@10", "HR@20", "NDCG@20")


def published(users: int, items: int, split: str) -> list[dict[str, Any]]:
    """Figures of leave-one-out on the dataset of that size, best first; none for any other split.

    A dataset is known by its counts, since one name stands for several editions. grade: A read in the
    authors' own files, B quoted by others. masking: stated, or inferred from the figures.
    """
    if split != "leave_one_out":
        return []
    with FILE.open(encoding="utf-8", newline="") as file:
        every = list(csv.DictReader(file))
    rows = [row for row in every if (int(row["users"]), int(row["items"])) == (users, items)]
    found = [
        {key: value for key, value in row.items() if key not in ("dataset", "users", "items", *FIGURES)}
        | {name: float(row[name]) for name in FIGURES if row[name]}
        for row in rows
    ]
    return sorted(found, key=lambda row: (row["seen_items"], -row.get("NDCG@10", 0.0)))

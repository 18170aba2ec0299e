"""What a prepared dataset looks like, in numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sracl_core.data.dataset import Dataset
from sracl_core.data.splits.given import given
from sracl_core.data.splits.leave_one_out import leave_one_out
from sracl_core.data.times import LEAST_DATE, LEAST_MILLISECONDS

PROVENANCE = ("source", "filters", "funnel", "licence", "citation", "notes")


def describe(dataset: Dataset) -> dict[str, Any]:
    """Counts, density, lengths, popularity, time span and text coverage, as plain numbers."""
    popularity = np.bincount(dataset.sequences.values, minlength=dataset.n_items + 1)[1:]
    table = dataset.item_table()
    covered = {
        name: round(1 - table[name].null_count() / max(table.height, 1), 4) for name in table.columns[1:]
    }
    counts = dataset.manifest["counts"]
    return {
        "name": dataset.name,
        "users": dataset.n_users,
        "items": dataset.n_items,
        "interactions": dataset.n_interactions,
        "density": dataset.n_interactions / (dataset.n_users * dataset.n_items),
        "sequence_length": _spread(dataset.sequences.lengths),
        "item_popularity": _spread(popularity) | {"top_tenth_share": top_share(popularity)},
        "histograms": {
            "sequence_length": histogram(dataset.sequences.lengths),
            "item_popularity": histogram(popularity),
        },
        "split": split_sizes(dataset),
        "time": _time_span(dataset),
        "text_coverage": covered,
        "items_without_row": counts["items_without_row"],
        "items_without_title": counts["items_without_title"],
        "items_without_text": counts.get("items_without_text"),
        "same_time": counts["same_time"],
        "ties": dataset.manifest.get("ties"),
        "identity": dataset.identity,
        **{key: dataset.manifest[key] for key in PROVENANCE},
    }


def split_sizes(dataset: Dataset) -> dict[str, int]:
    """What leave-one-out (or the split that was given) makes of it: prefixes, queries."""
    own = dataset.parts
    split = leave_one_out(dataset.sequences) if own is None else given(dataset.sequences, own)
    lengths = split.train.lengths
    return {
        "train_interactions": int(lengths.sum()),
        "train_prefixes": int(np.maximum(lengths - 1, 0).sum()),
        "valid_users": len(split.valid_users),
        "test_users": len(split.test_users),
        "users_too_short": dataset.n_users - len(split.test_users),
    }


def preview(dataset: Dataset, rows: int) -> dict[str, Any]:
    """The first `rows` items with their text, and the first `rows` users with their latest items."""
    titles = dataset.titles()
    users = [
        {
            "user": dataset.users.id_of(user),
            "length": len(dataset.sequences.of(user)),
            "latest": [titles[item] for item in dataset.sequences.of(user)[-3:].tolist()],
        }
        for user in range(min(rows, dataset.n_users))
    ]
    return {"items": dataset.item_table().head(rows).to_dicts(), "users": users}


def top_share(popularity: NDArray[np.int64]) -> float:
    """Share of all interactions that the most popular tenth of the items has."""
    top = max(1, len(popularity) // 10)
    return float(np.sort(popularity)[-top:].sum() / popularity.sum())


def histogram(values: NDArray[np.int64], bars: int = 8) -> list[tuple[str, int]]:
    """(range, count) of whole numbers in ranges that double, so that long tails fit on a screen.

    >>> histogram(np.array([1, 2, 3, 9]), bars=3)
    [('1', 1), ('2-3', 2), ('4+', 1)]
    """
    low = int(values.min())
    result: list[tuple[str, int]] = []
    start, width = low, max(low, 1)
    while start <= values.max():
        end = start + width
        last = len(result) == bars - 1 and end <= values.max()
        inside = (values >= start) & ((values < end) | last)
        label = f"{start}+" if last else str(start) if width == 1 else f"{start}-{end - 1}"
        result.append((label, int(inside.sum())))
        if last:
            break
        start, width = end, width * 2
    return result


def _spread(values: NDArray[np.int64]) -> dict[str, float]:
    return {
        "min": int(values.min()),
        "mean": round(float(values.mean()), 4),
        "median": float(np.median(values)),
        "p95": float(np.percentile(values, 95)),
        "max": int(values.max()),
    }


def _time_span(dataset: Dataset) -> dict[str, Any]:
    first, last = dataset.timestamps.min().item(), dataset.timestamps.max().item()
    span: dict[str, Any] = {"first": first, "last": last}
    if last >= LEAST_DATE:
        dates = np.array([first, last], dtype=np.float64)
        seconds = np.where(dates > LEAST_MILLISECONDS, dates / 1000, dates).astype("datetime64[s]")
        span |= {"first_date": str(seconds[0])[:10], "last_date": str(seconds[1])[:10]}
    return span

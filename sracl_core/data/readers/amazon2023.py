"""Amazon Reviews 2023 (arXiv 2403.03952): `CATEGORY.jsonl` and `meta_CATEGORY.jsonl`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sracl_core.data.reading.base import Raw, Reader, ReadOptions, fixed
from sracl_core.data.reading.reviews import find_reviews, item_table, read_reviews
from sracl_core.data.reading.tabular import json_objects
from sracl_core.data.reading.text import plain

KEYS = {"user_id": "user_id", "item_id": "parent_asin", "timestamp": "timestamp", "rating": "rating"}


def find(paths: list[Path], options: ReadOptions) -> list[Path] | None:
    """[reviews] or [reviews, metadata]."""
    return find_reviews(paths, {"user_id", "parent_asin"}, "meta_*.jsonl")


def read(files: list[Path], options: ReadOptions, scratch: Path) -> Raw:
    """Reviews as interactions (milliseconds become seconds), metadata as the item table."""
    raw = read_reviews(files[0], scratch, KEYS, options, unit=1000)
    if len(files) == 1:
        return raw
    records = json_objects(files[1], plain(files[1], scratch))
    wanted = set(raw.interactions["item_id"].unique())
    kept = ((number, record) for number, record in records if record.get("parent_asin") in wanted)
    items = item_table(files[1], kept, "parent_asin", columns)
    return replace(raw, items=items, taken=[*raw.taken, fixed(files[1], {"item": "parent_asin"}, "items")])


def columns(record: dict[str, Any]) -> dict[str, Any]:
    """Our item columns of a metadata record."""
    paragraphs = [record.get("description") or [], record.get("features") or []]
    description = " ".join(str(part) for group in paragraphs if isinstance(group, list) for part in group)
    return {
        "title": record.get("title"),
        "brand": record.get("store"),
        "categories": record.get("categories"),
        "price": record.get("price"),
        "description": description,
    }


READER = Reader(
    name="amazon2023",
    about="Amazon 2023: reviews and meta_ files in JSON lines",
    sign="its lines have user_id and parent_asin",
    find=find,
    read=read,
)

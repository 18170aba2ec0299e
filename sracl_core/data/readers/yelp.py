"""The Yelp Open Dataset: reviews are interactions, businesses are items."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sracl_core.data.reading.base import Raw, Reader, ReadOptions, fixed
from sracl_core.data.reading.reviews import item_table, read_reviews
from sracl_core.data.reading.search import json_with, named
from sracl_core.data.reading.tabular import json_objects
from sracl_core.data.reading.text import plain

KEYS = {"user_id": "user_id", "item_id": "business_id", "timestamp": "date", "rating": "stars"}


def find(paths: list[Path], options: ReadOptions) -> list[Path] | None:
    """[reviews] or [reviews, businesses]."""
    reviews = json_with(paths, {"review_id", "user_id", "business_id"})
    if not reviews:
        return None
    businesses = named(paths, "*business.json")
    return [reviews[0]] if businesses is None else [reviews[0], businesses]


def read(files: list[Path], options: ReadOptions, scratch: Path) -> Raw:
    """Dates become seconds since 1970 (Yelp does not say their time zone; taken as UTC)."""
    raw = read_reviews(files[0], scratch, KEYS, options)
    if len(files) == 1:
        return raw
    wanted = set(raw.interactions["item_id"].unique())
    records = json_objects(files[1], plain(files[1], scratch))
    kept = ((number, record) for number, record in records if record.get("business_id") in wanted)
    items = item_table(files[1], kept, "business_id", columns)
    return replace(raw, items=items, taken=[*raw.taken, fixed(files[1], {"item": "business_id"}, "items")])


def columns(record: dict[str, Any]) -> dict[str, Any]:
    """Our item columns of a business."""
    return {
        "title": record.get("name"),
        "categories": record.get("categories"),
        "city": record.get("city"),
        "state": record.get("state"),
    }


READER = Reader(
    name="yelp",
    about="Yelp: yelp_academic_dataset_review.json and ..._business.json",
    sign="its lines have review_id, user_id and business_id",
    find=find,
    read=read,
)

"""Amazon review data of 2014 and 2018 (McAuley lab): reviews and `meta_*` lines.

Metadata of 2014 is Python literals, one a line; they are parsed, never evaluated. 2018's is JSON.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from sracl_core.data.reading.base import Raw, Reader, ReadOptions, fixed
from sracl_core.data.reading.reviews import find_reviews, item_table, read_reviews
from sracl_core.data.reading.text import lines_of, plain
from sracl_core.errors import DataError

KEYS = {"user_id": "reviewerID", "item_id": "asin", "timestamp": "unixReviewTime", "rating": "overall"}
ASIN = re.compile(r"""['"]asin['"]: ['"]([^'"\\]*)['"]""")


def find(paths: list[Path], options: ReadOptions) -> list[Path] | None:
    """[reviews] or [reviews, metadata]."""
    return find_reviews(paths, {"reviewerID", "asin"}, "meta_*.json")


def read(files: list[Path], options: ReadOptions, scratch: Path) -> Raw:
    """Reviews as interactions, metadata as the item table."""
    raw = read_reviews(files[0], scratch, KEYS, options, unit=1)
    if len(files) == 1:
        return raw
    wanted = set(raw.interactions["item_id"].unique())
    records = literal_objects(files[1], plain(files[1], scratch), wanted)
    items = item_table(files[1], records, "asin", columns)
    return replace(raw, items=items, taken=[*raw.taken, fixed(files[1], {"item": "asin"}, "items")])


def columns(record: dict[str, Any]) -> dict[str, Any]:
    """Our item columns of a metadata record."""
    description = record.get("description")
    return {
        "title": record.get("title"),
        "brand": record.get("brand"),
        "categories": record.get("categories") or record.get("category"),
        "price": record.get("price"),
        "sales_rank": record.get("salesRank") or record.get("rank"),
        "description": " ".join(map(str, description)) if isinstance(description, list) else description,
    }


def literal_objects(path: Path, text: Path, wanted: set[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, record) of the wanted products, written as JSON or as a Python dictionary.

    Most products of a metadata file are in no review; parsing only the others' lines is the
    difference between half a minute and a second. Raises DataError naming a line that is neither.
    """
    for number, line in lines_of(text):
        asin = ASIN.search(line)
        if not line.strip() or (asin and asin[1] not in wanted):
            continue
        record = _parsed(line)
        if not isinstance(record, dict):
            raise DataError(f"{path} line {number} is neither JSON nor a Python dictionary; fetch it again")
        yield number, record


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(line.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


READER = Reader(
    name="amazon2014",
    about="Amazon 2014 and 2018: reviews and meta_ files in JSON lines",
    sign="its lines have reviewerID and asin",
    find=find,
    read=read,
)

"""Which column of somebody's table holds what."""

from __future__ import annotations

import re
from pathlib import Path

from sracl_core.errors import DataError, nearest

# In order of preference: the first that a table has is taken.
USUAL = {
    "user": "user_id user userid uid reviewer_id reviewer customer_id customer visitor_id session_id "
    "account_id member_id",
    "item": "item_id item itemid iid parent_asin asin product_id product sku movie_id business_id "
    "article_id book_id track_id song_id video_id news_id content_id",
    "time": "timestamp time ts unix_review_time datetime date_time date event_time created_at sort_timestamp",
    "rating": "rating ratings stars overall score event_strength",
    "title": "title name item_name product_name product_title movie_title item_title",
}


def normalized(name: str) -> str:
    """Letters and digits in lower case, without RecBole's ":type": "reviewerID" ~ "reviewer_id".

    >>> normalized("User_ID:token")
    'userid'
    """
    return re.sub(r"[\W_]", "", name.split(":")[0].lower())


def find_column(role: str, given: str | None, columns: list[str], path: Path) -> str:
    """The column for a role: the one given by name, else a usual name.

    Raises DataError that names the nearest column and the flag to give.
    """
    shown = [column[:40] for column in columns]
    if given is not None:
        if given in columns:
            return given
        raise DataError(f"{path} has no column '{given}'{nearest(given, shown)}; correct --{role}-col")
    found = guess(role, columns)
    if found is None:
        usual = USUAL[role].split()[0]
        raise DataError(
            f"{path} has no {role} column such as '{usual}'{nearest(usual, shown)}; name it with --{role}-col"
        )
    return found


def guess(role: str, columns: list[str]) -> str | None:
    """The first column with a usual name for the role, in any case and punctuation; or None."""
    by_name = {normalized(column): column for column in reversed(columns)}
    for usual in USUAL[role].split():
        if normalized(usual) in by_name:
            return by_name[normalized(usual)]
    return None


def guess_note(path: Path, roles: dict[str, str]) -> list[str]:
    """What to tell a person about columns that were not named as the product names them."""
    usual = {role: names.split()[0] for role, names in USUAL.items()}
    odd = {role: column for role, column in roles.items() if column.split(":")[0] != usual[role]}
    if not odd:
        return []
    said = ", ".join(f"{role} = '{column}'" for role, column in odd.items())
    return [f"{path.name}: columns taken as {said} (change with --user-col, --item-col, ...)"]

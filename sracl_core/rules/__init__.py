"""What a shop says about every list: who may be in it, how often, and how unlike each other."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Rules"]


class Rules(BaseModel):
    """Rules for one list or many; the default changes nothing but what `exclude_seen` says.

    >>> Rules(only=["brand=Stillpond"], at_most="2:category").only
    ['brand=Stillpond']
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    exclude_seen: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="Leave out what the history holds; auto: unless this log is full of repeats.",
    )
    only: list[str] = Field(
        [], description="COLUMN=VALUE of the item table; values of one column widen, columns narrow."
    )
    without: list[str] = Field([], description="COLUMN=VALUE of items that are left out.")
    exclude: list[str] = Field([], description="Ids of items that are left out.")
    min_popularity: int = Field(0, ge=0, description="Interactions that an item has at least.")
    at_most: str | None = Field(None, description="N:COLUMN, at most N items of one value in a list.")
    diversity: float = Field(
        0.0, ge=0.0, le=1.0, description="Share of unlikeness by text against score; 0 is the score alone."
    )
    not_like: str | None = Field(None, description="Leave out items whose text is near to this.")
    not_like_from: float = Field(
        0.4, ge=-1.0, le=1.0, description="Cosine from which a text is near, for not_like."
    )

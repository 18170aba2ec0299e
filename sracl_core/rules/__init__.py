"""What a shop says about every list: who may be in it, how often, and how unlike each other."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

LONGEST_TEXT = 1000
NEAR = 0.4
"""Cosine from which a text is near, where nobody says."""
# For JSON schemas: what is refused in words of our own.
SOME_WORD: dict[str, Any] = {"pattern": r"\S"}
CONDITIONS: dict[str, Any] = {"items": {"type": "string", "pattern": r"^[^=]*[^=\s][^=]*=.*\S"}}


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
"""An integer as JSON has it: 5.0 is one, too."""


def only_beside(text: str, number: str, default: float) -> Any:
    """For a JSON schema: a `number` other than `default` goes with a `text`."""
    return [
        {"required": [text], "properties": {text: {"type": "string"}}},
        {"properties": {number: {"const": default}}},
    ]


class Rules(BaseModel):
    """Rules for one list or many; the default changes nothing but what `exclude_seen` says.

    >>> Rules(only=["brand=Stillpond"], at_most="2:category").only
    ['brand=Stillpond']
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"anyOf": only_beside("not_like", "not_like_from", NEAR)},
    )

    exclude_seen: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="Leave out what the history holds; auto: unless this log is full of repeats.",
    )
    only: list[str] = Field(
        [],
        description="COLUMN=VALUE of the item table; values of one column widen, columns narrow.",
        json_schema_extra=CONDITIONS,
    )
    without: list[str] = Field(
        [], description="COLUMN=VALUE of items that are left out.", json_schema_extra=CONDITIONS
    )
    exclude: list[str] = Field([], description="Ids of items that are left out.")
    min_popularity: Whole = Field(0, ge=0, description="Interactions that an item has at least.")
    at_most: str | None = Field(
        None,
        description="N:COLUMN, at most N items of one value in a list.",
        json_schema_extra={"pattern": r"^0*[1-9][0-9]{0,8}:.*\S"},
    )
    diversity: float = Field(
        0.0, ge=0.0, le=1.0, description="Share of unlikeness by text against score; 0 is the score alone."
    )
    not_like: str | None = Field(
        None,
        max_length=LONGEST_TEXT,
        description="Leave out items whose text is near to this.",
        json_schema_extra=SOME_WORD,
    )
    not_like_from: float = Field(
        NEAR, ge=-1.0, le=1.0, description="Cosine from which a text is near, for not_like."
    )

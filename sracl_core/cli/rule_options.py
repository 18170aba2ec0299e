"""The rules of a list as options; every command that makes lists has these."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sracl_core.errors import InputError

if TYPE_CHECKING:
    from sracl_core.rules import Rules

SeenOption = Annotated[
    str,
    typer.Option(
        "--exclude-seen",
        metavar="auto|yes|no",
        help="Leave out what the history holds; auto: unless people of this log often come back to it.",
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="COLUMN=VALUE", help="Only such items, e.g. brand=Acme; repeatable."),
]
NotOption = Annotated[
    list[str] | None, typer.Option("--not", metavar="COLUMN=VALUE", help="No such items; repeatable.")
]
ExcludeOption = Annotated[
    Path | None, typer.Option("--exclude", help="File of item ids to leave out, one a line.")
]
PopularityOption = Annotated[
    int, typer.Option("--min-popularity", min=0, help="Interactions that an item has at least.")
]
AtMostOption = Annotated[
    str | None,
    typer.Option("--at-most", metavar="N:COLUMN", help="At most N items of one value, e.g. 2:category."),
]
DiversityOption = Annotated[
    float,
    typer.Option(
        "--diversity", min=0.0, max=1.0, help="Unlikeness by text against score; 0 is the score alone."
    ),
]
NotLikeOption = Annotated[
    str | None, typer.Option("--not-like", metavar="TEXT", help="No items whose text is near to this.")
]
NotLikeFromOption = Annotated[
    float, typer.Option("--not-like-from", min=-1.0, max=1.0, help="Cosine from which --not-like is near.")
]


def rules_of(
    exclude_seen: str,
    only: list[str] | None,
    without: list[str] | None,
    exclude: Path | None,
    min_popularity: int,
    at_most: str | None,
    diversity: float,
    not_like: str | None,
    not_like_from: float,
) -> Rules:
    """The rules that the options say. Raises InputError."""
    if exclude_seen not in ("auto", "yes", "no"):
        raise InputError(f"--exclude-seen {exclude_seen} is none of auto, yes, no")
    from sracl_core.rules import Rules

    return Rules(
        exclude_seen=exclude_seen,
        only=only or [],
        without=without or [],
        exclude=_ids(exclude),
        min_popularity=min_popularity,
        at_most=at_most,
        diversity=diversity,
        not_like=not_like,
        not_like_from=not_like_from,
    )


def _ids(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"--exclude {path} cannot be read; give a text file of item ids, one a line"
        ) from error
    return [line.strip() for line in lines if line.strip()]

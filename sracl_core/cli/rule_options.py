"""The rules of a list as options; every command that makes lists has these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sracl_core.errors import InputError

if TYPE_CHECKING:
    from sracl_core.rules import Rules


@dataclass(frozen=True)
class RuleOptions:
    """What of the items a list may hold."""

    exclude_seen: Annotated[
        str,
        typer.Option(
            "--exclude-seen",
            metavar="auto|yes|no",
            help="Leave out what the history holds; auto: unless people of this log often come back to it.",
        ),
    ] = "auto"
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="COLUMN=VALUE", help="Only such items, e.g. brand=Acme; repeatable."),
    ] = None
    without: Annotated[
        list[str] | None, typer.Option("--not", metavar="COLUMN=VALUE", help="No such items; repeatable.")
    ] = None
    exclude: Annotated[
        Path | None,
        typer.Option("--exclude", help="File of item ids to leave out: one a line, or a column of a table."),
    ] = None
    min_popularity: Annotated[
        int, typer.Option("--min-popularity", min=0, help="Interactions that an item has at least.")
    ] = 0
    at_most: Annotated[
        str | None,
        typer.Option("--at-most", metavar="N:COLUMN", help="At most N items of one value, e.g. 2:category."),
    ] = None
    diversity: Annotated[
        float,
        typer.Option(
            "--diversity", min=0.0, max=1.0, help="Unlikeness by text against score; 0 is the score alone."
        ),
    ] = 0.0
    not_like: Annotated[
        str | None, typer.Option("--not-like", metavar="TEXT", help="No items whose text is near to this.")
    ] = None
    not_like_from: Annotated[
        float,
        typer.Option("--not-like-from", min=-1.0, max=1.0, help="Cosine from which --not-like is near."),
    ] = 0.4

    def rules(self) -> Rules:
        """The rules that the options say. Raises InputError."""
        if self.exclude_seen not in ("auto", "yes", "no"):
            raise InputError(f"--exclude-seen {self.exclude_seen} is none of auto, yes, no")
        from sracl_core.rules import LONGEST_TEXT, Rules

        if len(self.not_like or "") > LONGEST_TEXT:
            raise InputError(f"--not-like has more than {LONGEST_TEXT:,} characters; give a few words")

        lists = {"only": self.only or [], "without": self.without or [], "exclude": _ids(self.exclude)}
        return Rules(**vars(self) | lists)


def _ids(path: Path | None) -> list[str]:
    if path is None:
        return []
    from sracl_core.data.id_file import read_ids

    return read_ids(path, "item")[0]

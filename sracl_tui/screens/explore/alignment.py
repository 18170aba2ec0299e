"""Two runs' lists as one: the same item stands in the same row of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sracl_tui.content import Content
from sracl_tui.screens.explore.list_view import moved, recommendation_row
from sracl_tui.screens.explore.view import Row
from sracl_tui.widgets.split_line import SplitLine

Answer = Mapping[str, Any]


def aligned(
    first: Answer,
    missed: Sequence[Answer],
    second: Answer,
    here: Mapping[str, int],
    there: Mapping[str, int],
    by_second: bool,
) -> tuple[list[Row], list[Row]]:
    """The rows of the first and of the second run's panel, in the order of one of them.

    What only the other run lists follows, then the held-out items that the first one missed. here, there:
    the ranks that the first and the second run give to the items. Arrows tell how much better or worse than
    the first the second ranks an item.
    """
    mine = {item["item"]: item for item in (*first["items"], *missed)}
    theirs = {item["item"]: item for item in second["items"]}
    listed = [item["item"] for item in first["items"]]
    orders = [list(theirs), listed] if by_second else [listed, list(theirs)]
    names = dict.fromkeys([*orders[0], *orders[1], *mine])
    left, right = [], []
    for name in names:
        item = mine.get(name) or theirs[name]
        left.append(_row(mine.get(name), item, here.get(name), Content("")))
        ranks = here.get(name), there.get(name)
        arrow = moved(ranks[0], ranks[1]) if ranks[0] and ranks[1] else Content("")
        right.append(_row(theirs.get(name), item, there.get(name), arrow))
    return list(zip(names, left, strict=True)), list(zip(names, right, strict=True))


def in_common(first: Answer, second: Answer) -> str:
    """How many items both list."""
    both = {item["item"] for item in first["items"]} & {item["item"] for item in second["items"]}
    return f"{len(both)} in both"


def _row(own: Answer | None, item: Answer, rank: int | None, arrow: Content) -> SplitLine:
    if own is not None:
        return recommendation_row(own, arrow)
    place = f"{rank:>3} " if rank else "  ? "
    held = ("★ " if item.get("held_out") else "", "$accent")
    title = Content.assemble((place, "$muted"), held, (item["title"], "$muted"))
    return SplitLine((title, arrow), (Content.styled("    not in this list", "$muted"), ""), restyled=True)

"""A list of recommendations: its rows, how far each one moved, and what is said of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sracl_core.words import counted
from sracl_tui.content import Content
from sracl_tui.screens.explore.view import PARTS, SMALL, Answer, Row
from sracl_tui.widgets.split_line import SplitLine

SPEAKS = 0.05
"""An item of the history counts as speaking for another from this share of the strongest effect on."""


def recommendation_rows(
    found: Answer, missed: Sequence[Answer] = (), before: Mapping[str, int] | None = None
) -> list[Row]:
    """The recommendations: rank, title and how far it moved from `before`; then score and marks.

    Held-out items that are not in the list come last, with their rank.
    """
    rows = []
    for item in [*found["items"], *missed]:
        still = before is None or item["score"] is None
        move = Content("") if still or before is None else moved(before.get(item["item"]), item["rank"])
        rows.append((item["item"], recommendation_row(item, move)))
    return rows


def recommendation_row(item: Answer, move: Content) -> SplitLine:
    """One recommendation, with `move` at its right."""
    held = item.get("held_out")
    title = Content.assemble(
        (f"{item['rank']:>3} ", "$muted"), ("★ " if held else "", "bold $accent"), (item["title"], "bold")
    )
    return SplitLine((title, move), ([_marks(item), _marks(item, short=True)], ""), restyled=True)


def moved(before: int | None, now: int) -> Content:
    """How far an item came up or went down; "new" where it was nowhere before.

    >>> moved(9, 2).plain, moved(2, 9).plain, moved(3, 3).plain, moved(None, 1).plain
    ('▲7', '▼7', '=', 'new')
    """
    if before is None:
        return Content.styled("new", "$accent")
    if before == now:
        return Content.styled("=", "$muted")
    return Content.styled(f"{'▲' if now < before else '▼'}{abs(before - now):,}", _color(before, now))


def _color(before: int, now: int) -> str:
    return "$success" if now < before else "$error"


def held_out_note(found: Answer) -> str:
    """Where the held-out items ended up, hit or miss."""
    listed = {item["item"] for item in found["items"]}
    return "  ".join(
        f"★ {PARTS.get(part, part)}: {'hit' if held['item'] in listed else 'miss'}, rank {held['rank']:,}"
        for part, held in (found.get("held_out") or {}).items()
    )


def ranks(found: Answer) -> dict[str, int]:
    """Rank by item."""
    return {item["item"]: item["rank"] for item in found["items"]}


def export_rows(found: Answer) -> list[dict[str, Any]]:
    """The recommendations as flat rows."""
    return [
        {
            "rank": item["rank"],
            "item": item["item"],
            "title": item["title"],
            "score": item["score"],
            "seen": item["seen"],
            "held_out": item.get("held_out") or "",
            "neighbors": " ".join(entry["user"] for entry in (item.get("why") or {}).get("neighbors", ())),
        }
        for item in found["items"]
    ]


def _marks(item: Answer, short: bool = False) -> Content:
    held, score = item.get("held_out"), item["score"]
    parts: list[Any] = [("    ", "")]
    if score is not None:
        parts.append((f"{score:.3f}", "bold"))
    if held:
        word = "hit" if score is not None else "missed"
        parts.append((f"  {'' if short else PARTS.get(held, held) + ' '}{word}", "$accent"))
    if item.get("seen"):
        parts.append(("  bought before", "$warning"))
    if item.get("text_similarity") is not None:
        parts.append((f"  text {item['text_similarity']:.2f}", "$primary"))
    if item.get("why"):
        parts += _reasons(item["why"], short)
    return Content.assemble(*parts)


def _reasons(why: Answer, short: bool) -> list[Any]:
    effects = [entry["effect"] for entry in why["history"] if entry["effect"] is not None]
    count = why.get("count")
    effects += [count["effect"]] * count["older"] if count else []
    least = max(SMALL, SPEAKS * max(effects, default=0.0))
    helping, speaking = sum(effect >= least for effect in effects), len(why["neighbors"])
    source = "" if short else "from "
    said: list[Any] = [(f"  {source}{counted(helping, 'purchase')}", "$muted")] if effects else []
    if speaking:
        said.append((f"  ◆ {speaking if short else counted(speaking, 'neighbor')}", "$success"))
    return said

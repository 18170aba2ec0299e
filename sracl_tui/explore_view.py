"""The rows of the Explore screen, worked out from the explorer's answers alone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from textual.content import Content

from sracl_tui.glyphs import padded_bar
from sracl_tui.widgets.split_line import SplitLine

Row = tuple[str, SplitLine]
Answer = Mapping[str, Any]

BAR = 8
SMALL = 0.005
SPEAKS = 0.05
"""An item of the history counts as speaking for another from this share of the strongest effect on."""
PARTS = {"valid": "validation", "test": "test"}


def history_rows(history: Answer, read: set[str], why: Answer | None, shared: set[str]) -> list[Row]:
    """A user's purchases, the latest first: what speaks for the chosen recommendation, what is shared.

    `read` are the parts that the encoder reads; `shared` the items that the chosen neighbor has too.
    """
    effects = {entry["position"]: float(entry["effect"]) for entry in (why or {}).get("history", ())}
    most = max((abs(effect) for effect in effects.values()), default=0.0)
    items = history["items"]
    seen = [at for at, item in enumerate(items) if item["part"] in read]
    # The encoder's position 0 is the oldest item that it reads, which need not be the user's first.
    first = len(seen) - (max(effects) + 1 if effects else 0)
    rows = []
    for at, item in reversed(list(enumerate(items))):
        title = item["title"]
        if item["part"] not in read:
            mark = Content.assemble(("★ ", "bold $accent"), (title, "italic"))
            right = Content.styled(f"{PARTS[item['part']]}, held out", "$accent")
        else:
            both = item["item"] in shared
            mark = Content.assemble(
                ("= " if both else "  ", "bold $success"), (title, "bold" if both else "")
            )
            effect = effects.get(seen.index(at) - first) if effects else None
            right = _effect(effect, most) if effect is not None else Content.styled(_date(item), "$muted")
        rows.append((f"{at}:{item['item']}", SplitLine((mark, right), restyled=True)))
    return rows


def neighbor_rows(found: Answer, why: Answer | None) -> list[Row]:
    """The semantic neighbors: similarity, the synthesizer's weight, what is shared, what came next."""
    speaking = {entry["user"]: entry for entry in (why or {}).get("neighbors", ())}
    rows = []
    for at, neighbor in enumerate(found["neighbors"]):
        similarity, weight = float(neighbor["similarity"]), neighbor.get("weight")
        right = Content.assemble(
            (padded_bar(similarity, BAR), "$primary"),
            (f" {similarity:.3f}", "bold"),
            ("" if weight is None else f"  w {weight:.0%}", "$muted"),
        )
        upcoming = neighbor.get("next")
        said: list[Any] = [
            (f"  {len(neighbor['shared'])} shared", "$success" if neighbor["shared"] else "$muted")
        ]
        if upcoming:
            said += [("  next ", "$muted"), upcoming["title"]]
        speaks = speaking.get(neighbor["user"])
        rows.append(
            (
                f"{at}:{neighbor['user']}",
                SplitLine(
                    (Content.assemble((neighbor["user"], "bold")), right),
                    (Content.assemble(*said), _speaks(neighbor, speaks)),
                    restyled=True,
                ),
            )
        )
    return rows


def recommendation_rows(found: Answer, other: Mapping[str, int] | None = None) -> list[Row]:
    """The recommendations: rank, title, score, marks. `other` has the ranks in a second run's list."""
    rows = []
    for item in found["items"]:
        held = item.get("held_out")
        left = Content.assemble(
            (f"{item['rank']:>3} ", "$muted"), ("★ " if held else "", "bold $accent"), (item["title"], "bold")
        )
        right: list[Any] = [(f"{item['score']:.3f}", "bold")]
        if other is not None:
            rank = other.get(item["item"])
            right.append((f"  also {rank}" if rank else "  only here", "$success" if rank else "$muted"))
        rows.append(
            (item["item"], SplitLine((left, Content.assemble(*right)), (_marks(item), ""), restyled=True))
        )
    return rows


def found_rows(answer: Answer) -> list[Row]:
    """Items whose text is close to what was typed."""
    return [
        (
            item["item"],
            SplitLine(
                (
                    item["title"],
                    Content.assemble(
                        (padded_bar(float(item["similarity"]), BAR), "$primary"),
                        (f" {item['similarity']:.3f}", "bold"),
                    ),
                )
            ),
        )
        for item in answer.get("results") or answer.get("neighbors") or ()
    ]


def held_out_note(found: Answer) -> str:
    """Where the held-out items ended up, hit or miss."""
    shown = {item["item"] for item in found["items"]}
    parts = []
    for part, held in (found.get("held_out") or {}).items():
        rank = held.get("rank")
        word = "hit" if held["item"] in shown else "miss"
        parts.append(f"★ {PARTS.get(part, part)} item: {word}, rank {rank if rank else 'unknown'}")
    return "  ".join(parts)


def why_lines(item: Answer, most: int) -> tuple[list[Content], list[Content]]:
    """What speaks for an item: the history's part and the neighbors' part, a line each."""
    why = item.get("why") or {}
    effects = list(why.get("history", ()))
    largest = max((abs(float(entry["effect"])) for entry in effects), default=0.0)
    history = [
        Content.assemble(_effect(float(entry["effect"]), largest), "  ", entry["title"])
        for entry in effects[:most]
    ]
    neighbors = [
        Content.assemble(
            ("◆ ", "bold $success"),
            (entry["user"], "bold"),
            (f"  similarity {entry['similarity']:.3f}", "$muted"),
            ("" if entry.get("weight") is None else f"  weight {entry['weight']:.0%}", "$muted"),
            "  bought it next" if entry.get("next") else "  bought it",
        )
        for entry in list(why.get("neighbors", ()))[:most]
    ]
    return history, neighbors


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


def plain(rows: Iterable[Row]) -> str:
    """Rows as text."""
    return "\n".join(line.plain for _, line in rows)


def ranks(found: Answer) -> dict[str, int]:
    """Rank by item."""
    return {item["item"]: item["rank"] for item in found["items"]}


def shared_items(found: Answer, at: int | None) -> set[str]:
    """The items that the neighbor in row `at` has in common with the user."""
    neighbors: Sequence[Answer] = found["neighbors"]
    return set() if at is None or at >= len(neighbors) else {item["item"] for item in neighbors[at]["shared"]}


def _marks(item: Answer) -> Content:
    parts: list[Any] = []
    held = item.get("held_out")
    if held:
        parts.append((f"{PARTS.get(held, held)} item: a hit   ", "$accent"))
    if item.get("seen"):
        parts.append(("bought before   ", "$warning"))
    if item.get("text_similarity") is not None:
        parts.append((f"text {item['text_similarity']:.2f}   ", "$muted"))
    why = item.get("why")
    if why:
        speaking, effects = (
            why.get("neighbors", ()),
            [float(entry["effect"]) for entry in why.get("history", ())],
        )
        least = max(SMALL, SPEAKS * max(effects, default=0.0))
        helping = sum(effect >= least for effect in effects)
        parts.append((f"from {helping} of the history", "$muted"))
        if speaking:
            parts.append((f"   ◆ {len(speaking)} neighbor{'s' * (len(speaking) != 1)}", "$success"))
    return Content.assemble("    ", *parts)


def _speaks(neighbor: Answer, entry: Answer | None) -> Content:
    if entry is not None:
        return Content.styled("◆ bought it next" if entry.get("next") else "◆ bought it", "bold $success")
    hit = neighbor.get("hits_held_out")
    return Content.styled(f"★ next is the {PARTS.get(hit, hit)} item", "$accent") if hit else Content("")


def _effect(effect: float, most: float) -> Content:
    share = abs(effect) / most if most else 0.0
    if abs(effect) < SMALL:
        return Content.styled(f"{' ' * BAR}  0.00", "$muted")
    sign, color = ("+", "$success") if effect >= 0 else ("−", "$error")
    return Content.assemble((padded_bar(share, BAR), color), (f" {sign}{abs(effect):.2f}", "bold"))


def _date(item: Answer) -> str:
    stamp = item.get("timestamp")
    if not isinstance(stamp, int | float) or stamp < 100_000_000:
        return ""
    seconds = stamp / 1000 if stamp > 1e11 else stamp
    return time.strftime("%d %b %Y", time.gmtime(seconds))

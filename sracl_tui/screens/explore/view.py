"""The rows of the Explore screen, worked out from the explorer's answers alone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sracl_core.words import counted
from sracl_tui.content import Content
from sracl_tui.glyphs import padded_bar
from sracl_tui.widgets.split_line import SplitLine

Row = tuple[str, SplitLine]
Answer = Mapping[str, Any]

BAR = 4
SMALL = 0.005
"""Effects below this are drawn as none: they would read 0.00."""
PARTS = {"valid": "valid", "test": "test"}
READS = {"train": "training part", "valid": "all but test", "test": "everything"}
METHODS = {"exact": "exact", "cells": "by cells", "hnsw": "HNSW"}


def history_rows(history: Answer, read: set[str], why: Answer | None, shared: set[str]) -> list[Row]:
    """A user's purchases, the latest first: what speaks for the chosen recommendation, what is shared.

    `read` are the parts that the encoder reads; `shared` the items that the chosen neighbor has too.
    """
    effects = {entry["position"]: entry["effect"] for entry in (why or {}).get("history", ())}
    # Of what is older than that, only how often the item itself was bought says anything.
    asked, by_count = (why or {}).get("item"), ((why or {}).get("count") or {}).get("effect")
    most = max((abs(effect or 0.0) for effect in (*effects.values(), by_count)), default=0.0)
    items = history["items"]
    # Parts follow each other in time; the encoder's position 0 is the oldest item that it reads,
    # which need not be the user's first.
    first = sum(item["part"] in read for item in items) - len(effects)
    rows = []
    for at, item in reversed(list(enumerate(items))):
        title = item["title"]
        if item["part"] not in read:
            left = Content.assemble(("★ ", "bold $accent"), (title, "italic"))
            bar, right = (Content.styled(text, "$accent") for text in ("held out: ", PARTS[item["part"]]))
        else:
            both = item["item"] in shared
            left = Content.assemble(
                ("= " if both else "  ", "bold $success"), (title, "bold" if both else "")
            )
            again = at < first and item["item"] == asked
            effect = by_count if again else effects.get(at - first)
            bar, right = (
                (Content(""), Content.styled(date(item.get("timestamp")), "$muted"))
                if effect is None
                else effect_bar(effect, most)
            )
        rows.append((f"{at}:{item['item']}", SplitLine((left, right, bar), restyled=True)))
    return rows


def neighbor_rows(found: Answer, why: Answer | None) -> list[Row]:
    """The semantic neighbors: similarity, the synthesizer's weight, what is shared, what came next."""
    speaking = {entry["user"]: entry for entry in (why or {}).get("neighbors", ())}
    rows = []
    for at, neighbor in enumerate(found["neighbors"]):
        similarity, weight = float(neighbor["similarity"]), neighbor.get("weight")
        right = Content.assemble(
            (f"{similarity:.3f}", "bold"), ("" if weight is None else f" w{weight:4.0%}", "$muted")
        )
        mark = "◆ " if neighbor["user"] in speaking else "  "
        left = Content.assemble((mark, "bold $success"), (neighbor["user"], "bold"))
        line = SplitLine((left, right, _similar(similarity)), _shared_and_next(neighbor), restyled=True)
        rows.append((f"{at}:{neighbor['user']}", line))
    return rows


def _shared_and_next(neighbor: Answer) -> tuple[Content, Content]:
    shared, hit = len(neighbor["shared"]), neighbor.get("hits_held_out")
    left = Content.assemble(
        (f"  {shared} shared", "$success" if shared else "$muted"),
        ("  next ", "$muted"),
        neighbor["next"]["title"],
    )
    return left, Content.styled(f"★ the {PARTS.get(hit, hit)} item", "$accent") if hit else Content("")


def found_rows(answer: Answer) -> list[Row]:
    """Items whose text is close to what was typed, or to another item's."""
    return [
        (
            item["item"],
            SplitLine(
                (
                    item["title"],
                    Content.styled(f"{item['similarity']:.3f}", "bold"),
                    _similar(float(item["similarity"])),
                )
            ),
        )
        for item in answer.get("results") or answer.get("neighbors") or ()
    ]


def neighbors_note(found: Answer) -> str:
    """How the neighbors were found, and what their mark says."""
    recall = found.get("recall")
    weighed = any(neighbor.get("weight") is not None for neighbor in found["neighbors"])
    method = "" if recall is None else f" · {METHODS.get(found['method'], '')}, recall {recall:.1%}"
    return f"◆ bought it{' · w weight' if weighed else ''}{method}"


def why_rows(why: Answer) -> tuple[list[Row], list[Row]]:
    """What speaks for an item, a line each: the history's part, and the neighbors' part."""
    effects = why["history"]
    most = max((abs(entry["effect"] or 0.0) for entry in effects), default=0.0)
    history = [
        (
            f"{entry['position']}:{entry['item']}",
            SplitLine((Content.assemble(*effect_bar(entry["effect"], most), "  ", entry["title"]), "")),
        )
        for entry in effects
    ]
    neighbors = []
    for at, entry in enumerate(why["neighbors"]):
        weight = entry.get("weight")
        right = Content.assemble(
            (f"{entry['similarity']:.3f}", "bold"),
            ("" if weight is None else f" weight{weight:4.0%}", "$muted"),
        )
        left = Content.assemble(
            ("◆ ", "bold $success"),
            (entry["user"], "bold"),
            "  next" if entry["next"] else "",
        )
        neighbors.append((f"{at}:{entry['user']}", SplitLine((left, right))))
    return history, neighbors


def count_note(why: Answer) -> str:
    """A line about what of the score is by count; "" where nothing is.

    >>> count_note({"count": {"times": 5, "older": 3, "part": 1.554, "effect": 0.11}})
    '+1.55 of the score: bought 5 times, 3 before these'
    """
    count = why.get("count")
    if not count:
        return ""
    older = f", {count['older']:,} before these" if count["older"] else ""
    return f"{signed(count['part'])} of the score: bought {counted(count['times'], 'time')}{older}"


def spent(milliseconds: float) -> str:
    """A time that a person waited.

    >>> spent(12.3), spent(2345)
    ('12 ms', '2.3 s')
    """
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def shared_items(found: Answer, at: int | None) -> set[str]:
    """The items that the neighbor in row `at` has in common with the user."""
    neighbors: Sequence[Answer] = found["neighbors"]
    return set() if at is None or at >= len(neighbors) else {item["item"] for item in neighbors[at]["shared"]}


def _similar(similarity: float) -> Content:
    return Content.styled(f"{padded_bar(similarity, BAR)} ", "$primary")


def effect_bar(effect: float | None, most: float) -> tuple[Content, Content]:
    """An effect as a bar beside the strongest, `most`, and as a number."""
    none = Content(" " * (BAR + 1))
    if effect is None:
        return none, Content(" " * 5)
    if abs(effect) < SMALL:
        return none, Content.styled(" 0.00", "$muted")
    color = "$success" if effect >= 0 else "$error"
    bar = Content.styled(f"{padded_bar(abs(effect) / most, BAR)} ", color)
    return bar, Content.styled(signed(effect), "bold")


def signed(effect: float) -> str:
    """With its sign, five columns.

    >>> signed(0.5), signed(-0.2)
    ('+0.50', '−0.20')
    """
    return f"{'+' if effect >= 0 else '−'}{abs(effect):.2f}"


def date(stamp: Any) -> str:
    """A day, "" for what is no time.

    >>> date(1366848000), date(1366848000000), date(7)
    ('25 Apr 2013', '25 Apr 2013', '')
    """
    if not isinstance(stamp, int | float) or stamp < 100_000_000:
        return ""
    seconds = stamp / 1000 if stamp > 1e11 else stamp
    return time.strftime("%d %b %Y", time.gmtime(seconds))

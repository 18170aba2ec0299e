"""What the item card draws, worked out from the explorer's answer alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sracl_core.words import counted
from sracl_tui.content import Content
from sracl_tui.glyphs import padded_bar
from sracl_tui.screens.explore.view import BAR, PARTS, Row, date, found_rows
from sracl_tui.widgets.split_line import SplitLine

Answer = Mapping[str, Any]
LEVELS = "▁▂▃▄▅▆▇█"
WRITERS = {
    "template": "text as embedded, made of the attributes",
    "llm": "text as embedded, written by a language model",
    "lost": "the text that a language model wrote is no longer in the cache",
}
BANDS = {
    "head": "of the head: the most popular with half of all purchases",
    "middle": "of the middle: after the most popular with half of all purchases, before the last 20%",
    "tail": "of the long tail: the last 20% of all purchases",
    "new": "not bought in the training part",
}


def facts(card: Answer, width: int) -> Content:
    """Ids, attributes, popularity and text, in lines for `width` columns."""
    held = card["popularity"]
    id_ = (card["item"]["item"], "$muted")
    lines = [Content.assemble((card["item"]["title"], "bold"), "  ", id_)]
    if card["added"]:
        lines.append(Content.styled("came after training: what is known of it is its text", "$warning"))
    for name, value in card["attributes"]:
        if value != card["item"]["title"]:
            lines.append(Content.assemble((f"{name}  ", "$accent"), value))
    lines.append(
        Content.assemble(
            ("popularity  ", "$accent"),
            (f"{counted(held['interactions'], 'purchase')} by {counted(held['users'], 'user')}", "bold"),
            f" · {held['training']:,} in training, rank {held['rank']:,} of {held['items']:,} · ",
            BANDS.get(held["band"], str(held["band"])),
        )
    )
    lines.append(long_tail(held["curve"], held["place"], width))
    lines.append(Content.styled(WRITERS.get(card["text_kind"], ""), "$accent"))
    lines.append(Content(card["text"]))
    return Content("\n").join(lines)


def long_tail(curve: Sequence[int], place: int, width: int) -> Content:
    """Purchases of the items from the most popular to the least, on a logarithmic scale; ● is this item.

    >>> long_tail([100, 10, 1, 0], 1, 80).plain
    '█●▂▁'
    """
    step = max(1, -(-len(curve) // max(1, width)))
    most = math.log1p(max(curve, default=0)) or 1.0
    shown = []
    for start in range(0, len(curve), step):
        level = LEVELS[round(math.log1p(curve[start]) / most * (len(LEVELS) - 1))]
        here = start <= place < start + step
        shown.append(("●", "bold $accent") if here else (level, "$primary"))
    return Content.assemble(*shown)


def lists(card: Answer) -> dict[str, tuple[str, list[Row], str]]:
    """{name: (title, rows, what to say where there are none)} of the four lists of a card."""
    return {
        "by-text": (
            "Near by text",
            found_rows({"results": card["by_text"]}),
            card["no_text_vectors"] or "no other item",
        ),
        "by-model": ("Near by the model", found_rows({"results": card["by_model"]}), "no other item"),
        "followed": ("Bought next", _followers(card["followed_by"]), "nothing was bought after it"),
        "users": ("Latest buyers", _buyers(card["users"]), "nobody has bought it"),
    }


def _followers(followed: Sequence[Answer]) -> list[Row]:
    rows = []
    for one in followed:
        bar = Content.styled(f"{padded_bar(float(one['share']), BAR)} ", "$primary")
        right = Content.assemble((f"{one['share']:4.0%}", "bold"), (f" {one['times']:,}×", "$muted"))
        rows.append((one["item"], SplitLine((one["title"], right, bar))))
    return rows


def _buyers(users: Sequence[Answer]) -> list[Row]:
    rows = []
    for one in users:
        part = "" if one["part"] == "train" else f"★ {PARTS.get(one['part'], one['part'])}  "
        often = f"{one['times']}×  " if one["times"] > 1 else ""
        right = Content.assemble((part, "$accent"), (f"{often}{date(one['timestamp'])}", "$muted"))
        rows.append((one["user"], SplitLine((one["user"], right))))
    return rows

"""What the map draws: signs, colors and words, worked out from the explorer's answers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sracl_tui.content import Content, TextualContent, line
from sracl_tui.screens.explore.questions import PARTS_READ, Answers, Question
from sracl_tui.widgets.split_line import SplitLine

Answer = Mapping[str, Any]
Window = tuple[float, float, float, float]

COLORS = (
    "#4f9dde", "#e0803a", "#57b96a", "#d65d6f", "#a07ad6", "#b98a4f",
    "#d96fb5", "#8a9a3f", "#3fb3b0", "#c2b13c", "#7f8ce0", "#8b95a1",
)  # fmt: skip
"""Of the groups, the most frequent first; the last is that of the rest. They read on dark and on light."""
SIGNS = {"history": "●", "neighbors": "▲", "recommended": "◆", "held out": "★", "found": "+"}
"""The later hides the earlier where both stand in one cell."""
WORDS = {
    "history": "of the history that is read",
    "neighbors": "bought next by a near neighbor",
    "recommended": "recommended",
    "held out": "held out",
    "found": "found",
}
MARKED = {"history": "#d9dde2", "neighbors": "#57b96a", "recommended": "#4f9dde", "held out": "#f0c040"}


@dataclass(frozen=True)
class View:
    """What of the items is drawn, and how; `window` is None for the whole."""

    space: str = "text"
    layout: str = "pca"
    window: Window | None = None
    color: str | None = None
    only: str | None = None

    def arguments(self) -> dict[str, Any]:
        """Of the operations of the map."""
        return {"space": self.space, "layout": self.layout, "color": self.color, "only": self.only}


def marks_of(question: Question, answers: Answers | None) -> dict[str, str]:
    """{item: kind} of what the screen knows of its user; of several kinds the last in `SIGNS`."""
    if answers is None:
        return {}
    read = PARTS_READ[question.until]
    history = answers.history["items"]
    marks = {item["item"]: "history" for item in history if item["part"] in read}
    near = answers.neighbors["neighbors"] if answers.neighbors is not None else ()
    marks |= {neighbor["next"]["item"]: "neighbors" for neighbor in near}
    found = answers.recommended
    marks |= {item["item"]: "recommended" for item in (found["items"] if found is not None else ())}
    return marks | {item["item"]: "held out" for item in history if item["part"] not in read}


def zoomed(window: Window, at: tuple[float, float], factor: float) -> Window:
    """`window` made `factor` as wide and as high around a spot that stays where it is.

    >>> zoomed((0.0, 4.0, 0.0, 2.0), (1.0, 1.0), 0.5)
    (0.5, 2.5, 0.5, 1.5)
    """
    (left, right, bottom, top), (x, y) = window, at
    return (
        x - (x - left) * factor,
        x + (right - x) * factor,
        y - (y - bottom) * factor,
        y + (top - y) * factor,
    )


def shifted(window: Window, by_x: float, by_y: float) -> Window:
    """`window` moved by shares of its width and height.

    >>> shifted((0.0, 4.0, 0.0, 2.0), 0.5, -0.5)
    (2.0, 6.0, -1.0, 1.0)
    """
    left, right, bottom, top = window
    x, y = by_x * (right - left), by_y * (top - bottom)
    return left + x, right + x, bottom + y, top + y


def cell_of(window: Window, place: Answer, columns: int, rows: int) -> tuple[int, int] | None:
    """The cell in which an item lies, None where it is outside."""
    left, right, bottom, top = window
    x = (place["x"] - left) / (right - left) * columns
    y = (top - place["y"]) / (top - bottom) * rows
    return (int(x), int(y)) if 0 <= x < columns and 0 <= y < rows else None


def spot_of(window: Window, cell: tuple[int, int], columns: int, rows: int) -> tuple[float, float]:
    """The middle of a cell in the plane."""
    left, right, bottom, top = window
    return left + (cell[0] + 0.5) / columns * (right - left), top - (cell[1] + 0.5) / rows * (top - bottom)


def legend(answer: Answer, marks: Mapping[str, str], only: str | None) -> SplitLine:
    """What the signs say, then the groups with their color and size, a line each: there may be many."""
    lines: list[tuple[Content, Content]] = []
    for at, group in enumerate(answer["groups"]):
        name = (group["name"] or "(none)", "bold reverse" if group["name"] == only else "")
        size = Content.styled(f"{group['shown']:,}", "$muted")
        lines.append((Content.assemble(("⣿ ", group_color(answer, at)), name), size))
    kinds = set(marks.values())
    shown = [(kind, sign) for kind, sign in SIGNS.items() if kind in kinds]
    signs = [Content.assemble((f"{sign} ", MARKED.get(kind, "")), kind) for kind, sign in shown]
    colored = Content.styled(f"color: {answer['color'] or 'none'}", "$muted")
    return SplitLine(*((sign, "") for sign in signs), (colored, ""), *lines)


def heading(answer: Answer) -> str:
    """Which items lie where, and by what."""
    space = "text" if answer["space"] == "text" else "the model's vectors"
    shares = answer["explained"]
    how = "UMAP" if shares is None else f"two principal components ({' + '.join(f'{s:.0%}' for s in shares)})"
    return f"Map of the items by {space} · {how}"


def caption(place: Answer | None, marks: Mapping[str, str]) -> TextualContent:
    """The item at the cursor, in a line."""
    if place is None:
        return Content.styled("no item here", "$muted")
    kind = marks.get(place["item"])
    said = ("", "") if kind is None else (f"  {SIGNS[kind]} {WORDS[kind]}", "$accent")
    group = (f"  {place['group']}", "$muted")
    return line(Content.assemble((place["title"], "bold"), group, said, ("  enter opens", "$muted")))


def group_color(answer: Answer, group: int) -> str:
    """The color of a cell in which most items are of this group."""
    groups: Sequence[Answer] = answer["groups"]
    return COLORS[group] if group < len(groups) - 1 or len(groups) == 1 else COLORS[-1]

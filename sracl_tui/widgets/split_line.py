"""Lines with a left part that gives way and a right part that stays, for rows of lists."""

from __future__ import annotations

from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

from sracl_tui.content import Content, line

Text = Content | str
READABLE = 20
"""Columns of a title below which a bar beside it is worth less than more of the title."""


class SplitLine(Visual):
    """One or more lines of (left, right): the left part is cut to what the right one leaves.

    Unlike a table's columns these need no widths, so a row is right at any terminal width.
    A line of three has a bar before its right part, which is drawn where it leaves `title_room` to the left
    one: bars of a list are all there or none. Of a left part that is a list the first text that has room is
    drawn, else the last. `restyled` asks a list to draw the row anew although its text is the same.
    """

    def __init__(
        self, *lines: tuple[Text | list[Text], Text] | tuple[Text, Text, Text], restyled: bool = False
    ) -> None:
        self.restyled = restyled
        self.lines = []
        for left, right, *bar in lines:
            lefts = [line(one) for one in (left if isinstance(left, list) else [left])]
            self.lines.append((lefts, line(right), line(bar[0] if bar else "")))
        self.title_room = self.longest_title

    @property
    def plain(self) -> str:
        """The text, for copying and for tests."""
        return "\n".join(
            f"{lefts[0].plain}  {bar.plain}{right.plain}".rstrip() for lefts, right, bar in self.lines
        )

    @property
    def longest_title(self) -> int:
        """What the left parts beside bars take, at most READABLE."""
        return min(READABLE, max((lefts[0].cell_length for lefts, _, bar in self.lines if bar), default=0))

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        """The lines at `width` columns."""
        strips: list[Strip] = []
        for lefts, right, bar in self.lines[:height]:
            room = width - right.cell_length - (1 if right else 0)
            if bar and room - bar.cell_length >= self.title_room:
                right, room = Content.assemble(bar, right), room - bar.cell_length
            if room < width // 3:
                right, room = right.truncate(max(0, width - width // 3 - 1), ellipsis=True), width // 3
            left = next((one for one in lefts if one.cell_length <= room), lefts[-1])
            line = Content.assemble(
                left.truncate(max(1, room), ellipsis=True, pad=True), " " if right else "", right
            )
            strips += line.truncate(width, pad=True).render_strips(width, 1, style, options)
        return strips

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """The width at which nothing is cut."""
        parts = ((lefts[0], right, bar) for lefts, right, bar in self.lines)
        return max((sum(part.cell_length for part in three) + 1 for three in parts), default=1)

    def get_height(self, rules: RulesMap, width: int) -> int:
        """One row a line."""
        return len(self.lines)

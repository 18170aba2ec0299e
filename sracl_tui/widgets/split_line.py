"""Lines with a left part that gives way and a right part that stays, for rows of lists."""

from __future__ import annotations

from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

from sracl_tui.content import Content, line


class SplitLine(Visual):
    """One or more lines of (left, right): the left part is cut to what the right one leaves.

    Unlike a table's columns these need no widths, so a row is right at any terminal width.
    `restyled` asks a list to draw the row anew although its text is the same.
    """

    def __init__(self, *lines: tuple[Content | str, Content | str], restyled: bool = False) -> None:
        self.restyled = restyled
        self.lines = [(line(left), line(right)) for left, right in lines]

    @property
    def plain(self) -> str:
        """The text, for copying and for tests."""
        return "\n".join(f"{left.plain}  {right.plain}".rstrip() for left, right in self.lines)

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        """The lines at `width` columns."""
        strips: list[Strip] = []
        for left, right in self.lines[:height]:
            room = width - right.cell_length - (1 if right else 0)
            if room < width // 3:
                right, room = right.truncate(max(0, width - width // 3 - 1), ellipsis=True), width // 3
            line = Content.assemble(
                left.truncate(max(1, room), ellipsis=True, pad=True), " " if right else "", right
            )
            strips += line.truncate(width, pad=True).render_strips(width, 1, style, options)
        return strips

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """The width at which nothing is cut."""
        return max((left.cell_length + right.cell_length + 1 for left, right in self.lines), default=1)

    def get_height(self, rules: RulesMap, width: int) -> int:
        """One row a line."""
        return len(self.lines)

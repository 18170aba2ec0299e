"""Facts in a row: what has no room goes to the next line, and is broken, at a blank, only if it has to be."""

from __future__ import annotations

from collections.abc import Sequence

from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

from sracl_tui.content import Content, line
from sracl_tui.widgets.plain import Static


class FlowLine(Visual):
    """`cells` with `between` them, in as many lines as they need; given fewer, what has room and "…"."""

    def __init__(self, cells: Sequence[Content], between: str = "  ") -> None:
        self.cells = tuple(line(cell) for cell in cells)
        self._between = between

    @property
    def plain(self) -> str:
        """The text as if there were room for all of it."""
        return self._joined(self.cells).plain

    def is_same(self, other: FlowLine) -> bool:
        """Whether both are drawn alike."""
        return self._joined(self.cells).is_same(other._joined(other.cells))

    def lines(self, width: int) -> list[Content]:
        """The cells, as many in a line as have room in `width` columns; one too long for any is wrapped."""
        return [line for _, line in self._parts(width)]

    def _parts(self, width: int) -> list[tuple[list[Content], Content]]:
        """Each line, behind the cells of which it, or the wrapped part that it is, is made."""
        rows: list[list[Content]] = []
        for cell in self.cells:
            if rows and self._joined([*rows[-1], cell]).cell_length <= width:
                rows[-1].append(cell)
            else:
                rows.append([cell])
        return [(row, part) for row in rows for part in _wrapped(self._joined(row), width)]

    def _joined(self, cells: Sequence[Content]) -> Content:
        return Content(self._between).join(cells)

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        """The lines at `width` columns."""
        parts = self._parts(width)
        lines = [line for _, line in parts]
        if height is not None and len(lines) > height > 0:
            # No part of a cell: half a number is another number.
            cells, last = parts[height - 1]
            if last.cell_length >= width and len(cells) > 1:
                last = self._joined(cells[:-1])
            lines[height - 1 :] = [last + "…"]
        return [
            strip
            for row in lines
            for strip in row.truncate(width, ellipsis=True, pad=True).render_strips(width, 1, style, options)
        ]

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """The width of a single line."""
        return self._joined(self.cells).cell_length

    def get_height(self, rules: RulesMap, width: int) -> int:
        """One row a line."""
        return len(self.lines(width))


def _wrapped(row: Content, width: int) -> list[Content]:
    return row.wrap(width) if row.cell_length > width > 0 else [row]


class Flow(Static):
    """Draws a FlowLine, and lays out anew only where it needs more lines, or fewer."""

    def put(self, line: FlowLine) -> None:
        """Show `line`."""
        before, width = self.content, self.content_size.width
        if isinstance(before, FlowLine):
            if before.is_same(line):
                return
            self.update(line, layout=len(before.lines(width)) != len(line.lines(width)))
        else:
            self.update(line)

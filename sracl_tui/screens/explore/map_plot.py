"""The plane of the map: braille dots, signs for what is marked, and a cursor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Offset
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from sracl_tui.screens.explore.map_view import MARKED, SIGNS, cell_of, group_color

Answer = Mapping[str, Any]
Cell = tuple[int, int]
BRAILLE = 0x2800
MOVE = Binding.Group("Move", compact=True)


class MapPlot(Widget, can_focus=True):
    """Arrows move the cursor, at the edge the window; a click puts it, a second one opens what is there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1, 0)", "Move", group=MOVE),
        Binding("right", "move(1, 0)", "Move", group=MOVE),
        Binding("up", "move(0, -1)", "Move", group=MOVE),
        Binding("down", "move(0, 1)", "Move", group=MOVE),
    ]

    class Moved(Message):
        """The cursor is elsewhere."""

    class Pushed(Message):
        """The cursor was moved beyond an edge, by so many columns and rows."""

        def __init__(self, by: Cell) -> None:
            self.by = by
            super().__init__()

    class Opened(Message):
        """What is under the cursor was opened."""

    class Wheel(Message):
        """Zoom in or out, at the cursor."""

        def __init__(self, closer: bool) -> None:
            self.closer = closer
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="map-plot")
        self.cursor: Cell = (0, 0)
        self._cells: dict[Cell, tuple[str, Style]] = {}

    def show(self, answer: Answer, marks: Mapping[str, str]) -> None:
        """Draw the cells of an answer, and the items of `marks` by their kind."""
        columns, rows = self.size
        self._cells = {
            (column, row): (chr(BRAILLE + dots), Style(color=group_color(answer, group)))
            for column, row, dots, group, _ in answer["cells"]
        }
        order = list(SIGNS)
        places = [place for place in answer["places"] if place["item"] in marks]
        for place in sorted(places, key=lambda place: order.index(marks[place["item"]])):
            cell = cell_of(answer["window"], place, columns, rows)
            if cell is not None:
                kind = marks[place["item"]]
                self._cells[cell] = SIGNS[kind], Style(color=MARKED.get(kind), bold=True)
        self.refresh()

    def put_cursor(self, cell: Cell) -> None:
        """Move the cursor to a cell of the plane."""
        columns, rows = self.size
        self.cursor = min(max(cell[0], 0), max(columns - 1, 0)), min(max(cell[1], 0), max(rows - 1, 0))
        self.refresh()
        self.post_message(self.Moved())

    def render_line(self, y: int) -> Strip:
        segments = []
        base = self.rich_style
        for x in range(self.size.width):
            sign, style = self._cells.get((x, y), (" ", Style.null()))
            style = base + style
            if (x, y) == self.cursor:
                style += Style(reverse=True, bold=True)
                sign = "·" if sign == " " else sign
            segments.append(Segment(sign, style))
        return Strip(segments).simplify()

    def action_move(self, by_x: int, by_y: int) -> None:
        """Move the cursor, or what is seen."""
        x, y = self.cursor[0] + by_x, self.cursor[1] + by_y
        if 0 <= x < self.size.width and 0 <= y < self.size.height:
            self.put_cursor((x, y))
        else:
            self.post_message(self.Pushed((by_x, by_y)))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor; open what it was at already."""
        at = self._cell(event)
        if at == self.cursor:
            self.post_message(self.Opened())
        elif at is not None:
            self.put_cursor(at)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._scrolled(event, closer=True)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._scrolled(event, closer=False)

    def _scrolled(self, event: events.MouseEvent, closer: bool) -> None:
        event.stop()
        if (at := self._cell(event)) is not None:
            self.put_cursor(at)
        self.post_message(self.Wheel(closer))

    def _cell(self, event: events.MouseEvent) -> Cell | None:
        offset: Offset | None = event.get_content_offset(self)
        return None if offset is None else (offset.x, offset.y)

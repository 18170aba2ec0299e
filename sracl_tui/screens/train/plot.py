"""textual-plot with two thin axes in place of a box, and a crosshair that reads values."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual_hires_canvas import Canvas
from textual_plot import PlotWidget

READ = Binding.Group("Read")


class Plot(PlotWidget):
    """Posts Pointed with the place of its crosshair."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("comma", "point(-1)", "Read left", group=READ),
        Binding("full_stop", "point(1)", "Read right", group=READ),
        Binding("escape", "point(0)", "No reading", show=False),
    ]

    class Pointed(Message):
        """The crosshair stands at `x` of the axis; None: it is gone."""

        def __init__(self, x: float | None) -> None:
            self.x = x
            super().__init__()

    column: int | None = None

    def on_mount(self) -> None:
        """Room for the curves: the legend stands outside."""
        self.margin_top, self.margin_bottom, self.margin_left = 0, 1, 8
        self.invert_mouse_wheel = True  # up is closer, as on the map

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """The crosshair follows the mouse."""
        canvas = self.query_one("#plot", Canvas)
        self._point(event.screen_x - canvas.region.x)

    def on_leave(self) -> None:
        """And goes with it."""
        self._point(None)

    def action_point(self, by: int) -> None:
        """A column to the left or right, from the right edge at first; 0 takes it away."""
        right = self._scale_rectangle.width
        self._point(None if by == 0 else right if self.column is None else self.column + by)

    def _point(self, column: int | None) -> None:
        if column is not None:
            column = max(1, min(column, self._scale_rectangle.width))
        if column == self.column:
            return
        self.column = column
        self._rerender()
        x = None if column is None else self.get_coordinate_from_pixel(column, 1)[0]
        self.post_message(self.Pointed(x))

    def _render_plot(self) -> None:
        super()._render_plot()
        canvas = self.query_one("#plot", Canvas)
        if canvas._canvas_size is None:
            return
        right, bottom = self._scale_rectangle.width + 1, self._scale_rectangle.height + 1
        style = str(self.get_component_rich_style("plot--axis"))
        for x in range(right + 1):
            tick = canvas.get_pixel(x, bottom)[0] in "┳╋┻"
            canvas.set_pixel(x, 0, " ")
            canvas.set_pixel(x, bottom, "┬" if tick else "─", style=style)
        for y in range(bottom):
            tick = canvas.get_pixel(0, y)[0] in "┫╋┣"
            canvas.set_pixel(right, y, " ")
            canvas.set_pixel(0, y, "┤" if tick else "│", style=style)
        canvas.set_pixel(0, bottom, "└", style=style)
        canvas.set_pixel(right, bottom, " ")
        if self.column is not None:
            mark = str(self.get_component_rich_style("plot--tick"))
            for y in range(1, bottom):
                if canvas.get_pixel(self.column, y)[0] in " \u2800":
                    canvas.set_pixel(self.column, y, "│", style=mark)

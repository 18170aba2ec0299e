"""A line chart in a box: our one door to textual-plot."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from textual import events, on
from textual.app import ComposeResult
from textual.color import Color
from textual_plot import HiResMode

from sracl_tui.content import Content
from sracl_tui.screens.train.curves import Curve, Floats, reduced, sparkline
from sracl_tui.screens.train.flow_line import Flow, FlowLine
from sracl_tui.screens.train.plot import Plot
from sracl_tui.screens.train.ticks import Logarithms, Numbers, Times, clock
from sracl_tui.widgets.panel import Panel
from sracl_tui.widgets.plain import Static
from sracl_tui.widgets.quiet import put

COLORS = ("primary", "accent", "success", "error", "secondary", "warning")
X_LABEL = 11
"""Columns from one mark of the axis below to the next, for the longest label and a gap."""
HALF_LABEL = 2
LEAST_HEIGHT = 8
LEAST_WIDTH = 30
BEST = "★"


class ChartTile(Panel):
    """A chart with its legend; too small for axes, it becomes numbers and sparklines."""

    def __init__(self, title: str, empty: str, id: str) -> None:
        super().__init__(title, id=id, classes="tile")
        self._empty = empty
        self._curves: Sequence[Curve] = ()
        self._log = False
        self._x_axis = "step"
        self._pointed: float | None = None

    def compose(self) -> ComposeResult:
        """Legend, chart, and what stands in for them."""
        yield Flow("", classes="legend")
        plot = Plot()
        plot.display = False
        yield plot
        yield Static(self._empty, classes="instead")

    def show(self, curves: Sequence[Curve], x_axis: str, log: bool) -> None:
        """Draw `curves`, unless they stand there already."""
        if self._curves and (x_axis, log) == (self._x_axis, self._log) and same(curves, self._curves):
            return
        self._curves, self._x_axis, self._log = curves, x_axis, log
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """The number of points follows the width."""
        self._draw()

    def notify_style_update(self) -> None:
        """Colors follow the theme."""
        super().notify_style_update()
        if self.is_mounted and self._curves:
            self._draw()

    def _draw(self) -> None:
        if not self.is_mounted or not self.size.width:
            return
        plot, instead = self.query_one(Plot), self.query_one(".instead", Static)
        legend = self.query_one(".legend", Flow)
        small = self.size.width < LEAST_WIDTH or self.size.height < LEAST_HEIGHT
        plot.display = legend.display = bool(self._curves) and not small
        instead.display = not plot.display
        if not self._curves:
            put(instead, Content.styled(self._empty, "$muted"))
        elif small:
            put(instead, self._numbers())
        else:
            legend.put(self._legend())
            self._plot(plot)

    @on(Plot.Pointed)
    def _read(self, event: Plot.Pointed) -> None:
        event.stop()
        self._pointed = event.x
        self.query_one(".legend", Flow).put(self._legend())

    def _plot(self, plot: Plot) -> None:
        plot.clear()
        across = Times if self._x_axis == "time" else Numbers
        columns = self.size.width - plot.margin_left
        plot.set_x_formatter(across(columns // X_LABEL + 1))
        plot.set_y_formatter((Logarithms if self._log else Numbers)(max(2, self.size.height // 3)))
        drawn, faint, ends, stars = [], [], [], []
        for curve in self._curves:
            x, y = self._points(curve.x, curve.y)
            if not len(x):
                continue
            style = self._color(curve.color)
            drawn.append((x, y, style))
            if curve.raw is not None:
                faint.append((*self._points(curve.x, curve.raw), self._color_of("border")))
            if curve.best is not None:
                at = slice(curve.best, curve.best + 1)
                point = self._points(curve.x[at], curve.y[at])
                stars.append((*point, BEST, f"bold {style}"))
            ends.append((x[-1:], y[-1:], curve.letter, f"bold {style}"))
        if not drawn:
            return
        lines = [*faint, *drawn]
        _room(
            plot, columns, np.concatenate([x for x, _, _ in lines]), np.concatenate([y for _, y, _ in lines])
        )
        for x, y, style in lines:
            if len(x) > 1:
                plot.plot(x, y, line_style=style, hires_mode=HiResMode.BRAILLE)
        # What is drawn later stands on top: a letter over a star, the first curve's over the others'.
        for x, y, mark, style in reversed([*ends, *stars]):
            plot.scatter(x, y, marker=mark, marker_style=style)

    def _points(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """What is drawn of a curve at this width, on this axis."""
        x, y = reduced(x, y, max(8, self.size.width - 12))
        return (x[y > 0], np.log10(y[y > 0])) if self._log else (x, y)

    def _legend(self) -> FlowLine:
        if self._pointed is not None:
            return self._reading(self._pointed)
        parts: list[Content] = []
        for curve in self._curves:
            # The title of the chart names the metric already.
            cutoff = curve.name.find("@")
            name = f" {curve.name}" if cutoff < 0 else curve.name[cutoff:]
            best = "" if curve.best is None else f" (best epoch {number(float(curve.y[curve.best]))})"
            parts.append(
                Content.assemble(
                    (curve.letter, f"bold ${COLORS[curve.color % len(COLORS)]}"),
                    f"{name} ",
                    (number(curve.last), "bold"),
                    (best if len(self._curves) == 1 else "", "$muted"),
                )
            )
        return FlowLine(parts)

    def _reading(self, x: float) -> FlowLine:
        """What the curves are at the point of each that is nearest to `x`."""
        near = [(curve, int(np.argmin(np.abs(curve.x - x)))) for curve in self._curves]
        curve, at = near[0]
        place = clock(curve.x[at]) if self._x_axis == "time" else number(curve.x[at])
        parts = [Content.assemble((f"at {self._x_axis} {place}", "$muted"))]
        for curve, at in near:
            letter = (f"{curve.letter} ", f"bold ${COLORS[curve.color % len(COLORS)]}")
            parts.append(Content.assemble(letter, (number(float(curve.y[at])), "bold")))
        return FlowLine(parts)

    def _numbers(self) -> Content:
        room = max(4, min(24, self.size.width - 26))
        lines = [
            Content.assemble(
                (f"{curve.letter} ", f"bold ${COLORS[curve.color % len(COLORS)]}"),
                f"{curve.name:<10.10} ",
                (f"{number(curve.last):>8} ", "bold"),
                (sparkline(curve.y.tolist(), room), f"${COLORS[curve.color % len(COLORS)]}"),
            )
            for curve in self._curves
        ]
        return Content("\n").join(lines)

    def _color(self, at: int) -> str:
        return self._color_of(COLORS[at % len(COLORS)])

    def _color_of(self, name: str) -> str:
        variable = self.app.get_css_variables()[name]
        try:
            color = Color.parse(variable)
        except ValueError:
            return "default"
        if color.ansi is not None:
            return "default" if color.ansi < 0 else f"color({color.ansi})"
        return color.hex6


def same(some: Sequence[Curve], others: Sequence[Curve]) -> bool:
    """Whether two lists of curves are drawn alike."""
    return len(some) == len(others) and all(
        (one.letter, one.name, one.color, one.best) == (other.letter, other.name, other.color, other.best)
        and np.array_equal(one.x, other.x)
        and np.array_equal(one.y, other.y)
        and (one.raw is None) == (other.raw is None)
        for one, other in zip(some, others, strict=True)
    )


def _room(plot: Plot, columns: int, x: Floats, y: Floats) -> None:
    """Blanks beyond the data, so that the axes begin at 0 and nothing lies on the frame."""
    low, high = float(y.min()), float(y.max())
    space = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    # Half of the last label stands beyond its tick.
    right = float(x.max()) * (1 + max(0.03, HALF_LABEL / columns)) or 1.0
    corners = np.array([[min(0.0, float(x.min())), low - space], [right, high + space]])
    plot.scatter(corners[:, 0], corners[:, 1], marker=" ")


def number(what: float) -> str:
    """Four significant digits at most.

    >>> number(0.05123), number(6.5), number(12345.6)
    ('0.0512', '6.5', '12,346')
    """
    if not math.isfinite(what):
        return "not finite"
    if abs(what) >= 1000:
        return f"{what:,.0f}"
    return f"{what:.4f}" if abs(what) < 1 else f"{what:.4g}"

"""A map of all items: near each other by meaning, or by what the model learned."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, cast

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from sracl_core.words import counted
from sracl_tui.screens.base import OverScreen
from sracl_tui.screens.explore import map_view
from sracl_tui.screens.explore.item import ItemScreen
from sracl_tui.screens.explore.map_plot import MapPlot
from sracl_tui.screens.explore.map_view import View
from sracl_tui.screens.explore.query_client import QueryClient, QueryError
from sracl_tui.widgets.field import FilterField
from sracl_tui.widgets.key_line import KeyLine
from sracl_tui.widgets.plain import Static, entitle

CLOSER = 0.6
FOUND = 200
LOOK_SECONDS = 1.0
Answer = Mapping[str, Any]


ARROWS = Binding("up,down,left,right", "", "Move the cursor, at the edge the map", key_display="← → ↑ ↓")
"""For the help: they are the plane's own."""


ZOOM = Binding.Group("Zoom", compact=True)


class MapScreen(OverScreen[str | None]):
    """Ends with a user that was chosen on an item's card, None after escape."""

    AUTO_FOCUS = "#map-plot"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Close", key_display="esc"),
        Binding("enter", "open", "Item", tooltip="The card of the item at the cursor"),
        Binding("plus,equals_sign", f"zoom({CLOSER})", "Closer", key_display="+", group=ZOOM),
        Binding("minus", f"zoom({1 / CLOSER})", "Farther", key_display="−", group=ZOOM),
        Binding("0", "whole", "All", tooltip="The whole map"),
        Binding("n", "next_mark(1)", "Mark", tooltip="To the next item that is marked"),
        Binding("N", "next_mark(-1)", "Mark before", show=False, tooltip="To the marked item before"),
        Binding(
            "slash", "find", "Find", key_display="/", tooltip="Mark the items with a word in their titles"
        ),
        Binding("g", "only", "Group", tooltip="One group alone, the next, all again"),
        Binding("c", "color", "Color", tooltip="Color by another attribute"),
        Binding("v", "space", "Vectors", tooltip="By text, or by the vectors that the model learned"),
        Binding("question_mark", "app.help", "Help", key_display="?"),
        Binding("u", "layout", "UMAP", tooltip="Principal components, or UMAP where it is installed"),
    ]

    def __init__(self, client: QueryClient, marks: Mapping[str, str]) -> None:
        super().__init__()
        self._client = client
        self._own_marks = dict(marks)
        self._found: dict[str, str] = {}
        self._view = View()
        self._answer: Answer | None = None
        self._here: Answer | None = None
        self._at_mark = -1

    def compose(self) -> ComposeResult:
        """The search, the plane with its legend, the item at the cursor."""
        with Vertical(id="map"):
            yield FilterField(
                "/  a part of a title; enter marks what has it, left empty nothing\n/  a part of a title",
                "map-find",
            )
            with Horizontal():
                yield MapPlot()
                yield Static("", id="map-legend")
            yield Static("laying out…", id="map-caption")
        yield KeyLine(show_command_palette=False, compact=True)

    def on_resize(self, event: events.Resize) -> None:
        """As many cells as there is room for."""
        self.call_after_refresh(self._draw, View() if self._answer is None else self._view)

    @property
    def _marks(self) -> dict[str, str]:
        return self._own_marks | self._found

    @work(group="map", exclusive=True, exit_on_error=False)
    async def _draw(self, view: View, cursor_on: str | None = None) -> None:
        plot = self.query_one(MapPlot)
        columns, rows = plot.size
        if not columns or not rows:
            return
        places = [*self._marks, *([] if self._here is None else [self._here["item"]])]
        asked = {"columns": columns, "rows": rows, "places_of": places, "window": view.window}
        try:
            answer = await self._laid_out({**asked, **view.arguments()})
        except QueryError as error:
            self._say(str(error))
            return
        first = self._answer is None
        self._view, self._answer = replace(view, window=tuple(answer["window"])), answer
        plot.show(answer, self._marks)
        self._note(f"{counted(answer['shown'], 'item')} shown")
        self.query_one("#map-legend", Static).update(map_view.legend(answer, self._marks, view.only))
        if cursor_on is not None:
            self._put_cursor(cursor_on)
        elif first:
            plot.put_cursor((columns // 2, rows // 2))
        else:
            plot.post_message(MapPlot.Moved())

    async def _laid_out(self, asked: dict[str, Any]) -> Answer:
        """The answer, for which UMAP may need minutes: the map stays, and its other keys work meanwhile."""
        while True:
            try:
                answer, _ = await self._client.ask("item_map", **asked, wait=False)
            except QueryError as error:
                if error.kind != "NotReady":
                    raise
                self._note(f"{str(error).removesuffix('; ask again')}; any other key goes on with this map")
                await asyncio.sleep(LOOK_SECONDS)
            else:
                return cast("Answer", answer)

    def _draw_anew(self, **changes: Any) -> None:
        """Another view, in which the cursor goes with the item that it is on."""
        self._draw(replace(self._view, **changes), self._here and self._here["item"])

    def _note(self, text: str) -> None:
        heading = "" if self._answer is None else map_view.heading(self._answer)
        entitle(self.query_one("#map"), heading, text)

    def _say(self, text: str) -> None:
        self.query_one("#map-caption", Static).update(text)

    @property
    def _spot(self) -> tuple[float, float]:
        plot = self.query_one(MapPlot)
        window = self._view.window or (0.0, 1.0, 0.0, 1.0)
        return map_view.spot_of(window, plot.cursor, *plot.size)

    @on(MapPlot.Moved)
    @work(group="at", exclusive=True, exit_on_error=False)
    async def _look(self) -> None:
        """Tell which item is nearest to the cursor."""
        if self._view.window is None:
            return
        left, right, bottom, top = self._view.window
        x, y = self._spot
        asked = {"x": x, "y": y, "width": right - left, "height": top - bottom}
        try:
            told, _ = await self._client.ask("items_at", **asked, **self._view.arguments())
        except QueryError as error:
            self._say(str(error))
            return
        self._tell(told["items"][0] if told["items"] else None)

    def _tell(self, place: Answer | None) -> None:
        self._here = place
        self.query_one("#map-caption", Static).update(map_view.caption(place, self._marks))

    @on(MapPlot.Pushed)
    def _push(self, event: MapPlot.Pushed) -> None:
        if self._view.window is not None:
            window = map_view.shifted(self._view.window, event.by[0] / 4, -event.by[1] / 4)
            self._draw(replace(self._view, window=window))

    @on(MapPlot.Wheel)
    def _wheel(self, event: MapPlot.Wheel) -> None:
        self.action_zoom(CLOSER if event.closer else 1 / CLOSER)

    def action_zoom(self, factor: float) -> None:
        """Closer or farther, at the cursor."""
        window, plot, here = self._view.window, self.query_one(MapPlot), self._here
        if window is None:
            return
        held = here is not None and map_view.cell_of(window, here, *plot.size) == plot.cursor
        spot = (here["x"], here["y"]) if here is not None and held else self._spot
        self._draw(replace(self._view, window=map_view.zoomed(window, spot, factor)))

    def action_whole(self) -> None:
        self._draw_anew(window=None)

    def action_next_mark(self, by: int) -> None:
        """To the next item that is marked: of those that were found, else of all."""
        names = list(self._found or self._own_marks)
        if not names:
            self._say("nothing is marked: choose a user on the Explore screen, or find items with /")
            return
        self._at_mark = (self._at_mark + by) % len(names)
        self._put_cursor(names[self._at_mark])

    def _put_cursor(self, item: str) -> None:
        """On an item that is marked; what is seen moves where it lies outside."""
        answer, plot = self._answer, self.query_one(MapPlot)
        place = next((one for one in (answer or {}).get("places", ()) if one["item"] == item), None)
        if place is None or self._view.window is None:
            return
        cell = map_view.cell_of(self._view.window, place, *plot.size)
        if cell is None:
            left, right, bottom, top = self._view.window
            x, y = place["x"] - (left + right) / 2, place["y"] - (bottom + top) / 2
            self._draw(replace(self._view, window=(left + x, right + x, bottom + y, top + y)), item)
            return
        with plot.prevent(MapPlot.Moved):
            plot.put_cursor(cell)
        self._tell(place)

    def action_find(self) -> None:
        self.set_focus(self.query_one("#map-find", Input))

    def action_leave_field(self) -> None:
        """Out of the field; the next letter is a key again."""
        self.set_focus(self.query_one(MapPlot))

    @on(Input.Submitted, "#map-find")
    @work(group="find", exclusive=True, exit_on_error=False)
    async def _find(self, event: Input.Submitted) -> None:
        """Mark the items whose title or id has the text, and go to the first."""
        text = event.value.strip()
        try:
            told: Any = {"items": []}
            if text:
                told, _ = await self._client.ask("items", prefix=text, limit=FOUND)
        except QueryError as error:
            self._say(str(error))
            return
        self._found = {item["item"]: "found" for item in told["items"]}
        self._at_mark = 0
        self.set_focus(self.query_one(MapPlot))
        self._draw(self._view, next(iter(self._found), self._here and self._here["item"]))
        if text:
            shown = f", the first {FOUND} are marked" if told["total"] > FOUND else ""
            self.notify(f"{counted(told['total'], 'item has', 'items have')} “{text}”{shown}")

    def action_only(self) -> None:
        """One group alone, the next one, all again."""
        if self._answer is not None:
            names = [None, *(group["name"] for group in self._answer["groups"])]
            at = names.index(self._view.only) if self._view.only in names else 0
            self._draw(replace(self._view, only=names[(at + 1) % len(names)]))

    def action_color(self) -> None:
        """By the next attribute, or by none."""
        if self._answer is not None:
            choices = [*self._answer["columns"], ""]
            now = self._answer["color"] or ""
            following = choices[(choices.index(now) + 1) % len(choices)]
            self._draw_anew(color=following, only=None)

    def action_space(self) -> None:
        """By text, or by the model."""
        other = "model" if self._view.space == "text" else "text"
        self._draw_anew(space=other, window=None)

    def action_layout(self) -> None:
        """On principal components, or by UMAP."""
        other = "umap" if self._view.layout == "pca" else "pca"
        self._draw_anew(layout=other, window=None)

    @on(MapPlot.Opened)
    def action_open(self) -> None:
        """The card of the item at the cursor."""
        if self._here is not None:
            self.app.push_screen(ItemScreen(self._client, self._here["item"]), self._carded)

    def _carded(self, user: str | None) -> None:
        if user is not None:
            self.dismiss(user)

    def action_leave(self) -> None:
        self.dismiss(None)

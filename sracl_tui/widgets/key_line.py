"""The keys at the bottom of a screen."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import HorizontalGroup
from textual.geometry import Region, Size
from textual.layout import DockArrangeResult, WidgetPlacement
from textual.widgets import Footer

WAYS_OUT = ("quit", "help", "app.help")


class _Kept(DockArrangeResult):
    """Shows all of `placements`, which are fewer than those that the room to scroll in was made for."""

    def get_visible_placements(self, region: Region) -> list[WidgetPlacement]:
        return self.placements


class KeyLine(Footer):
    """A footer in which the ways out keep their place at the right, however many other keys there are.

    A key that has nothing to do at present (`TabScreen.offers`) is not shown; pressed, it says why. The line
    is made anew where the keys are others than those that stand there: most moves of the focus leave them
    as they are, and to make ten labels is the dearest part of a move.
    """

    _stand: list[Any] | None = None

    async def recompose(self) -> None:
        """Make the keys anew if they have changed."""
        if not self.is_attached:  # its screen was closed meanwhile
            return
        active = self.screen.active_bindings.values()
        keys = [
            (binding, enabled, tooltip)
            for _, binding, enabled, tooltip in active
            if binding.show and self._offered(binding.action)
        ]
        if keys != self._stand:
            self._stand = keys
            await super().recompose()

    def arrange(self, size: Size, optimal: bool = False) -> DockArrangeResult:
        """As a footer's, without a key that an edge or the ways out would cut: half of one says nothing."""
        found = super().arrange(size, optimal)
        start = self.scroll_offset.x
        end = start + min([size.width, *(one.region.x for one in found.placements if one.fixed)])
        end += not self.compact  # the blank at a key's end may be that before the ways out
        whole = [
            one
            for one in found.placements
            if one.fixed or (start <= one.region.x and one.region.right <= end)
        ]
        return _Kept(whole, found.widgets, found.scroll_spacing, found.spatial_map)

    def compose(self) -> ComposeResult:
        """The keys, the ways out last."""
        out = []
        for key in super().compose():
            action = getattr(key, "action", "")
            if action in WAYS_OUT:
                out.append(key)
            elif self._offered(action):
                yield key
        yield HorizontalGroup(*out, classes="ways-out")

    def _offered(self, action: str) -> bool:
        offers = getattr(self.screen, "offers", None)
        return offers is None or offers(action)

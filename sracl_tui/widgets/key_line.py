"""The keys at the bottom of a screen."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import HorizontalGroup
from textual.widgets import Footer

WAYS_OUT = ("quit", "help", "app.help")


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
            self.call_after_refresh(self._fit)

    def on_resize(self) -> None:
        """More keys have room, or fewer."""
        self.call_after_refresh(self._fit)

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        """Others have room now."""
        super().watch_scroll_x(old_value, new_value)
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """Hide a key that the ways out would cut: half of one says nothing."""
        for out in self.query(".ways-out"):
            for key in self.children:
                key.visible = key is out or key.region.right <= out.region.x

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

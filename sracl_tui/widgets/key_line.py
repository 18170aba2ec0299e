"""The keys at the bottom of a screen."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import HorizontalGroup
from textual.widgets import Footer

WAYS_OUT = ("quit", "help")


class KeyLine(Footer):
    """A footer in which the ways out keep their place at the right, however many other keys there are.

    It is made anew where the keys are others than those that stand there: most moves of the focus leave them
    as they are, and to make ten labels is the dearest part of a move.
    """

    _stand: list[Any] | None = None

    async def recompose(self) -> None:
        """Make the keys anew if they have changed."""
        if not self.is_attached:  # its screen was closed meanwhile
            return
        active = self.screen.active_bindings.values()
        keys = [(binding, enabled, tooltip) for _, binding, enabled, tooltip in active if binding.show]
        if keys != self._stand:
            self._stand = keys
            await super().recompose()

    def compose(self) -> ComposeResult:
        """The keys, the ways out last."""
        out = []
        for key in super().compose():
            if getattr(key, "action", "") in WAYS_OUT:
                out.append(key)
            else:
                yield key
        yield HorizontalGroup(*out, classes="ways-out")

"""The keys at the bottom of a screen."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import HorizontalGroup
from textual.widgets import Footer

WAYS_OUT = ("quit", "help")


class KeyLine(Footer):
    """A footer in which the ways out keep their place at the right, however many other keys there are."""

    def compose(self) -> ComposeResult:
        """The keys, the ways out last."""
        out = []
        for key in super().compose():
            if getattr(key, "action", "") in WAYS_OUT:
                out.append(key)
            else:
                yield key
        yield HorizontalGroup(*out, classes="ways-out")

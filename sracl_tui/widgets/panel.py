"""A titled box: the building block of every screen."""

from __future__ import annotations

from textual.containers import Vertical
from textual.widget import Widget


class Panel(Vertical):
    """A box with a title; the one that holds the focus says so by its border and title."""

    ALLOW_MAXIMIZE = True

    def __init__(self, title: str, *children: Widget, id: str | None = None, classes: str = "") -> None:
        super().__init__(*children, id=id, classes=classes)
        self.border_title = title

    def note(self, text: str) -> None:
        """The small text at the lower edge."""
        if self.border_subtitle != text:
            self.border_subtitle = text

"""A titled box: the building block of every screen."""

from __future__ import annotations

from textual.containers import Vertical
from textual.widget import Widget

from sracl_tui.content import TextualContent
from sracl_tui.widgets.plain import entitle


class Panel(Vertical):
    """A box with a title; the one that holds the focus says so by its border and title."""

    ALLOW_MAXIMIZE = True

    def __init__(self, title: str, *children: Widget, id: str | None = None, classes: str = "") -> None:
        super().__init__(*children, id=id, classes=classes)
        entitle(self, title)
        self._note = ""

    def note(self, text: TextualContent | str) -> None:
        """The small text at the lower edge."""
        told = text if isinstance(text, str) else text.plain
        if self._note != told:
            self._note = told
            entitle(self, note=text)

"""A text in a box, to be read and closed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from sracl_tui.content import Content, hints
from sracl_tui.deliver import copy
from sracl_tui.screens.base import OverScreen
from sracl_tui.widgets.plain import Static, entitle


class TextScreen(OverScreen[None]):
    """Escape closes, y copies."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Close"),
        Binding("y", "copy", "Copy"),
    ]

    def __init__(self, title: str, text: Content | str) -> None:
        super().__init__()
        self._title = title
        self._text = Content(text) if isinstance(text, str) else text

    def compose(self) -> ComposeResult:
        """The text, in something that scrolls."""
        box = VerticalScroll(Static(self._text, id="reading"), classes="dialog reading")
        entitle(box, self._title, hints("esc closes", "y copies"))
        yield box

    def show(self, text: Content) -> None:
        """Another text in its place, such as what was waited for; nothing where it was closed meanwhile."""
        self._text = text
        if self.is_attached:
            self.query_one("#reading", Static).update(text)

    def action_copy(self) -> None:
        copy(self, self._text.plain, self._title)

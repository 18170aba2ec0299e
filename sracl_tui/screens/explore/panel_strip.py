"""Which panels there are, where only one of them has room."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content
from textual.widgets import Static


class PanelStrip(Static):
    """The panels' names in a line; a click shows one."""

    def show(self, titles: Mapping[str, str], now: str) -> None:
        """Draw the names in `titles`, by panel, with `now` marked."""
        parts = []
        for name, title in titles.items():
            style = "bold reverse" if name == now else "$muted"
            parts.append(Content.from_markup(f"[@click=screen.show_panel('{name}')][{style}] {title} [/][/]"))
        self.update(Content("").join(parts))

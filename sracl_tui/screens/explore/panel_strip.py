"""Which panels there are, where only one of them has room."""

from __future__ import annotations

from collections.abc import Mapping

from sracl_tui.content import Content, doing
from sracl_tui.widgets.plain import Static


class PanelStrip(Static):
    """The panels' names in a line; a click shows one."""

    def show(self, titles: Mapping[str, str], now: str) -> None:
        """Draw the names in `titles`, by panel, with `now` marked."""
        parts = []
        for name, title in titles.items():
            style = "bold reverse" if name == now else "$muted"
            parts.append(doing(f"screen.show_panel('{name}')", Content.styled(f" {title} ", style)))
        self.update(Content("").join(parts))

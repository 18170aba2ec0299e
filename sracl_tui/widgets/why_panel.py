"""Why an item is recommended: the two things that speak for it, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from sracl_tui.explore_view import why_lines
from sracl_tui.widgets.panel import Panel

MOST = 20


class WhyPanel(Panel):
    """Follows the cursor of the recommendations."""

    def __init__(self) -> None:
        super().__init__("Why", id="why")

    def compose(self) -> ComposeResult:
        """History on the left, neighbors on the right."""
        with Horizontal():
            with VerticalScroll(id="why-history"):
                yield Static("", id="why-history-lines")
            with VerticalScroll(id="why-neighbors"):
                yield Static("", id="why-neighbor-lines")

    def show(self, item: Mapping[str, Any] | None, hint: str = "") -> None:
        """Explain `item`, or say what to do to get an explanation."""
        left = self.query_one("#why-history-lines", Static)
        right = self.query_one("#why-neighbor-lines", Static)
        if item is None or not item.get("why"):
            self.border_title = "Why"
            left.update(Content.styled(hint or "computing what speaks for it…", "$muted"))
            right.update("")
            return
        self.border_title = f"Why  {item['title']}"
        history, neighbors = why_lines(item, MOST)
        left.update(
            Content("\n").join(
                [Content.styled("score lost without this item of the history", "$muted"), *history]
            )
        )
        nobody = [Content.styled("none of them bought it", "$muted")]
        right.update(
            Content("\n").join(
                [Content.styled("semantic neighbors who bought it", "$muted"), *(neighbors or nobody)]
            )
        )

"""Why an item is recommended: the two things that speak for it, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from sracl_core.words import counted
from sracl_tui.content import Content
from sracl_tui.screens.explore.view import count_note, why_rows
from sracl_tui.widgets.panel import Panel
from sracl_tui.widgets.plain import Static, entitle
from sracl_tui.widgets.row_list import CursorList


class WhyPanel(Panel):
    """Follows the cursor of the recommendations."""

    def __init__(self) -> None:
        super().__init__("Why", id="why")

    def compose(self) -> ComposeResult:
        """History on the left, neighbors on the right."""
        with Horizontal():
            with Vertical():
                yield Static("", id="why-history-said", classes="head")
                yield CursorList(id="why-history-rows")
            with Vertical(classes="neighbors"):
                yield Static("", id="why-neighbors-said", classes="head")
                yield CursorList(id="why-neighbors-rows")

    def show(self, item: Mapping[str, Any] | None, hint: str, no_neighbors: str) -> None:
        """Explain `item`, or say `hint`; `no_neighbors` is why the run has none."""
        why = item.get("why") if item is not None else None
        self.set_class(not why, "-hint")
        if item is None or not why:
            entitle(self, "Why")
            self._fill("history", hint, [])
            self._fill("neighbors", "", [])
            return
        entitle(self, f"Why {'not ' if item['score'] is None else ''}{item['title']}")
        history, neighbors = why_rows(why)
        lonely = why["history"][0]["effect"] is None
        lost = "the only purchase that is read" if lonely else "score lost without this purchase"
        next_ = sum(entry["next"] for entry in why["neighbors"])
        bought = f"{counted(len(neighbors), 'near neighbor')} bought it, {next_} of them next"
        if not neighbors:
            bought = no_neighbors or "no near neighbor bought it"
        self._fill("history", "\n".join(filter(None, (lost, count_note(why)))), history)
        self._fill("neighbors", bought, neighbors)

    def _fill(self, side: str, said: str, rows: list[Any]) -> None:
        self.query_one(f"#why-{side}-said", Static).update(Content.styled(said, "$muted"))
        self.query_one(f"#why-{side}-rows", CursorList).show(rows, keep_cursor=False)

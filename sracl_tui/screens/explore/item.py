"""One item and the items that mean nearly the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from sracl_tui.screens.explore.view import found_rows
from sracl_tui.widgets.plain import Static, entitle
from sracl_tui.widgets.row_list import RowList


class ItemScreen(ModalScreen[None]):
    """Escape closes."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "Close")]

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__()
        self._answer = answer

    def compose(self) -> ComposeResult:
        """The item, its nearest items."""
        item = self._answer["item"]
        method = {"hnsw": "HNSW", "exact": "exact search"}.get(self._answer.get("method", ""), "")
        box = Vertical(
            Static(f"{item['title']}\n{item['item']}"),
            Static("the nearest items by what their texts mean", classes="muted"),
            RowList(id="near-rows"),
            classes="dialog reading tall",
        )
        entitle(box, "Item", f"{method} · esc closes")
        yield box

    def on_mount(self) -> None:
        """Fill the list."""
        self.query_one(RowList).show(found_rows(self._answer))
        self.query_one(RowList).focus()

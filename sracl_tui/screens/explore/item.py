"""One item: all that is known of it, and the way to the items and users near it."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll

from sracl_tui.content import Content, hints
from sracl_tui.deliver import copy
from sracl_tui.screens.base import OverScreen
from sracl_tui.screens.explore.answer_panel import AnswerPanel
from sracl_tui.screens.explore.item_view import facts, lists
from sracl_tui.screens.explore.query_client import QueryClient, QueryError
from sracl_tui.widgets.plain import Static, entitle
from sracl_tui.widgets.row_list import RowList

LISTED = 12
AROUND = 12
"""Columns that the box needs for its edges."""


class ItemScreen(OverScreen[str | None]):
    """Ends with the user that was chosen, None after escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close", key_display="esc"),
        Binding("backspace", "back", "Back", tooltip="To the item before"),
        Binding("y", "copy", "Copy", tooltip="Copy the text and the attributes"),
        Binding("question_mark", "app.help", "Help", key_display="?"),
    ]

    def __init__(self, client: QueryClient, item: str) -> None:
        super().__init__()
        self._client = client
        self._trail = [item]
        self._facts = Content("")

    def compose(self) -> ComposeResult:
        """Facts on top, two rows of lists below."""
        with VerticalScroll(classes="dialog card", can_focus=False) as box:
            yield Static("asking…", id="card-facts")
            with Horizontal(classes="pair"):
                yield AnswerPanel("Near by text", "by-text")
                yield AnswerPanel("Near by the model", "by-model")
            with Horizontal(classes="pair"):
                yield AnswerPanel("Bought next", "followed")
                yield AnswerPanel("Latest buyers", "users")
        entitle(box, "Item", hints("esc closes", "backspace back", "tab next list", "enter opens", "? help"))

    def on_mount(self) -> None:
        self._load()

    @work(group="card", exclusive=True, exit_on_error=False)
    async def _load(self) -> None:
        try:
            card, _ = await self._client.ask("item", item=self._trail[-1], k=LISTED)
        except QueryError as error:
            self.query_one("#card-facts", Static).update(Content.styled(str(error), "$error"))
            return
        self._facts = facts(card, self.app.size.width - AROUND)
        self.query_one("#card-facts", Static).update(self._facts)
        for name, (title, rows, nothing) in lists(card).items():
            panel = self.query_one(f"#{name}", AnswerPanel)
            entitle(panel, title)
            if rows:
                panel.show(rows, keep_cursor=False)
            else:
                panel.say(nothing)
        first = self.query_one("#by-text-rows", RowList)
        (first if first.display else self.query_one("#by-model-rows", RowList)).focus(scroll_visible=False)
        self.query_one(VerticalScroll).scroll_home(animate=False)

    @on(RowList.OptionSelected)
    def _open(self, event: RowList.OptionSelected) -> None:
        event.stop()
        chosen = str(event.option.id)
        if event.option_list.id == "users-rows":
            self.dismiss(chosen)
        elif chosen != self._trail[-1]:
            self._trail.append(chosen)
            self._load()

    def action_back(self) -> None:
        """The item before."""
        if len(self._trail) > 1:
            self._trail.pop()
            self._load()

    def action_copy(self) -> None:
        copy(self, self._facts.plain, "item")

"""A panel of the Explore screen: rows, or a sentence where there are none yet."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from sracl_tui.content import Content, TextualContent
from sracl_tui.widgets.panel import Panel
from sracl_tui.widgets.plain import Static
from sracl_tui.widgets.row_list import CursorList, RowList
from sracl_tui.widgets.split_line import SplitLine


class AnswerPanel(Panel):
    """`say` a sentence, or `show` rows; the rows have the id ``NAME-rows``."""

    def __init__(self, title: str, name: str) -> None:
        super().__init__(title, id=name)
        self.rows = CursorList(id=f"{name}-rows")
        self._said = Static("", classes="said")

    def compose(self) -> ComposeResult:
        yield self._said
        yield self.rows

    def say(self, text: str) -> None:
        """This instead of rows."""
        self._said.display = True
        self._said.update(Content.styled(text, "$muted"))
        self.rows.display = False
        self.note("")

    def show(
        self,
        rows: Sequence[tuple[str, SplitLine]],
        note: TextualContent | str = "",
        *,
        keep_cursor: bool = True,
    ) -> None:
        """Replace the rows, without telling anyone that the cursor moved."""
        self._said.display = False
        self.rows.display = True
        with self.prevent(RowList.OptionHighlighted):
            self.rows.show(rows, keep_cursor=keep_cursor)
        self.note(note)

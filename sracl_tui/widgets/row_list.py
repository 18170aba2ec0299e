"""A list of rows that keeps its cursor when its rows are replaced."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from sracl_tui.widgets.split_line import SplitLine

MOST_ROWS = 200


class RowList(OptionList):
    """Rows of SplitLine with ids; at most 200, since a list lays out every row it holds."""

    def __init__(self, id: str | None = None, classes: str = "") -> None:
        super().__init__(id=id, classes=classes, compact=True)
        self._shown: list[tuple[str, str]] = []

    def show(self, rows: Sequence[tuple[str, SplitLine]], keep_cursor: bool = True) -> None:
        """Replace the rows; the cursor stays on the row of the same id, else goes to the first."""
        rows = rows[:MOST_ROWS]
        title_room = max((line.longest_title for _, line in rows), default=0)
        for _, line in rows:
            line.title_room = title_room
        at = self.highlighted
        held = self.current_id if keep_cursor else None
        ids = [name for name, _ in rows]
        if keep_cursor and ids == [name for name, _ in self._shown]:
            for index, (_, line) in enumerate(rows):
                if line.plain != self._shown[index][1] or line.restyled:
                    self.replace_option_prompt_at_index(index, line)
            self._shown = [(name, line.plain) for name, line in rows]
            return
        self._shown = [(name, line.plain) for name, line in rows]
        self.set_options([Option(line, id=name) for name, line in rows])
        if rows:
            self.highlighted = (
                ids.index(held) if held in ids else min(at or 0, len(ids) - 1) if keep_cursor else 0
            )

    @property
    def current_id(self) -> str | None:
        """The id of the row under the cursor."""
        option = self.highlighted_option
        return None if option is None else option.id

    def select_id(self, name: str) -> None:
        """Put the cursor on the row `name`, if it is there."""
        ids = [held for held, _ in self._shown]
        if name in ids:
            self.highlighted = ids.index(name)

    def as_text(self) -> str:
        """The rows as they read."""
        return "\n".join(text for _, text in self._shown)


class CursorList(RowList):
    """Rows to look at as well as to open: a click puts the cursor on one, a click on that one is enter.

    So a double click opens whatever row it is on, once: where its first half did that, its second half falls
    on other rows than a person saw.
    """

    _only_put = False

    def _on_click(self, event: events.Click) -> None:
        row = event.style.meta.get("option")
        again = event.chain > 1 and not self._only_put
        self._only_put = not again and row is not None and row != self.highlighted
        if self._only_put:
            self.highlighted = row
        if again or self._only_put:
            event.prevent_default()

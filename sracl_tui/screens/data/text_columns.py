"""The columns that describe an item, marked in a list of those that the files have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from sracl_tui.content import Content
from sracl_tui.screens.data.import_entries import TEXTS
from sracl_tui.widgets.plain import Static
from sracl_tui.widgets.row_list import RowList
from sracl_tui.widgets.split_line import SplitLine

ALL = "all that are found are kept; space leaves one out or takes one in"
NONE = "! none is marked, so all that are found are kept"
LATER = "the files say which there are"


class Marks(RowList):
    """A row is marked or not: by enter, space, or a click."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "select", "Mark", show=False)]


class TextColumns(Horizontal):
    """What is found is marked; that alone counts as no choice. `held`: names between commas."""

    def __init__(self, held: str) -> None:
        super().__init__(classes="field texts")
        self._held = held
        self._found: list[str] = []
        self._columns: list[str] = []
        self._marked: set[str] = set()

    def compose(self) -> ComposeResult:
        """Title, list, what the choice means."""
        yield Static(TEXTS.title)
        marks = Marks(id=f"import-{TEXTS.option}")
        marks.display = False
        yield marks
        yield Static(LATER, classes="why")

    @property
    def value(self) -> str:
        """The marked columns between commas, "" for what is found."""
        if not self._columns:
            return self._held
        usual = self._marked in (set(), set(self._found))
        return "" if usual else ",".join(name for name in self._columns if name in self._marked)

    def offer(self, columns: Sequence[str], found: Sequence[str]) -> None:
        """Let a person mark `columns`, of which those that are `found` are kept otherwise."""
        columns = list(dict.fromkeys([*found, *columns]))
        if (columns, list(found)) != (self._columns, self._found):
            self._marked = set(self.value.split(",")) & set(columns) or set(found)
            self._columns, self._found = columns, list(found)
            self._draw()

    @on(RowList.OptionSelected)
    def _turn(self, event: RowList.OptionSelected) -> None:
        event.stop()
        self._marked ^= {str(event.option.id)}
        self._draw()

    def _draw(self) -> None:
        marks, said = self.query_one(Marks), self.query_one(".why", Static)
        marks.show([(name, _row(name, name in self._marked)) for name in self._columns])
        marks.display = bool(self._columns)
        if not self._columns:
            said.update(Content.styled(LATER, "$muted"))
        elif not self._marked:
            said.update(Content.styled(NONE, "$warning"))
        else:
            said.update(Content.styled("you chose these" if self.value else ALL, "$muted"))


def _row(name: str, marked: bool) -> SplitLine:
    sign = ("✓ ", "bold $success") if marked else ("· ", "$muted")
    return SplitLine((Content.assemble(sign, (name, "" if marked else "$muted")), ""))

"""A column of the import form: chosen from those that the files have, with the guess and its reason."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal

from sracl_tui.content import Content, line
from sracl_tui.screens.data.import_entries import Column
from sracl_tui.widgets.plain import Select, Static

FOUND = "found by itself"
FOUND_VALUE = "\0"


class ColumnField(Horizontal):
    """Its first choice is what is found without a person's word, which counts as none."""

    def __init__(self, column: Column, held: str) -> None:
        super().__init__(classes="field")
        self.column = column
        self._held = held
        self._found = FOUND_VALUE
        """What the choice "found" is worth: another one for each guess, or it would not be drawn anew."""

    def compose(self) -> ComposeResult:
        """Title, choice, reason."""
        yield Static(self.column.title)
        options = [(FOUND, self._found), *([(self._held, self._held)] if self._held else [])]
        yield Select(
            options,
            allow_blank=False,
            value=self._held or self._found,
            id=f"import-{self.column.option}",
            compact=True,
        )
        yield Static("", classes="why")

    @property
    def value(self) -> str:
        """The chosen column, "" for what is found."""
        value = self.query_one(Select).value
        return value if isinstance(value, str) and value != self._found else ""

    def offer(self, columns: Sequence[str], guess: str, why: str, needed: bool) -> None:
        """Let a person choose among `columns`; `guess` is what is taken otherwise, and `why`."""
        select, chosen = self.query_one(Select), self.value
        found = f"{guess} (found)" if guess else "choose one" if needed else "none"
        others = [column for column in dict.fromkeys(columns) if column]
        others += [chosen] if chosen and chosen not in others else []
        self._found = FOUND_VALUE + found
        with select.prevent(Select.Changed):
            select.set_options([(found, self._found), *((column, column) for column in others)])
            select.value = chosen or self._found
        bad = needed and not guess and not chosen
        said = "you chose it" if chosen else why or ("" if guess else self.column.without)
        self.query_one(".why", Static).update(
            line(Content.styled(f"! {said}" if bad else said, "$warning" if bad else "$muted"))
        )

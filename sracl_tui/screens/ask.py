"""A question that is answered by a line of text."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from sracl_tui.content import hints
from sracl_tui.widgets.plain import Static


class AskScreen(ModalScreen[str | None]):
    """The line that was entered, None after escape."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", priority=True)]

    def __init__(self, question: str, value: str = "") -> None:
        super().__init__()
        self._question = question
        self._value = value

    def compose(self) -> ComposeResult:
        """The question and the field."""
        with Vertical(classes="dialog"):
            yield Static(self._question)
            yield Input(self._value, id="answer", compact=True)
            yield Static(hints("enter keeps it", "esc leaves it as it was"), classes="hint")

    def on_mount(self) -> None:
        """One types at once."""
        self.set_focus(self.query_one(Input))

    @on(Input.Submitted)
    def _answer(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

"""Fields that one types into, and how one leaves them."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class Field(Input):
    """An input of one line. Escape leaves it: letters are keys of the screen again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.leave_field", "Leave", key_display="esc")
    ]

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None, **how: Any) -> None:
        super().__init__(value, placeholder=placeholder, id=id, compact=True, **how)
        # An idle dashboard draws nothing.
        self.cursor_blink = False


class FilterField(Field):
    """Filters a list, which down leads to; a `/` typed first is the key that leads here, pressed again."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("down", "screen.leave_field", "List", show=False)]

    def __init__(self, placeholder: str, id: str) -> None:
        super().__init__(placeholder=placeholder, id=id)

    def insert_text_at_cursor(self, text: str) -> None:
        if text != "/" or self.value:
            super().insert_text_at_cursor(text)

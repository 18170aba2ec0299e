"""Fields that one types into, and how one leaves them."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from sracl_tui.widgets.plain import hint

MARKS = {"slash": "/", "plus": "+", "minus": "-", "at": "@", "backslash": "\\", "underscore": "_"}


class Field(Input):
    """An input of one line. Escape leaves it: letters are keys of the screen again.

    Of a placeholder of several lines the first that has room is shown, else the last.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.leave_field", "Leave", key_display="esc")
    ]

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None, **how: Any) -> None:
        self._placeholders = placeholder.split("\n")
        super().__init__(value, placeholder=self._placeholders[0], id=id, compact=True, **how)
        # An idle dashboard draws nothing.
        self.cursor_blink = False

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """What is typed into it is offered as no key, also where Textual does not know a key's character."""
        return super().check_consume_key(key, character or MARKS.get(key))

    def on_resize(self) -> None:
        """A placeholder is not cut."""
        if len(self._placeholders) > 1:
            fits = (one for one in self._placeholders if len(one) <= self.content_size.width)
            hint(self, next(fits, self._placeholders[-1]))


class FilterField(Field):
    """Filters a list, which down leads to; a `/` typed first is the key that leads here, pressed again."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("down", "screen.leave_field", "List", show=False)]

    def __init__(self, placeholder: str, id: str) -> None:
        super().__init__(placeholder=placeholder, id=id)

    def insert_text_at_cursor(self, text: str) -> None:
        if text != "/" or self.value:
            super().insert_text_at_cursor(text)

"""A field that `/` leads to."""

from __future__ import annotations

from textual.widgets import Input


class FilterField(Input):
    """An input with `id`; a `/` typed as its first letter is the key that leads here, pressed again."""

    def __init__(self, placeholder: str, id: str) -> None:
        super().__init__(placeholder=placeholder, id=id, compact=True)

    def insert_text_at_cursor(self, text: str) -> None:
        """Type `text`."""
        if text != "/" or self.value:
            super().insert_text_at_cursor(text)

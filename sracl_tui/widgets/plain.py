"""Textual's widgets that show a text, taking a str for what it reads and never for markup."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.text import Text
from textual import widgets
from textual.visual import Visual
from textual.widget import Widget

from sracl_core.plain import plain
from sracl_tui.content import Content, in_parts, line


class Static(widgets.Static):
    """A text."""

    def __init__(self, content: str | Visual = "", *, id: str | None = None, classes: str = "") -> None:
        super().__init__(_drawn(content), id=id, classes=classes, markup=False)

    def update(self, content: Any = "", *, layout: bool = True) -> None:
        super().update(_drawn(content), layout=layout)


class Button(widgets.Button):
    """A button."""

    def __init__(self, label: str, **how: Any) -> None:
        super().__init__(Content(plain(label)), **how)


class Select(widgets.Select[str]):
    """A choice among pairs of label and value."""

    def __init__(self, options: Iterable[tuple[str, str]], **how: Any) -> None:
        super().__init__(_labeled(options), **how)

    def set_options(self, options: Iterable[tuple[Any, str]]) -> None:
        """Offer these."""
        super().set_options(_labeled(options))


def entitle(widget: Widget, title: str | None = None, note: str | None = None) -> None:
    """What stands in the upper and the lower edge of a box; None leaves it as it is.

    Of a note of several parts those are there that have room.
    """
    if title is not None:
        widget.border_title = line(title)  # type: ignore[assignment]
    if note is not None:
        widget.border_subtitle = in_parts(note)  # type: ignore[assignment]


def hint(field: widgets.Input, text: str) -> None:
    """What stands in a field while nothing is typed there."""
    field.placeholder = plain(text)


def _drawn(content: Any) -> Any:
    return Content(content) if isinstance(content, str) else content


def _labeled(options: Iterable[tuple[Any, str]]) -> list[tuple[Any, str]]:
    return [(label if isinstance(label, Text) else Text(plain(label)), value) for label, value in options]

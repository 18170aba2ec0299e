"""Texts that are drawn anew only when they differ: most of a live screen stands still."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


def put(widget: Static, content: Content, may_grow: bool = True) -> None:
    """Show `content`; `may_grow` False spares the layout where the widget's height is fixed.

    A text as wide as the one before keeps its height too.
    """
    before = widget.content
    if isinstance(before, Content):
        if before.is_same(content):
            return
        may_grow = may_grow and before.cell_length != content.cell_length
    widget.update(content, layout=may_grow)

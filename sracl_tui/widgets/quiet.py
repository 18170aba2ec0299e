"""Texts that are drawn anew only when they differ: most of a live screen stands still."""

from __future__ import annotations

import re

from sracl_tui.content import TextualContent
from sracl_tui.widgets.plain import Static


def put(widget: Static, content: TextualContent, may_grow: bool = True) -> None:
    """Show `content`; `may_grow` False spares the layout where the widget's height is fixed.

    A text whose words are as wide as those before wraps at the same places, so it keeps its height too.
    """
    before = widget.content
    if isinstance(before, TextualContent):
        if before.is_same(content):
            return
        may_grow = may_grow and _shape(before) != _shape(content)
    widget.update(content, layout=may_grow)


def _shape(content: TextualContent) -> tuple[str, int]:
    return re.sub(r"\S", "x", content.plain), content.cell_length

"""Text as the dashboard draws it: plain, whoever wrote it.

The one door to Textual's texts. Textual takes a str for markup (`[b]`, `[@click=app.quit]`) and hands
control characters on to the terminal; here a str is what it reads, and `plain_lines` has seen it.
A test holds that no other module of the dashboard makes texts.
"""

from __future__ import annotations

import re
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.content import Content as TextualContent
from textual.filter import LineFilter
from textual.style import Style

from sracl_core.plain import plain, plain_lines


class Content(TextualContent):
    """Textual's, of a text that no terminal obeys. Marks stand one for one, so spans stay right.

    A tab is a blank: how wide it is shows when it is drawn, after all else was measured.
    """

    __slots__ = ()

    def __init__(self, text: str = "", spans: Any = None, cell_length: int | None = None, **_: Any) -> None:
        super().__init__(plain_lines(text).replace("\t", " "), spans, cell_length, strip_control_codes=False)


PRESSED = {"esc": "escape", "F3": "f3", "F5": "f5", "F6": "f6", "/": "slash", "?": "question_mark"}
"""What a hint calls otherwise than Textual does."""


def hints(*told: str) -> TextualContent:
    """What each of some keys does, the key first; a click on it presses the key.

    >>> hints("esc closes", "y copies").plain
    'esc closes · y copies'
    """
    keys = [one.partition(" ")[0] for one in told]
    pressing = [f"app.press('{PRESSED.get(key, key)}')" for key in keys]
    links = [doing(action, one) for action, one in zip(pressing, told, strict=True)]
    return Content(SEPARATOR).join(links)


def doing(action: str, text: TextualContent | str) -> TextualContent:
    """`text` that does `action`, one of ours, when it is clicked."""
    return Content.assemble(text).stylize(Style.from_meta({"@click": action}))


SEPARATOR = " · "


class Whole(TextualContent):
    """Parts with SEPARATOR between them: where not all have room the last go, for a half says nothing."""

    __slots__ = ()

    def truncate(self, max_width: int, *, ellipsis: bool = False, pad: bool = False) -> TextualContent:
        """As many parts as have room in `max_width` columns, one at least."""
        kept = self.plain
        while cell_len(kept) > max_width and SEPARATOR in kept:
            kept = kept.rpartition(SEPARATOR)[0]
        whole = super().truncate(min(self.cell_length, cell_len(kept)))
        return TextualContent(whole.plain, whole.spans).truncate(max_width, ellipsis=ellipsis, pad=pad)


def in_parts(text: TextualContent | str) -> Whole:
    """`text` on one line, of which a place that is too narrow gets whole parts."""
    one = line(text)
    return Whole(one.plain, one.spans)


def line(text: TextualContent | str) -> TextualContent:
    """`text` on one line."""
    if isinstance(text, str):
        return Content(plain(text))
    return text if "\n" not in text.plain else TextualContent(plain(text.plain), text.spans)


class HarmlessFilter(LineFilter):
    """The last net, over every line that is drawn: fields show what was typed or pasted as it is."""

    _OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments without what a terminal obeys and gives no room to."""
        return [
            Segment(self._OBEYED.sub("", text), style, control)
            if control is None and self._OBEYED.search(text)
            else Segment(text, style, control)
            for text, style, control in segments
        ]

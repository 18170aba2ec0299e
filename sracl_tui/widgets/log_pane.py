"""The end of a run's log."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from sracl_tui.widgets.panel import Panel

LINES = 200
STYLES = (("ERROR", "$error"), ("WARNING", "$warning"), ("checkpoint", "$muted"))


class LogPane(Panel):
    """Stays at the end while nobody scrolled up."""

    def __init__(self) -> None:
        super().__init__("Log", id="log")
        self._text: str | None = None

    def compose(self) -> ComposeResult:
        """The lines, in something that scrolls."""
        with VerticalScroll():
            yield Static("", id="log-lines")

    def show(self, text: str) -> None:
        """Draw the last lines of `text`."""
        if text == self._text:
            return
        self._text = text
        scroll = self.query_one(VerticalScroll)
        at_end = scroll.scroll_offset.y >= scroll.max_scroll_y - 1
        lines = [_styled(line) for line in text.splitlines()[-LINES:]]
        empty = Content.styled("the log is empty", "$muted")
        self.query_one("#log-lines", Static).update(Content("\n").join(lines) if lines else empty)
        if at_end:
            self.call_after_refresh(scroll.scroll_end, animate=False)


def _styled(line: str) -> Content:
    date_and_time, rest = line[:20], line[20:]
    style = next((color for word, color in STYLES if rest.startswith(word)), "")
    return Content.assemble((date_and_time[11:], "$muted"), (rest, style))

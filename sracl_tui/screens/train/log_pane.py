"""The end of a run's log."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from sracl_tui.content import Content
from sracl_tui.widgets.panel import Panel
from sracl_tui.widgets.plain import Static

LINES = 200
STYLES = (("ERROR", "$error"), ("WARNING", "$warning"), ("checkpoint", "$muted"))


class Tail(VerticalScroll):
    """Stays at the end, whatever the size, while nobody scrolled up."""

    def __init__(self) -> None:
        super().__init__()
        self._following = True

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Only scrolling decides: after a resize the old place need not be the end any more."""
        super().watch_scroll_y(old_value, new_value)
        self._following = new_value >= self.max_scroll_y - 1

    def watch_virtual_size(self) -> None:
        """More lines, or the same ones broken anew."""
        self._follow()

    def on_resize(self, event: events.Resize) -> None:
        self._follow()

    def _follow(self) -> None:
        if self._following:
            self.scroll_end(animate=False)


class LogPane(Panel):
    """Stays at the end while nobody scrolled up."""

    def __init__(self) -> None:
        super().__init__("Log", id="log")
        self._text: str | None = None

    def compose(self) -> ComposeResult:
        """The lines, in something that scrolls."""
        with Tail():
            yield Static("", id="log-lines")

    def show(self, text: str) -> None:
        """Draw the last lines of `text`."""
        if text == self._text:
            return
        self._text = text
        lines = [_styled(line) for line in text.splitlines()[-LINES:]]
        empty = Content.styled("the log is empty", "$muted")
        self.query_one("#log-lines", Static).update(Content("\n").join(lines) if lines else empty)


def _styled(line: str) -> Content:
    date_and_time, rest = line[:20], line[20:]
    style = next((color for word, color in STYLES if rest.startswith(word)), "")
    return Content.assemble((date_and_time[11:], "$muted"), (rest, style))

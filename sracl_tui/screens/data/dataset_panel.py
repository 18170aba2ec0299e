"""What one dataset holds, or why there is nothing to see of it yet."""

from __future__ import annotations

from typing import Any

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import TabbedContent, TabPane

from sracl_tui.commands import CommandError, ask
from sracl_tui.content import Content, doing
from sracl_tui.datasets import DatasetLine
from sracl_tui.screens.data import view
from sracl_tui.widgets.panel import Panel
from sracl_tui.widgets.plain import Static, entitle

TABS = (
    ("overview", "Overview", view.overview),
    ("preview", "Preview", view.preview),
    ("distributions", "Distributions", view.distributions),
    ("split", "Split", view.split),
)
PREVIEW_ROWS = 15


class DatasetPanel(Panel):
    """Asks `sracl data info` about each ready dataset once, and remembers it until `forget`."""

    class Told(Message):
        """What a dataset holds has come."""

    def __init__(self) -> None:
        super().__init__("Dataset", id="dataset")
        self._facts: dict[str, dict[str, Any]] = {}

    def compose(self) -> ComposeResult:
        """A text, in the place of which tabs come once there is something to show."""
        yield VerticalScroll(Static("", id="entry"), id="entry-scroll")
        with TabbedContent(id="data-tabs"):
            for name, title, _ in TABS:
                yield TabPane(title, VerticalScroll(Static("", id=f"{name}-text")), id=name)

    def on_mount(self) -> None:
        """No tabs before there is a dataset."""
        self.query_one(TabbedContent).display = False

    @property
    def has_tabs(self) -> bool:
        """Whether what a dataset holds is shown."""
        return bool(self.query_one(TabbedContent).display)

    def facts(self, line: DatasetLine) -> dict[str, Any] | None:
        """What `line` holds, None where that is not known."""
        return self._facts.get(line.key)

    def forget(self) -> None:
        """Ask anew from now on."""
        self._facts.clear()

    def show(self, line: DatasetLine | None, nothing: Content) -> None:
        """Draw the dataset `line`, or `nothing` in its place."""
        entry = self.query_one("#entry", Static)
        facts = self.facts(line) if line else None
        entitle(self, line.label if line else "Dataset")
        step = doing("screen.use", "enter: set up a run with it")
        self.note(step if line and line.state == "ready" else "")
        self.query_one(TabbedContent).display = facts is not None
        self.query_one("#entry-scroll").display = facts is None
        if line is None:
            entry.update(nothing)
        elif facts is not None:
            for name, _, drawn in TABS:
                self.query_one(f"#{name}-text", Static).update(drawn(facts))
        elif line.state == "damaged":
            entry.update(f"{line.folder}/dataset.json cannot be read; prepare the dataset again.")
        elif line.state == "ready":
            entry.update(Content.styled("reading…", "$muted"))
            self._ask(line)
        else:
            entry.update(view.entry_text(line.entry))

    @work(group="facts", exclusive=True, exit_on_error=False)
    async def _ask(self, line: DatasetLine) -> None:
        try:
            facts = await ask("data", "info", str(line.folder), "--preview", str(PREVIEW_ROWS))
        except CommandError as error:
            self.query_one("#entry", Static).update(Content.assemble(("✗ ", "bold $error"), str(error)))
            return
        self._facts[line.key] = facts
        self.post_message(self.Told())

    def turn(self, by: int) -> None:
        """To another tab."""
        tabs = self.query_one(TabbedContent)
        names = [name for name, *_ in TABS]
        if tabs.display:
            tabs.active = names[(names.index(tabs.active) + by) % len(names)]

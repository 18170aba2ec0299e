"""Every key, taken from the bindings themselves, so that none is missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

KEY_WIDTH = 14
PLOT_KEYS = (
    ("+ −", "zoom the chart"),
    ("← → ↑ ↓", "move the chart"),
    ("r", "the whole chart again"),
)


class HelpScreen(ModalScreen[None]):
    """Escape or ? closes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "Close", key_display="esc"),
    ]

    def compose(self) -> ComposeResult:
        """A section for each screen."""
        box = VerticalScroll(Static(Content("\n").join(self._lines())), classes="dialog reading")
        box.border_title = "Keys"
        box.border_subtitle = "esc closes · ↑↓ scroll"
        yield box

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one(VerticalScroll).focus()

    def _lines(self) -> Iterable[Content]:
        from sracl_tui.app import Dashboard
        from sracl_tui.screens.base import TabScreen
        from sracl_tui.screens.configure.screen import ConfigureScreen
        from sracl_tui.screens.data.screen import DataScreen
        from sracl_tui.screens.explore.screen import ExploreScreen
        from sracl_tui.screens.train.screen import TrainScreen

        yield from section("Everywhere", Dashboard.BINDINGS)
        yield key("ctrl+p", "Palette: every action by name")
        yield key("tab shift+tab", "To the next or the previous panel")
        yield from keys(TabScreen.BINDINGS)
        for screen in (DataScreen, ConfigureScreen, TrainScreen, ExploreScreen):
            yield from section(f"{screen.TITLE}", screen.BINDINGS)
        yield from section("A chart that has the focus", [])
        for name, what in PLOT_KEYS:
            yield key(name, what)
        yield Content("")
        yield Content.styled(
            "Everything also works with the mouse: the keys at the bottom of the screen can be clicked.",
            "$muted",
        )


def section(title: str, bindings: Iterable[BindingType]) -> Iterable[Content]:
    """A heading and its keys."""
    yield Content.styled(f"\n{title}", "bold $accent")
    yield from keys(bindings)


def keys(bindings: Iterable[BindingType]) -> Iterable[Content]:
    """A line for each binding that has a description."""
    for binding in bindings:
        if isinstance(binding, Binding) and binding.description:
            shown = binding.key_display or binding.key.replace(",", " ")
            yield key(shown, binding.tooltip or binding.description)


def key(name: str, what: str) -> Content:
    """One line."""
    return Content.assemble((f"  {name:<{KEY_WIDTH}}", "bold"), what)

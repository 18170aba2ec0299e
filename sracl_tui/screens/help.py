"""Every key, taken from the bindings themselves, so that none is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from sracl_tui.content import Content
from sracl_tui.widgets.plain import Static, entitle

KEY_WIDTH = 14
EVERYWHERE = (
    Binding("ctrl+p", "", "Palette: every action by name"),
    Binding("tab,shift+tab", "", "To the next or the previous panel"),
)
PLOT_KEYS = (
    ("+ −", "zoom the chart"),
    ("← → ↑ ↓", "move the chart"),
    ("r", "the whole chart again"),
    (", .", "read the values at a point, left and right of it; so does the mouse; esc ends it"),
)


class HelpScreen(ModalScreen[None]):
    """Escape or ? closes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "Close", key_display="esc"),
    ]

    def __init__(self, sections: Sequence[tuple[str, Iterable[BindingType]]]) -> None:
        super().__init__()
        self._sections = sections

    def compose(self) -> ComposeResult:
        """A section for each of the pairs of title and keys."""
        box = VerticalScroll(Static(Content("\n").join(self._lines())), classes="dialog reading")
        entitle(box, "Keys", "esc closes · ↑↓ scroll")
        yield box

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one(VerticalScroll).focus()

    def _lines(self) -> Iterable[Content]:
        for title, bindings in self._sections:
            yield from section(title, bindings)
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
    return Content.assemble((f"  {name:<{KEY_WIDTH}}", "bold"), what)

"""Every key, taken from the bindings themselves, so that none is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from sracl_tui.content import Content, TextualContent, doing, hints
from sracl_tui.screens.base import OverScreen
from sracl_tui.widgets.facts import Fact, Facts
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


class HelpScreen(OverScreen[str | None]):
    """Ends with the key whose line was clicked, None after escape or ?.

    here: how many of the `sections` are of keys that do something on the screen below.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "Close", key_display="esc"),
    ]

    def __init__(self, sections: Sequence[tuple[str, Iterable[BindingType]]], here: int) -> None:
        super().__init__()
        self._sections = sections
        self._here = here

    def compose(self) -> ComposeResult:
        """A section for each of the pairs of title and keys."""
        box = VerticalScroll(Static(Facts(list(self._lines()), 2 + KEY_WIDTH)), classes="dialog reading")
        entitle(
            box,
            "Keys",
            Content.assemble(hints("esc closes"), " · a click on a line presses its key"),
        )
        yield box

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.set_focus(self.query_one(VerticalScroll))

    def _lines(self) -> Iterable[Fact | TextualContent]:
        for at, (title, bindings) in enumerate(self._sections):
            yield from section(title, bindings, pressed=at < self._here)
        yield from section("A chart that has the focus", [], pressed=False)
        for name, what in PLOT_KEYS:
            yield key(name, what)
        yield Content("")
        yield Content.styled(
            "Everything also works with the mouse: tabs, the keys in the bottom line, the first ones here. "
            "A click puts the cursor on a row, a second one is enter.",
            "$muted",
        )


def section(title: str, bindings: Iterable[BindingType], pressed: bool) -> Iterable[Fact | TextualContent]:
    """A heading, and a line for each binding that has a description; `pressed` by a click on it."""
    yield Content("")
    yield Content.styled(title, "bold $accent")
    for binding in bindings:
        if isinstance(binding, Binding) and binding.description:
            shown = binding.key_display or binding.key.replace(",", " ")
            name, told = key(shown, binding.tooltip or binding.description)
            press = f"screen.dismiss('{binding.key.partition(',')[0]}')"
            yield (doing(press, name), doing(press, told)) if pressed else (name, told)


def key(name: str, what: str) -> tuple[Content, Content]:
    return Content.styled(f"  {name:<{KEY_WIDTH}}", "bold"), Content(what)

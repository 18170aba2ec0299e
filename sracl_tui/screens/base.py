"""What the screens have in common: the bar on top, the keys at the bottom, the shared actions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from sracl_tui.screens import find
from sracl_tui.session import Session
from sracl_tui.view_models import RunLine, RunSnapshot
from sracl_tui.widgets.key_line import KeyLine
from sracl_tui.widgets.mode_bar import ModeBar, ModeTab

Result = TypeVar("Result")


class TabScreen(Screen[None]):
    """A screen with a tab. A subclass gives `MODE` and composes `body`."""

    MODE: ClassVar[str] = ""
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/", show=False),
        Binding("z", "zoom", "Maximize", show=False),
        Binding("y", "copy", "Copy", show=False),
        Binding("e", "export", "Export", show=False),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._offered: list[str] = []

    @classmethod
    def key_sections(cls) -> list[tuple[str, list[BindingType]]]:
        """Title and keys of this screen, and of each that opens over it and has keys of its own."""
        return [(cls.TITLE or cls.MODE, cls.BINDINGS)]

    def compose(self) -> ComposeResult:
        """The bar, the screen's own body, the keys."""
        yield ModeBar(self.MODE, [(place.name, place.title, place.keys[0]) for place in find()])
        yield from self.body()
        yield KeyLine(show_command_palette=False, compact=self.app.size.width < 100)

    def body(self) -> Iterable[Widget]:
        """The widgets between bar and keys."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """The runs that are known already."""
        if self.session.runs is not None:
            self.runs_changed(self.session.runs)

    def arrive(self) -> None:
        """Whatever the first key must find, done before that key is looked at."""

    def on_resize(self, event: events.Resize) -> None:
        """A narrow terminal gets its keys closer together."""
        self.query_one(KeyLine).compact = event.size.width < 100

    def runs_changed(self, runs: tuple[RunLine, ...]) -> None:
        """The list of runs is another one now."""
        session = self.session
        self.query_one(ModeBar).show_runs(runs, len(session.waiting), bool(session.silent))

    def run_changed(self, snapshot: RunSnapshot) -> None:
        """Something new is known of a watched run."""

    def run_chosen(self, path: Path) -> None:
        """Another run is the chosen one."""

    def offers(self, action: str) -> bool:
        """Whether a key's action has something to do at present."""
        return True

    def keys_changed(self) -> None:
        """Draw the key line anew, where another key has something to do now."""
        actions = [binding.action for binding in self.BINDINGS if isinstance(binding, Binding)]
        offered = [action for action in actions if self.offers(action)]
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    def remember(self, key: str, what: Any) -> None:
        """Keep a preference; say once when that is not possible."""
        if problem := self.session.remember(key, what):
            self.notify(problem, severity="warning")

    def action_zoom(self) -> None:
        """Give the focused panel the whole screen, or take it back."""
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not None:
            self.maximize(self.focused)

    def home(self) -> Widget | None:
        """Where one is after leaving a field: the list that the screen is about."""
        return None

    def action_leave_field(self) -> None:
        """Out of a field; the next letter is a key again."""
        self.set_focus(self.home())

    def action_filter(self) -> None:
        """Put the cursor into the screen's filter."""

    def action_copy(self) -> None:
        """Copy what the screen is about."""

    def action_export(self) -> None:
        """Write what the screen is about into files."""


class OverScreen(ModalScreen[Result]):
    """Something to look at over a screen: who goes to another one leaves it, while a question stays."""

    async def on_click(self, event: events.Click) -> None:
        """A tab that is seen beside the box works."""
        if event.widget is self:
            under, _ = self.app.screen_stack[0].get_widget_at(*event.screen_offset)
            if isinstance(under, ModeTab):
                await under.show_screen()

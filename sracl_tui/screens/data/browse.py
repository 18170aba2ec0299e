"""Choosing files by looking through folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from sracl_tui.content import Content, hints
from sracl_tui.widgets.field import FilterField
from sracl_tui.widgets.plain import Button, Static, entitle
from sracl_tui.widgets.row_list import CursorList, RowList
from sracl_tui.widgets.split_line import SplitLine

UP = ".."
WHOLE = "nothing is marked: Take takes the whole folder"
UNITS = ("B", "kB", "MB", "GB", "TB")


class There(NamedTuple):
    """Something in a folder."""

    name: str
    is_folder: bool
    size: int


class BrowseScreen(ModalScreen[list[str] | None]):
    """The files that were marked, or else the whole folder; None after escape. marked: those at first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("space", "mark", "Mark", tooltip="One of several files"),
        Binding("backspace,left", "up", "Up", tooltip="To the folder around it"),
        Binding("ctrl+s", "take", "Take", tooltip="The marked files, or else this whole folder"),
    ]

    def __init__(self, start: Path, marked: Sequence[Path] = ()) -> None:
        super().__init__()
        self._folder = start.absolute() if start.is_dir() else Path.cwd()
        self._marked = list(marked)
        self._there: list[There] = []

    def compose(self) -> ComposeResult:
        """Where one is, what lies there, what to do with it."""
        with Vertical(classes="dialog browse"):
            yield Static("", id="browse-place")
            yield FilterField("/ filter", "browse-filter")
            yield CursorList(id="browse-rows")
            yield Static("", id="browse-said")
            with Horizontal(classes="buttons"):
                yield Button("Take (ctrl+s)", id="take", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        entitle(self.query_one(".browse"), "Files", hints("enter opens or takes", "space marks several"))
        self.set_focus(self.query_one(RowList))
        self._enter(self._folder)

    def _enter(self, folder: Path) -> None:
        problem = ""
        try:
            self._there = sorted(_inside(folder), key=lambda one: (not one.is_folder, one.name.lower()))
            self._folder = folder
        except OSError as error:
            problem = f"{folder} cannot be read: {error.strerror or error}"
        with self.query_one(Input).prevent(Input.Changed):
            self.query_one(Input).value = ""
        self._show(problem)
        first = 1 if self._there and self._folder.parent != self._folder else 0  # the first row leads up
        self.query_one(RowList).highlighted = first

    def _show(self, problem: str = "") -> None:
        wanted = self.query_one(Input).value.strip().lower()
        self.query_one("#browse-place", Static).update(Content.styled(str(self._folder), "bold"))
        rows = (
            [(UP, SplitLine((Content.styled(UP, "bold"), "up")))]
            if self._folder.parent != self._folder and not wanted
            else []
        )
        rows += [(one.name, self._row(one)) for one in self._there if wanted in one.name.lower()]
        self.query_one(RowList).show(rows)
        names = " ".join(path.name for path in self._marked)
        said = f"✗ {problem}" if problem else f"marked: {names}" if names else WHOLE
        self.query_one("#browse-said", Static).update(Content.styled(said, "$error" if problem else "$muted"))

    def _row(self, one: There) -> SplitLine:
        mark = "● " if self._folder / one.name in self._marked else "  "
        name = f"{one.name}/" if one.is_folder else one.name
        return SplitLine(
            (
                Content.assemble((mark, "bold $accent"), (name, "bold" if one.is_folder else "")),
                Content.styled("" if one.is_folder else size(one.size), "$muted"),
            )
        )

    def _current(self) -> There | None:
        held = self.query_one(RowList).current_id
        return next((one for one in self._there if one.name == held), None)

    def action_leave_field(self) -> None:
        self.set_focus(self.query_one(RowList))

    def action_filter(self) -> None:
        self.set_focus(self.query_one(Input))

    def action_up(self) -> None:
        """To the folder around this one, with the cursor on where one was."""
        before = self._folder.name
        self._enter(self._folder.parent)
        self.query_one(RowList).select_id(before)

    def action_mark(self) -> None:
        """Take the file under the cursor too, or no more."""
        one = self._current()
        if one is None or one.is_folder:
            return
        path = self._folder / one.name
        self._marked = (
            [held for held in self._marked if held != path] if path in self._marked else [*self._marked, path]
        )
        self._show()

    def action_take(self) -> None:
        """Hand over what is marked, or else the folder."""
        self.dismiss([short(path) for path in self._marked or [self._folder]])

    @on(RowList.OptionSelected, "#browse-rows")
    def _open(self, event: RowList.OptionSelected) -> None:
        event.stop()
        one = self._current()
        if event.option.id == UP:
            self.action_up()
        elif one is not None and one.is_folder:
            self._enter(self._folder / one.name)
        elif one is not None:
            path = self._folder / one.name
            self.dismiss([short(held) for held in dict.fromkeys([*self._marked, path])])

    @on(Input.Changed, "#browse-filter")
    def _filtered(self, event: Input.Changed) -> None:
        event.stop()
        self._show()

    @on(Input.Submitted, "#browse-filter")
    def _to_rows(self, event: Input.Submitted) -> None:
        event.stop()
        self.set_focus(self.query_one(RowList))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "take":
            self.action_take()
        else:
            self.dismiss(None)


def _inside(folder: Path) -> Iterable[There]:
    """What lies in a folder; hidden files, and those that are gone by now, are left out."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                yield There(entry.name, entry.is_dir(), entry.stat().st_size)
            except OSError:
                continue


def short(path: Path) -> str:
    """The path from here, where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def size(number: float) -> str:
    """Bytes as a person says them.

    >>> size(4), size(1_530_000)
    ('4 B', '1.5 MB')
    """
    unit = 0
    while number >= 1000 and unit < len(UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.0f} {UNITS[unit]}" if unit == 0 or number >= 100 else f"{number:.1f} {UNITS[unit]}"

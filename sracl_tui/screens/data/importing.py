"""Asking for files and filters: what `sracl data prepare` needs to know."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input

from sracl_tui.content import Content
from sracl_tui.widgets.plain import Button, Select, Static, entitle

FORMATS = ("table", "recbole", "amazon2014", "amazon2023", "yelp", "movielens")
FIELDS = (
    ("source", "files or folder", "several: apart by spaces; or a name of the list", ""),
    ("name", "name", "what the dataset is called", ""),
    ("k-core", "least interactions", "of each user and item; 1 keeps all", "5"),
    ("min-rating", "least rating", "empty keeps every rating", ""),
    ("user-col", "user column", "found by itself where empty", ""),
    ("item-col", "item column", "found by itself where empty", ""),
    ("time-col", "time column", "found by itself where empty", ""),
    ("title-col", "title column", "found by itself where empty", ""),
)


class ImportScreen(ModalScreen[list[str] | None]):
    """Gives the arguments of `sracl data prepare`, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("ctrl+s", "start", "Start"),
    ]

    def __init__(self, source: str, data_dir: Path) -> None:
        super().__init__()
        self._source = source
        self._data_dir = data_dir

    def compose(self) -> ComposeResult:
        """One line a field."""
        with VerticalScroll(classes="dialog form") as box:
            entitle(box, "Import", "ctrl+s starts · esc cancels")
            for name, title, hint, default in FIELDS:
                with Horizontal(classes="field"):
                    yield Static(title)
                    value = self._source if name in ("source", "name") else default
                    field = Input(value, placeholder=hint, id=f"import-{name}", compact=True)
                    field.cursor_blink = False
                    yield field
            with Horizontal(classes="field"):
                yield Static("format")
                yield Select(
                    [(name, name) for name in FORMATS],
                    prompt="found by itself",
                    id="import-format",
                    compact=True,
                )
            yield Static("", id="import-problem")
            with Horizontal(classes="buttons"):
                yield Button("Start (ctrl+s)", id="start", variant="primary", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Where one begins to type."""
        self.query_one("#import-source" if not self._source else "#import-k-core").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "start":
            self.action_start()
        else:
            self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.screen.focus_next()

    def action_start(self) -> None:
        """Check what can be checked here, then hand the arguments over."""
        held = {name: self.query_one(f"#import-{name}", Input).value.strip() for name, *_ in FIELDS}
        problem = self._problem(held)
        if problem:
            self.query_one("#import-problem", Static).update(Content.styled(f"✗ {problem}", "$error"))
            return
        name = held["name"] or Path(held["source"].split()[0]).stem
        arguments = [*_sources(held["source"]), "--out", str(self._data_dir / name), "--name", name]
        for option in ("k-core", "min-rating", "user-col", "item-col", "time-col", "title-col"):
            if held[option]:
                arguments += [f"--{option}", held[option]]
        chosen = self.query_one("#import-format", Select).value
        if isinstance(chosen, str):
            arguments += ["--format", chosen]
        self.dismiss(arguments)

    def _problem(self, held: dict[str, str]) -> str:
        if not held["source"]:
            return "say which files to import"
        missing = [path for path in _sources(held["source"]) if not Path(path).expanduser().exists()]
        if missing and held["source"] != self._source:
            return f"there is no {missing[0]}"
        if held["k-core"] and not (held["k-core"].isdigit() and int(held["k-core"]) >= 1):
            return "least interactions is a whole number from 1 on"
        try:
            float(held["min-rating"] or 0)
        except ValueError:
            return "least rating is a number"
        name = held["name"]
        return "the name is that of a folder, without /" if "/" in name else ""


def _sources(text: str) -> list[str]:
    """One path with spaces in it, if that exists, else the words."""
    return [text] if Path(text).expanduser().exists() else text.split()

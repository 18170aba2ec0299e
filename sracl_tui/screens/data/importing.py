"""Asking for files, columns and filters: what `sracl data prepare` needs to know."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input

from sracl_tui.content import Content
from sracl_tui.screens.data.import_entries import CHOICES, ENTRIES, Choice, Held, fresh, sources_of
from sracl_tui.widgets.field import Field
from sracl_tui.widgets.plain import Button, Select, Static, entitle


class ImportScreen(ModalScreen[Held | None]):
    """Gives what stands in the form once that can be tried, or None.

    `held` and `problem` are those of a try before.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("ctrl+s", "start", "Start"),
    ]

    def __init__(self, source: str = "", held: Held | None = None, problem: str = "") -> None:
        super().__init__()
        self._source = source
        self._held = held or fresh(source)
        self._told = problem

    def compose(self) -> ComposeResult:
        """One line a field, what is wrong below."""
        with VerticalScroll(classes="dialog form", can_focus=False) as box:
            entitle(box, "Import", "ctrl+s starts · esc cancels")
            for entry in ENTRIES:
                with Horizontal(classes="field"):
                    yield Static(entry.title)
                    suggester = PathSuggester() if entry.option == "source" else None
                    yield Field(
                        self._held.get(entry.option, ""),
                        placeholder=entry.hint,
                        id=f"import-{entry.option}",
                        suggester=suggester,
                    )
            for choice in CHOICES:
                with Horizontal(classes="field"):
                    yield Static(choice.title)
                    yield self._select(choice)
            yield Static("", id="import-problem")
            with Horizontal(classes="buttons"):
                yield Button("Start (ctrl+s)", id="start", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def _select(self, choice: Choice) -> Select:
        name = f"import-{choice.option}"
        select = Select(choice.others, prompt=choice.usual, id=name, compact=True)
        if self._held.get(choice.option):
            select.value = self._held[choice.option]
        return select

    def on_mount(self) -> None:
        """Where one begins to type, and what was wrong before."""
        self._tell(self._told)
        self.query_one("#import-k-core" if self._source else "#import-source").focus()

    def _tell(self, problem: str) -> None:
        said = self.query_one("#import-problem", Static)
        said.update(Content.styled(f"✗ {problem}" if problem else "", "$error"))
        if problem:
            said.scroll_visible(animate=False)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "start":
            self.action_start()
        else:
            self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.screen.focus_next()

    def action_leave_field(self) -> None:
        """Escape in a field gives up the whole form, as everywhere in it."""
        self.dismiss(None)

    def action_start(self) -> None:
        """Check what can be checked here, then hand the entries over."""
        fields = {entry.option: self.query_one(f"#import-{entry.option}", Input) for entry in ENTRIES}
        held = {option: field.value.strip() for option, field in fields.items()}
        for choice in CHOICES:
            chosen = self.query_one(f"#import-{choice.option}", Select).value
            held[choice.option] = chosen if isinstance(chosen, str) else ""
        problem = self._problem(held)
        self._tell(problem)
        if not problem:
            self.dismiss(held)

    def _problem(self, held: Held) -> str:
        if not held["source"]:
            return "say which files to import"
        for option in ("source", "valid", "test"):
            missing = [path for path in sources_of(held[option]) if not Path(path).exists()]
            if missing and held[option] != self._source:
                return f"there is no {missing[0]}"
        if held["k-core"] and not (held["k-core"].isdigit() and int(held["k-core"]) >= 1):
            return "least interactions is a whole number from 1 on"
        try:
            float(held["min-rating"] or 0)
        except ValueError:
            return "least rating is a number"
        return "the name is that of a folder, without /" if "/" in held["name"] else ""


class PathSuggester(Suggester):
    """Completes the last path that is being typed."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """`value` with its last path completed to the first that fits."""
        typed = value if Path(value).expanduser().parent.is_dir() else value.rpartition(" ")[2]
        path = Path(typed or ".").expanduser()
        folder, begun = (path, "") if typed.endswith("/") or not typed else (path.parent, path.name)
        try:
            found = sorted(
                child
                for child in folder.iterdir()
                if child.name.startswith(begun) and not child.name.startswith(".")
            )
        except OSError:
            return None
        if not typed or not found:
            return None
        rest = found[0].name.removeprefix(begun) + ("/" if found[0].is_dir() else "")
        return value + rest if rest else None

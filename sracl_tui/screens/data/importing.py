"""Asking for files, columns and filters: what `sracl data prepare` needs to know."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input

from sracl_tui.commands import CommandError, ask
from sracl_tui.content import Content, hints
from sracl_tui.screens.data.column_field import ColumnField
from sracl_tui.screens.data.first_rows import FirstRows
from sracl_tui.screens.data.import_entries import (
    CHOICES,
    COLUMNS,
    ENTRIES,
    FIRST,
    TEXTS,
    USUAL,
    Choice,
    Column,
    Entry,
    Held,
    fresh,
    in_words_of_the_form,
    name_of,
    questions,
    sources_of,
)
from sracl_tui.screens.data.text_columns import TextColumns
from sracl_tui.widgets.field import Field
from sracl_tui.widgets.plain import Button, Select, Static, entitle, hint

RAW_DIR = Path("data/raw")
STILL_SECONDS = 0.4
NEEDED = ("user", "item", "time")


class ImportScreen(ModalScreen[Held | None]):
    """Gives what stands in the form once that can be tried, or None.

    `held` and `problem` are those of a try before. `raw_dir` is where known datasets lie. `left` is what
    stood in the form when it was given up.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("ctrl+s", "start", "Start", priority=True),
        Binding("ctrl+o", "browse", "Browse", priority=True),
    ]

    def __init__(
        self, source: str = "", held: Held | None = None, problem: str = "", raw_dir: Path = RAW_DIR
    ) -> None:
        super().__init__()
        self._source = source
        self._held = held or fresh(source)
        self._told = problem
        self._raw_dir = raw_dir
        self._looked_at: list[str] | None = None
        self.left = self._held

    def compose(self) -> ComposeResult:
        """What is wrong, the files and their first rows, the columns, what else can be asked for."""
        entries = {entry.option: entry for entry in ENTRIES}
        columns = {column.option: column for column in COLUMNS}
        with VerticalScroll(classes="dialog form", can_focus=False) as box:
            entitle(box, "Import", hints("ctrl+s starts", "ctrl+o browses", "esc cancels"))
            yield Static("", id="import-problem")
            yield self._field(entries["source"])
            with Horizontal(classes="field"):
                yield Static("")
                yield Button("Browse (ctrl+o)", id="browse", compact=True)
            yield self._field(entries["name"])
            yield FirstRows("", id="import-rows")
            yield Static("", id="import-warning")
            for option in USUAL:
                yield self._field(entries[option]) if option in entries else self._column(columns[option])
            yield Static("seldom needed", classes="caption")
            for option in (*entries, *columns):
                if option not in (*FIRST, *USUAL):
                    yield self._field(entries[option]) if option in entries else self._column(columns[option])
            yield TextColumns(self._held.get(TEXTS.option, ""))
            for choice in CHOICES:
                yield Horizontal(Static(choice.title), self._select(choice), classes="field")
            with Horizontal(classes="buttons"):
                yield Button("Start (ctrl+s)", id="start", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def _field(self, entry: Entry) -> Horizontal:
        suggester = PathSuggester() if entry.option in ("source", "valid", "test") else None
        field = Field(
            self._held.get(entry.option, ""),
            placeholder=entry.hint,
            id=f"import-{entry.option}",
            suggester=suggester,
        )
        return Horizontal(Static(entry.title), field, classes="field")

    def _column(self, column: Column) -> ColumnField:
        return ColumnField(column, self._held.get(column.option, ""))

    def _select(self, choice: Choice) -> Select:
        name = f"import-{choice.option}"
        select = Select(choice.others, prompt=choice.usual, id=name, compact=True)
        if self._held.get(choice.option):
            select.value = self._held[choice.option]
        return select

    def on_mount(self) -> None:
        """Where one begins to type, and what was wrong before."""
        self._tell(self._told)
        self.set_focus(self.query_one("#import-k-core" if self._source else "#import-source"))
        self._changed()

    def _tell(self, problem: str) -> None:
        said = self.query_one("#import-problem", Static)
        said.update(Content.styled(f"✗ {problem}", "$error"))
        said.display = bool(problem)
        if problem:
            self.call_after_refresh(said.scroll_visible, animate=False)

    def _warn(self, problem: str) -> None:
        """What will be in the way, before anything is started."""
        said = self.query_one("#import-warning", Static)
        said.display = bool(problem)
        said.update(Content.styled(f"! {problem}", "$warning"))

    @on(Input.Changed)
    @on(Select.Changed)
    def _changed(self) -> None:
        """Look again, unless the same is looked at already: a second look would end the first."""
        words = questions(self._entered())
        if words != self._looked_at:
            self._looked_at = words
            self._look(words)

    @work(group="look", exclusive=True, exit_on_error=False)
    async def _look(self, words: list[str]) -> None:
        """Show what the files hold, once the entries that decide it have stood still."""
        held, shown = self._entered(), self.query_one(FirstRows)
        self._warn("")
        if not held["source"]:
            shown.say("The first rows come here, with what each column is taken for.")
            return
        await asyncio.sleep(STILL_SECONDS)
        shown.say("looking at the files…")
        try:
            found = await ask("data", "look", "--raw-dir", str(self._raw_dir), *words)
        except CommandError as error:
            self._looked_at = None
            shown.say(f"✗ {in_words_of_the_form(str(error))}", "$error")
            return
        shown.show(found)
        self._warn(in_words_of_the_form(found["problem"]))
        self._offer(found)

    def _offer(self, found: Mapping[str, Any]) -> None:
        """The columns that the files have, to choose from."""
        for field in self.query(ColumnField):
            role = field.column.role
            files = [file for file in found["files"] if file["part"] in ("log", field.column.part)]
            guesses = [guess for file in files for guess in file["guesses"] if guess["role"] == role]
            guess = next((one for one in guesses if one["column"]), guesses[0] if guesses else {})
            needed = found["takes_columns"] and role in NEEDED and bool(guesses)
            columns = [name for file in files for name in file["columns"]] if found["takes_columns"] else []
            field.offer(columns, guess.get("column", ""), guess.get("why", ""), needed)
        texts = {
            str(file["file"]): [guess["column"] for guess in file["guesses"] if guess["role"] == "text"]
            for file in found["files"]
        }
        described = [file for file in found["files"] if texts[str(file["file"])]]
        keys = {guess["column"] for file in described for guess in file["guesses"] if guess["role"] != "text"}
        others = [name for file in described for name in file["columns"] if name and name not in keys]
        self.query_one(TextColumns).offer(others, [name for names in texts.values() for name in names])
        self._hint("name", f"empty: {name_of(self._entered() | {'name': ''})}")
        self._hint("time-format", f"found: {found['times']}" if found["times"] else "")
        self._hint("events", f"empty keeps all: {', '.join(found['events'])}" if found["events"] else "")

    def _hint(self, option: str, said: str) -> None:
        usual = next(entry.hint for entry in ENTRIES if entry.option == option)
        hint(self.query_one(f"#import-{option}", Input), said or usual)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        actions = {"start": self.action_start, "browse": self.action_browse}
        actions.get(event.button.id or "", self.action_cancel)()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.screen.focus_next()

    def action_leave_field(self) -> None:
        """Escape in a field gives up the whole form, as everywhere in it."""
        self.action_cancel()

    def action_cancel(self) -> None:
        """Nothing is started; what was filled in is there to be taken up again."""
        self.left = self._entered()
        self.dismiss(None)

    def action_browse(self) -> None:
        """Look for the files in folders."""
        from sracl_tui.screens.data.browse import BrowseScreen

        def take(paths: list[str] | None) -> None:
            if paths:
                self.query_one("#import-source", Input).value = shlex.join(paths)

        held = sources_of(self.query_one("#import-source", Input).value)
        start = Path(held[0]) if held else Path.cwd()
        files = [Path(name).absolute() for name in held if Path(name).is_file()]
        self.app.push_screen(BrowseScreen(start if start.is_dir() else start.parent, files), take)

    def _entered(self) -> Held:
        held = {
            entry.option: self.query_one(f"#import-{entry.option}", Input).value.strip() for entry in ENTRIES
        }
        held |= {field.column.option: field.value for field in self.query(ColumnField)}
        held[TEXTS.option] = self.query_one(TextColumns).value
        for choice in CHOICES:
            chosen = self.query_one(f"#import-{choice.option}", Select).value
            held[choice.option] = chosen if isinstance(chosen, str) else ""
        return held

    def action_start(self) -> None:
        """Check what can be checked here, then hand the entries over."""
        held = self._entered()
        problem = self._problem(held)
        self._told = problem
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

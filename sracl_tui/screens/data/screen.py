"""Data: the datasets that are here, those that can be, and what each one holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from sracl_tui.commands import CommandError, ask
from sracl_tui.datasets import DatasetLine, prepared
from sracl_tui.deliver import copy, export
from sracl_tui.screens.base import TabScreen
from sracl_tui.screens.data import view
from sracl_tui.screens.data.dataset_panel import DatasetPanel
from sracl_tui.screens.data.job_line import JobLine
from sracl_tui.session import Session
from sracl_tui.widgets.field import FilterField
from sracl_tui.widgets.panel import Panel
from sracl_tui.widgets.row_list import CursorList, RowList

if TYPE_CHECKING:
    from sracl_tui.screens.data.import_entries import Held


class DatasetRows(CursorList):
    """The list, whose key for the next step is told in the line below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Next step", key_display="enter", tooltip="Prepare, fetch, set up a run")
    ]


class DataScreen(TabScreen):
    """Reads small files itself; every heavy question goes to `sracl data`."""

    MODE = "data"
    TITLE = "Data"
    CSS_PATH = "style.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "use", "Use", show=False, tooltip="Prepare or fetch it; a ready one goes to Configure"
        ),
        Binding("p", "prepare", "Prepare", tooltip="Prepare with filters of your own"),
        Binding("a", "add", "Import", tooltip="Import files of your own, or those of a known dataset"),
        Binding("g", "fetch", "Fetch", tooltip="Download a known dataset"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("left", "tab(-1)", "Tab", key_display="←", show=False, tooltip="The tab on the left"),
        Binding("right", "tab(1)", "Tabs", key_display="→", tooltip="The tab on the right"),
        Binding("ctrl+r", "reload", "Reload", tooltip="Look at the folder again"),
        Binding("ctrl+x", "cancel", "Cancel", tooltip="End what is being prepared or fetched"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._ready: list[DatasetLine] = []
        self._entries: list[dict[str, Any]] | None = None  # not told yet
        self._left: dict[str, Held] = {}
        """What stood in a form that was given up, by what was to be prepared: one key too many ends it."""

    def body(self) -> Iterable[Widget]:
        """List on the left, the dataset under the cursor on the right, what is going on below."""
        yield Horizontal(
            Panel(
                "Datasets",
                FilterField("/ filter datasets", "data-filter"),
                DatasetRows(id="data-rows"),
                id="datasets",
            ),
            DatasetPanel(),
            id="data-body",
        )
        yield JobLine()

    def on_mount(self) -> None:
        """Prepared datasets at once, the catalogue as soon as the command line has told it."""
        self._scan()
        self.set_focus(self.query_one(RowList))
        self._load_catalog()

    def _scan(self) -> None:
        self._ready = prepared(self.session.data_dir)
        self._show_list()

    @work(group="catalog", exclusive=True, exit_on_error=False)
    async def _load_catalog(self) -> None:
        try:
            self._entries = await ask("data", "list", "--raw-dir", str(self.session.data_dir / "raw"))
        except CommandError as error:
            self._entries = []
            self.notify(str(error), severity="error", title="the catalogue cannot be read")
        self._show_list()

    def _lines(self) -> list[DatasetLine]:
        return [*self._ready, *view.catalog(self._entries or [], self._ready)]

    def _show_list(self) -> None:
        wanted = self.query_one("#data-filter", Input).value.strip().lower()
        lines = [
            line for line in self._lines() if wanted in f"{line.label} {line.entry.get('about', '')}".lower()
        ]
        self.query_one(RowList).show([(line.key, view.row(line)) for line in lines])
        self.query_one("#datasets", Panel).note(f"{len(self._ready)} ready")
        self._show_current()

    def _current(self) -> DatasetLine | None:
        held = self.query_one(RowList).current_id
        return next((line for line in self._lines() if line.key == held), None)

    @on(DatasetPanel.Told)
    def _show_current(self) -> None:
        said = view.nothing(self.query_one("#data-filter", Input).value, self._entries is None)
        self.query_one(DatasetPanel).show(self._current(), said)
        self.keys_changed()

    @on(RowList.OptionHighlighted, "#data-rows")
    def _moved(self, event: RowList.OptionHighlighted) -> None:
        event.stop()
        self._show_current()

    @on(Input.Changed, "#data-filter")
    def _filtered(self) -> None:
        self._show_list()

    @on(Input.Submitted, "#data-filter")
    def _to_rows(self) -> None:
        self.set_focus(self.query_one(RowList))

    @on(RowList.OptionSelected, "#data-rows")
    def _selected(self, event: RowList.OptionSelected) -> None:
        event.stop()
        self.action_use()

    def home(self) -> Widget | None:
        return self.query_one("#data-rows")

    def action_use(self) -> None:
        """The next step of the dataset under the cursor."""
        line = self._current()
        if line is None:
            return
        if line.state == "ready" and line.folder is not None:
            self.session.chosen_dataset = line.folder
            self.app.switch_mode("configure")
        elif line.state == "here":
            out = self.session.data_dir / line.name
            self._prepare(line.name, [*self._source(line), "--out", str(out)])
        elif line.state == "fetch":
            self.action_fetch()
        else:
            self.notify(str(line.entry.get("manual") or "it has to be prepared again"), timeout=8)

    def offers(self, action: str) -> bool:
        """What can be done with the dataset under the cursor."""
        if not self.is_mounted:
            return False
        if action == "cancel":
            return self.query_one(JobLine).busy
        if action == "tab(1)":
            return self.query_one(DatasetPanel).has_tabs
        line = self._current()
        wanted = {"prepare": "here", "fetch": "fetch"}.get(action)
        return wanted is None or (line is not None and line.state == wanted)

    @on(JobLine.Turned)
    def _turned(self) -> None:
        self.keys_changed()

    def _source(self, line: DatasetLine) -> list[str]:
        return [line.name, "--raw-dir", str(self.session.data_dir / "raw")]

    def _prepare(
        self,
        name: str,
        words: list[str],
        failed: Callable[[str], None] | None = None,
        kept: Callable[[], None] = lambda: None,
    ) -> None:
        """Start it, after a question where there is a dataset of this name. kept: what follows a no."""
        from sracl_tui.screens.confirm import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                self.query_one(JobLine).start("preparing", name, ["data", "prepare", *words], failed)
            else:
                kept()

        if (self.session.data_dir / name / "dataset.json").exists():
            told = f"{name} is there already. Replace it? Its runs need it as it is."
            self.app.push_screen(ConfirmScreen(told, "Replace"), answered)
        else:
            answered(True)

    def action_prepare(self) -> None:
        """Ask for filters, then prepare the dataset under the cursor."""
        line = self._current()
        if line is None or line.state != "here":
            self.notify("only a dataset whose files are here can be prepared; a imports others")
            return
        self._ask_import(line.name)

    def action_add(self) -> None:
        """Ask for files, then import them."""
        self._ask_import("")

    def _ask_import(self, source: str, held: Held | None = None, problem: str = "") -> None:
        from sracl_tui.screens.data.import_entries import arguments, in_words_of_the_form
        from sracl_tui.screens.data.importing import ImportScreen

        def start(entered: Held | None) -> None:
            if entered is None:
                self._left[source] = form.left
                return
            self._left.pop(source, None)
            words = arguments(entered, self.session.data_dir)
            name = words[words.index("--name") + 1]
            raw = ["--raw-dir", str(self.session.data_dir / "raw")]

            def failed(said: str) -> None:
                # What was entered is kept: most imports fail once, by one field.
                self._ask_import(source, entered, in_words_of_the_form(said))

            def kept() -> None:
                self._ask_import(source, entered, f"{name} is there already; another name keeps it")

            self._prepare(name, [*words, *raw], failed, kept)

        raw_dir = self.session.data_dir / "raw"
        form = ImportScreen(source, held or self._left.get(source), problem, raw_dir)
        self.app.push_screen(form, start)

    def action_fetch(self) -> None:
        """Fetch the dataset under the cursor, after saying whose terms hold."""
        from sracl_tui.screens.confirm import ConfirmScreen

        line = self._current()
        if line is None or line.state != "fetch":
            self.notify("only a known dataset that is not here can be fetched")
            return
        words = ["data", "fetch", *self._source(line)]
        question = f"Fetch {line.name}?\nTerms: {line.entry.get('licence') or 'not stated'}."
        self.app.push_screen(
            ConfirmScreen(question, "Fetch"),
            lambda yes: self.query_one(JobLine).start("fetching", line.name, words) if yes else None,
        )

    @on(JobLine.Done)
    def _made(self, event: JobLine.Done) -> None:
        self.action_reload()
        made = next((line for line in self._ready if line.name == event.name), None)
        if made is not None:
            self.query_one(RowList).select_id(made.key)

    def action_cancel(self) -> None:
        """End the present job."""
        self.query_one(JobLine).cancel()

    def action_reload(self) -> None:
        self.query_one(DatasetPanel).forget()
        self._scan()
        self._load_catalog()

    def action_tab(self, by: int) -> None:
        """To another tab of the dataset."""
        self.query_one(DatasetPanel).turn(by)

    def action_filter(self) -> None:
        self.set_focus(self.query_one("#data-filter"))

    def action_copy(self) -> None:
        """The dataset's figures."""
        line = self._current()
        if line is None:
            return
        facts = self.query_one(DatasetPanel).facts(line)
        text = view.overview(facts).plain if facts else view.entry_text(line.entry).plain
        copy(self, f"{line.name}\n{text}", line.name)

    def action_export(self) -> None:
        """The list as CSV, the present dataset's facts as JSON."""
        rows = [{"name": line.name, "state": line.state, **dict(line.counts)} for line in self._ready]
        line = self._current()
        export(self, "datasets", rows, self.query_one(DatasetPanel).facts(line) if line else None)

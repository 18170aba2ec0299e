"""Configure: a preset, the settings that differ from it, what that amounts to, and Run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input, TabbedContent

from sracl_core.errors import ConfigError, StorageError
from sracl_core.files import write_text
from sracl_tui.content import hints
from sracl_tui.datasets import prepared
from sracl_tui.deliver import copy
from sracl_tui.screens.base import TabScreen
from sracl_tui.screens.configure import view
from sracl_tui.screens.configure.editor import EditorError, edit
from sracl_tui.screens.configure.form import BACKBONE, DATASET, FormModel, Resolved
from sracl_tui.screens.configure.outcome import Outcome
from sracl_tui.screens.configure.run_choices import DEFAULTS, RunChoices
from sracl_tui.screens.configure.setting_field import SettingField
from sracl_tui.screens.configure.settings_panel import SettingsPanel
from sracl_tui.session import Session
from sracl_tui.starting import start_run
from sracl_tui.view_models import RunLine
from sracl_tui.widgets.plain import Button, Select, Static
from sracl_tui.widgets.row_list import RowList


class ConfigureScreen(TabScreen):
    """The form is made from the settings' own models, so none can be missing."""

    MODE = "configure"
    TITLE = "Configure"
    CSS_PATH = "style.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5", "run", "Run", key_display="F5", tooltip="Start the training as a process of its own"),
        Binding("f6", "estimate", "Estimate", key_display="F6", tooltip="Dry run: sizes, memory, LLM calls"),
        Binding("f7", "save", "Save", key_display="F7", tooltip="Write the settings as a YAML file"),
        Binding("f8", "editor", "Editor", key_display="F8", tooltip="Edit the YAML in $EDITOR"),
        Binding("f9", "reset", "Reset", key_display="F9", tooltip="Back to the preset"),
        Binding("slash", "filter", "Find", key_display="/", tooltip="Find a setting by its name"),
        Binding("y", "copy", "Copy line", tooltip="Copy the sracl train line"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.form = FormModel()
        self._resolved = Resolved()
        self._seeds_problem = ""
        self._refused_yaml = ""

    def body(self) -> Iterable[Widget]:
        """Choices and sections, the fields, what comes of them; the command line at the bottom."""
        yield Horizontal(
            RunChoices(),
            SettingsPanel(self.form),
            Outcome(self.form, self.session.runs_dir),
            id="configure-body",
        )
        yield Vertical(Static("", id="whole-problem"), Static("", id="command"), id="bottom")

    async def on_mount(self) -> None:
        """Show the first section."""
        self._offer_datasets()
        await self._panel.draw()
        self._check()
        self.set_focus(self.query_one("#section-rows"))

    @property
    def _panel(self) -> SettingsPanel:
        return self.query_one(SettingsPanel)

    def on_screen_resume(self) -> None:
        """A dataset may have been prepared, or chosen, on the Data screen."""
        self._offer_datasets()
        self._check()

    def _offer_datasets(self) -> None:
        select = self.query_one("#pick-dataset", Select)
        lines = [line for line in prepared(self.session.data_dir) if line.state == "ready"]
        chosen = self.session.chosen_dataset
        self.session.chosen_dataset = None
        held = str(chosen) if chosen else self.form.entries.get(DATASET)
        options = [(line.label, str(line.folder)) for line in lines]
        if held and held not in [path for _, path in options]:
            options.append((Path(held).name, held))
        with select.prevent(Select.Changed):
            select.set_options(options)
            held = held or (options[0][1] if options else None)
            if held:
                select.value = held
                self.form.enter(DATASET, held)

    def _check(self) -> None:
        """Resolve the entries and show what comes of them."""
        self._resolved = self.form.resolve()
        self._panel.mark(self._resolved)
        with self.prevent(RowList.OptionHighlighted):
            self.query_one("#section-rows", RowList).show(view.section_rows(self.form, self._resolved))
        self.query_one(Outcome).show(self._resolved)
        self._show_command()
        self._show_problem()
        self.query_one("#run", Button).disabled = not self._resolved.valid
        self.keys_changed()

    def _show_problem(self) -> None:
        """What is wrong with the settings, else why the last training did not start."""
        said = view.problems(self._resolved) or view.refused(self.session.refused)
        whole = self.query_one("#whole-problem", Static)
        whole.display = bool(said)
        whole.update(said)

    def runs_changed(self, runs: tuple[RunLine, ...]) -> None:
        """A start may have failed."""
        super().runs_changed(runs)
        self._show_problem()

    def _show_command(self) -> None:
        line = self.form.command_line(self.session.runs_dir)
        self.query_one("#command", Static).update(view.command(line))

    @on(RowList.OptionHighlighted, "#section-rows")
    def _section_chosen(self, event: RowList.OptionHighlighted) -> None:
        event.stop()
        self._show_outcome(False)
        if event.option.id:
            self._panel.turn_to(event.option.id)

    @on(RowList.OptionSelected, "#section-rows")
    def _into_section(self, event: RowList.OptionSelected) -> None:
        event.stop()
        self._show_outcome(False)
        self._panel.enter()

    @on(SettingField.Changed)
    def _entered(self, event: SettingField.Changed) -> None:
        if event.key == DATASET:
            self._offer_datasets()
        if event.key == BACKBONE:
            self._panel.draw_soon()
        self._check()

    @on(Select.Changed, "#pick-preset")
    def _preset(self, event: Select.Changed) -> None:
        before = self.form.backbone
        self.form.choose(None if event.value == DEFAULTS else str(event.value))
        if self.form.backbone != before:
            self._panel.draw_soon()
        self._check()

    @on(Select.Changed, "#pick-dataset")
    def _dataset(self, event: Select.Changed) -> None:
        self.form.enter(DATASET, event.value if isinstance(event.value, str) else "")
        self._check()

    @on(Input.Changed, "#run-name")
    def _named(self, event: Input.Changed) -> None:
        self.form.name = event.value.strip()
        self._show_command()

    @on(Input.Changed, "#run-seeds")
    def _seeded(self, event: Input.Changed) -> None:
        parts = [part.strip() for part in event.value.split(",") if part.strip()]
        good = all(part.isdecimal() and part.isascii() for part in parts)
        self._seeds_problem = "" if good else "seeds are whole numbers, such as 1,2,3"
        self.form.seeds = tuple(dict.fromkeys(int(part) for part in parts)) if good else ()
        event.input.set_class(not good, "-invalid")
        self._show_command()

    @on(Button.Pressed, "#run")
    def action_run(self) -> None:
        """Start the training, unless something is wrong with the settings."""
        if not self._resolved.valid:
            key, problem = next(iter(self._resolved.problems.items()))
            self.notify(f"{key}: {problem}" if key else problem, severity="error", title="not started")
            return
        if self._seeds_problem:
            self.notify(self._seeds_problem, severity="error", title="not started")
            return
        for arguments in self.form.each():
            start_run(self.app, self.session, arguments)

    def action_estimate(self) -> None:
        """Measure again, and show it; on a small terminal in the place of the form, and back."""
        narrow = not self.has_class("-wide")
        if narrow and self.has_class("-show-outcome"):
            self._show_outcome(False)
            return
        self._show_outcome(narrow)
        self.query_one("#sides", TabbedContent).active = "side-estimate"
        if self._resolved.valid:
            self.query_one(Outcome).measure()

    def _show_outcome(self, shown: bool) -> None:
        """On a small terminal: the outcome, or the form."""
        if shown == self.has_class("-show-outcome"):
            return
        self.set_class(shown, "-show-outcome")
        self.query_one(Outcome).note(hints("F6 back to the settings") if shown else "")
        self.set_focus(None)
        self.set_focus(self.query_one("#sides Tabs" if shown else "#section-rows"))

    def action_save(self) -> None:
        """Write the settings beside the data, under the run's name."""
        if not self._resolved.values:
            self.notify("the settings do not hold yet", severity="warning")
            return
        path = Path(f"{self.form.name or 'sracl-run'}.yaml")
        try:
            write_text(path, self.form.as_yaml(self._resolved))
        except StorageError as error:
            self.notify(str(error), severity="error", title="not saved")
            return
        self.notify(f"written: {path}; `sracl train --config {path}` runs it")

    async def action_editor(self) -> None:
        """Let the person's own editor have the YAML, and take back what comes of it."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "config.yaml"
            text = self._refused_yaml or self.form.as_yaml(self._resolved)
            path.write_text(text, encoding="utf-8", errors="surrogateescape")
            try:
                edit(self.app, path)
            except EditorError as error:
                self.notify(str(error), severity="error")
                return
            self._read_back(path)
        await self._panel.draw()

    def _read_back(self, path: Path) -> None:
        from sracl_core.settings.yaml_source import flat_settings

        self._refused_yaml = ""
        try:
            self.form.take(flat_settings(path))
        except ConfigError as error:
            # What was written is not lost with the file.
            with suppress(OSError):
                self._refused_yaml = path.read_text(encoding="utf-8", errors="surrogateescape")
            why = str(error).replace(str(path), path.name)
            self.notify(f"{why}; F8 opens it again as it was left", severity="error", title="not taken over")
        self._offer_datasets()
        self._check()

    def offers(self, action: str) -> bool:
        """A run of valid settings, a way back where there is something to go back from."""
        if action == "run":
            return self._resolved.valid
        if action == "reset":
            return bool(self.form.entries.keys() - {DATASET})
        return True

    def home(self) -> Widget | None:
        """The sections, unless a small terminal has no room for them."""
        rows = self.query_one("#section-rows")
        return rows if rows.display else None

    async def action_reset(self) -> None:
        """Drop every entry but the dataset."""
        self._refused_yaml = ""
        dataset = self.form.entries.get(DATASET)
        self.form.entries = {DATASET: dataset} if dataset else {}
        await self._panel.draw()
        self._check()

    def action_filter(self) -> None:
        self._show_outcome(False)
        self.set_focus(self.query_one("#find"))

    def action_copy(self) -> None:
        copy(self, self.form.command_line(self.session.runs_dir), "command line")

    def action_export(self) -> None:
        """The same as saving."""
        self.action_save()

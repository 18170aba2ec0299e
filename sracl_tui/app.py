"""The dashboard: four screens over the runs of a folder, and what they share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from sracl_tui import commands, deliver
from sracl_tui.glyphs import AsciiFilter, StyledFilter, ascii_only
from sracl_tui.preferences import Preferences
from sracl_tui.themes import CYCLE, DARK, LIGHT
from sracl_tui.view_models import RunLine, RunSnapshot
from sracl_tui.watcher import CatalogChanged, RunChanged, Watcher

MODE_KEYS = (("data", "Data"), ("configure", "Configure"), ("train", "Train"), ("explore", "Explore"))


def _screen(name: str) -> Callable[[], Screen[Any]]:
    """Makes a screen when it is first shown: start-up pays for one of them only."""

    def make() -> Screen[Any]:
        import importlib

        module = importlib.import_module(f"sracl_tui.screens.{name}.screen")
        made: Screen[Any] = getattr(module, f"{name.capitalize()}Screen")()
        return made

    return make


class Dashboard(App[None]):
    """The app. `opened` is the run to show first."""

    TITLE = "SRA-CL"
    CSS_PATH: ClassVar[list[str | Path]] = [
        "styles/app.tcss",
        *(f"screens/{name}/style.tcss" for name, _ in MODE_KEYS),
        "styles/dialogs.tcss",
    ]
    MODES: ClassVar[dict[str, Any]] = {name: _screen(name) for name, _ in MODE_KEYS}
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [
        (0, "-narrow"),
        (60, "-medium"),
        (100, "-wide"),
    ]
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-short"), (20, "-tall"), (34, "-roomy")]
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(f"f{at},{at}", f"go('{name}')", title, key_display=f"F{at}", show=False)
            for at, (name, title) in enumerate(MODE_KEYS, start=1)
        ),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("t", "next_theme", "Theme", show=False),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]

    def __init__(
        self,
        runs_dir: Path = Path("runs"),
        data_dir: Path = Path("data"),
        opened: Path | None = None,
        preferences: Preferences | None = None,
    ) -> None:
        super().__init__()
        self.runs_dir = runs_dir
        self.data_dir = data_dir
        self.preferences = preferences or Preferences()
        self.runs: tuple[RunLine, ...] | None = None
        self.snapshots: dict[Path, RunSnapshot] = {}
        self.current: Path | None = opened
        self.overlays: tuple[Path, ...] = ()
        self.chosen_dataset: Path | None = None
        self.started_here: set[Path] = set()
        self._opened = opened
        self._moved = opened is not None
        self.watcher = Watcher(runs_dir, self.post_message)
        if self.no_color:
            self._filters.insert(0, StyledFilter())
        if ascii_only():
            self._filters.append(AsciiFilter())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """`$muted`, the color of what stands back, for themes that are not ours."""
        theme = self.current_theme
        return {"muted": "ansi_bright_black" if theme.ansi else "#8b95a1" if theme.dark else "#6b6f76"}

    def on_mount(self) -> None:
        """Theme, first screen, and the thread that follows the runs."""
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        wanted = self.preferences["theme"]
        self.theme = wanted if wanted in self.available_themes else DARK.name
        self.theme_changed_signal.subscribe(self, lambda theme: self.remember("theme", theme.name))
        self.switch_mode("train" if self._opened else "data")
        if self._opened:
            self.watcher.watch((self._opened,))
        # The thread starts once the first screen is drawn: its imports would hold that up.
        self.call_after_refresh(self._start_watching)

    def _start_watching(self) -> None:
        threading.Thread(target=self.watcher.run, name="watcher", daemon=True).start()

    async def on_unmount(self) -> None:
        """Nothing of ours outlives the app but the trainings."""
        self.watcher.stop()
        await commands.end_all()

    def on_catalog_changed(self, message: CatalogChanged) -> None:
        """Keep the list, follow the newest run when none is chosen, tell the screens."""
        first = self.runs is None
        self.runs = message.runs
        if self.current is None and message.runs:
            live = [line for line in message.runs if line.status == "running"]
            self.choose_run((live or list(message.runs))[0].path)
            if live and first and not self._moved:
                self.switch_mode("train")
        self._tell("runs_changed", message.runs)

    def on_run_changed(self, message: RunChanged) -> None:
        """Keep the snapshot and hand it to whatever screen shows it."""
        self.snapshots[message.snapshot.path] = message.snapshot
        self._tell("run_changed", message.snapshot)

    def _tell(self, method: str, what: Any) -> None:
        for stack in self._screen_stacks.values():
            for screen in stack[:1]:
                handler = getattr(screen, method, None)
                if handler is not None and screen.is_mounted:
                    handler(what)

    def choose_run(self, path: Path) -> None:
        """Make `path` the run that Train and Explore are about."""
        self.current = path
        self.overlays = tuple(other for other in self.overlays if other != path)
        self._watch()
        self._tell("run_chosen", path)

    def set_overlays(self, overlays: tuple[Path, ...]) -> None:
        """Draw these runs beside the chosen one."""
        self.overlays = overlays
        self._watch()

    def _watch(self) -> None:
        wanted = (() if self.current is None else (self.current,)) + self.overlays
        self.watcher.watch(wanted)
        self.snapshots = {path: held for path, held in self.snapshots.items() if path in wanted}

    def live_runs(self) -> list[RunLine]:
        """The runs that a process works on."""
        return [line for line in self.runs or () if line.status == "running"]

    def action_go(self, mode: str) -> None:
        """Show one of the four screens."""
        self._moved = True
        if len(self.screen_stack) == 1:
            self.switch_mode(mode)

    def action_help(self) -> None:
        """Show every key."""
        from sracl_tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def action_next_theme(self) -> None:
        """Dark, light, the terminal's own colors, and round again."""
        at = CYCLE.index(self.theme) if self.theme in CYCLE else -1
        self.theme = CYCLE[(at + 1) % len(CYCLE)]

    async def action_quit(self) -> None:
        """Quit at once, or ask what becomes of the live run that is on the screen."""
        from sracl_tui.screens.quit import QuitScreen

        if isinstance(self.screen, QuitScreen):
            return
        live = self.live_runs()
        if live:
            self.push_screen(QuitScreen(live))
        else:
            self.exit()

    def remember(self, key: str, what: Any) -> None:
        """Keep a preference; say once when that is not possible."""
        had_problem = bool(self.preferences.problem)
        if not self.preferences.set(key, what) and not had_problem:
            self.notify(self.preferences.problem, severity="warning")

    def copy_text(self, text: str, what: str) -> None:
        """Copy to the clipboard and into a file, and say so."""
        self.copy_to_clipboard(text)
        try:
            path = deliver.write_copy(text)
        except OSError as error:
            self.notify(f"{what}: copied; no file: {error.strerror or error}", severity="warning")
            return
        self.notify(f"{what}: copied, also in {path}")

    def export_rows(self, stem: str, rows: list[dict[str, Any]], whole: Any) -> None:
        """Write CSV and JSON into ./exports and say where."""
        try:
            paths = deliver.write_export(Path("exports"), stem, rows, whole)
        except OSError as error:
            self.notify(f"not exported: {error}", severity="error")
            return
        self.notify("written: " + ", ".join(str(path) for path in paths))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the palette offers: the screens, this screen's own actions, themes, quit."""
        for at, (name, title) in enumerate(MODE_KEYS, start=1):
            yield SystemCommand(
                f"{title} (F{at})", f"Show the {title} screen", lambda n=name: self.action_go(n)
            )
        for binding in getattr(screen, "BINDINGS", ()):
            if isinstance(binding, Binding) and binding.description:
                yield SystemCommand(
                    f"{binding.description} ({binding.key_display or binding.key})",
                    binding.tooltip or f"On the {screen.title or 'present'} screen",
                    lambda action=binding.action: self.run_worker(
                        screen.run_action(action), group="palette", exit_on_error=False
                    ),
                )
        yield SystemCommand("Theme", "Choose among all themes", self.action_change_theme)
        yield SystemCommand("Help (?)", "Every key", self.action_help)
        yield SystemCommand("Screenshot", "Save the screen as SVG", self.deliver_screenshot)
        yield SystemCommand("Quit (ctrl+q)", "Leave; runs go on unless told otherwise", self.action_quit)

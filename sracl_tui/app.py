"""The dashboard: screens over the runs of a folder, and what they share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from textual._context import active_message_pump
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.theme import Theme
from textual.worker import WorkerFailed, active_worker

from sracl_core.plain import plain, plain_lines
from sracl_tui import commands
from sracl_tui.content import HarmlessFilter
from sracl_tui.glyphs import AsciiFilter, StyledFilter, ascii_only
from sracl_tui.last_words import last_words
from sracl_tui.preferences import Preferences
from sracl_tui.screens import Place, find
from sracl_tui.screens.base import OverScreen, TabScreen
from sracl_tui.session import RunChosen, Session
from sracl_tui.themes import CYCLE, DARK, LIGHT
from sracl_tui.view_models import RunLine
from sracl_tui.watcher import CatalogChanged, RunChanged


class Dashboard(App[None]):
    """The app. `opened` is the run to show first."""

    TITLE = "SRA-CL"
    CSS_PATH: ClassVar[Any] = ["styles/app.tcss", "styles/dialogs.tcss"]
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [
        (0, "-narrow"),
        (60, "-medium"),
        (100, "-wide"),
    ]
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-short"), (20, "-tall"), (34, "-roomy")]
    BINDINGS: ClassVar[list[BindingType]] = [
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
        self.session = Session(
            runs_dir,
            data_dir,
            preferences or Preferences(),
            opened,
            lambda message: self.post_message(message),
        )
        self.last_words = ""
        self._opened = opened
        self._moved = opened is not None
        for place in find():
            self.add_mode(place.name, lambda place=place: self._made(place))
            for key in place.keys:
                # A function key is looked at before a screen has it, so that the keys after it wait.
                first = key.startswith("F")
                self._bindings.bind(key.lower(), f"go('{place.name}')", place.title, False, priority=first)
        self._filters.append(HarmlessFilter())
        if self.no_color:
            self._filters.insert(0, StyledFilter())
        if ascii_only():
            self._filters.append(AsciiFilter())

    def _made(self, place: Place) -> TabScreen:
        """A screen, drawn with the styles as they are: Textual would read all of them twice again for it."""
        screen = place.load()(self.session)
        screen._css_update_count = self._css_update_count
        return screen

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """`$muted`, the color of what stands back, for themes that are not ours."""
        theme = self.current_theme
        return {"muted": "ansi_bright_black" if theme.ansi else "#8b95a1" if theme.dark else "#6b6f76"}

    def on_mount(self) -> None:
        """Theme, first screen, and the thread that follows the runs."""
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        wanted = self.session.preferences["theme"]
        self.theme = wanted if wanted in self.available_themes else DARK.name
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        self.switch_mode("train" if self._opened else find()[0].name)
        # The thread starts once the first screen is drawn: its imports would hold that up.
        self.call_after_refresh(self.session.start)

    def _keep_theme(self, theme: Theme) -> None:
        if problem := self.session.remember("theme", theme.name):
            self.notify(problem, severity="warning")

    def notify(self, message: str, *, title: str = "", markup: bool = False, **how: Any) -> None:
        """A toast. What it tells may come from anywhere, so it is never markup."""
        super().notify(plain_lines(message), title=plain(title), markup=False, **how)

    def _handle_exception(self, error: Exception) -> None:
        """Everything ends the dashboard, but what is still at work for a screen that is being taken down.

        Its widgets go first: until its workers and messages end, they look for what is there no more, as
        Textual's own palette does.
        """
        failed = isinstance(error, WorkerFailed)
        node = active_worker.get().node if failed else active_message_pump.get(None)
        reason = error.error if failed else error
        if not (isinstance(reason, NoMatches) and getattr(node, "_pruning", False)):
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """In place of a page of traceback: three lines, told once the terminal is given back."""
        if os.environ.get("SRACL_DEBUG", "0") not in ("", "0"):
            super()._fatal_error()
            return
        self.last_words = last_words(sys.exception() or RuntimeError("unknown"))
        self._close_messages_no_wait()

    async def on_unmount(self) -> None:
        """Nothing of ours outlives the app but the trainings."""
        self.session.stop()
        await commands.end_all()

    def on_catalog_changed(self, message: CatalogChanged) -> None:
        """Keep the list, follow the newest run that can be asked when none is chosen, tell the screens."""
        session = self.session
        first = session.runs is None
        self._tell_ended(session.live_runs(), message.runs)
        session.take(message.runs)
        if session.current is None and message.runs:
            live = session.live_runs()
            asked = next((run for run in message.runs if run.has_model), message.runs[0])
            session.choose_run((live[0] if live else asked).path)
            if live and first and not self._moved:
                self.switch_mode("train")
        if first:
            self.run_worker(_load_screens, group="screens", thread=True, exit_on_error=False)
        self.on_starts_changed()

    def on_starts_changed(self) -> None:
        """Draw anew what runs, starts and waits."""
        for screen in self._tabs():
            screen.runs_changed(self.session.runs or ())

    def _tell_ended(self, live: list[RunLine], runs: tuple[RunLine, ...]) -> None:
        """Ring, and say how each training has ended that was alive before: who waits looks elsewhere.

        A study has many of them, so that of those which ended well the end of all is told.
        """
        now = {line.path: line for line in runs}
        ended = [now[one.path] for one in live if one.path in now and now[one.path].status != "running"]
        if not ended:
            return
        from sracl_tui.screens.train.studies import DONE, studies_of

        studied = studies_of(self.session.runs_dir, runs)
        for line in ended:
            if line.name in studied and line.status in DONE:
                continue
            best = "" if line.best is None else f", best validation {line.headline} {line.best:.4f}"
            status = "killed" if line.path in self.session.killed else line.status
            severity: SeverityLevel = "information" if status in (*DONE, "killed") else "error"
            self._ring("a training has ended", f"{line.short_name} {status}{best}", severity)
        for told in sorted({studied.get(line.name, "") for line in ended} - {""}):
            self._ring("a study has ended", told)

    def _ring(self, title: str, told: str, severity: SeverityLevel = "information") -> None:
        self.bell()
        self.notify(told, title=title, severity=severity, timeout=20)

    def on_run_changed(self, message: RunChanged) -> None:
        """Keep the snapshot and hand it to whatever screen shows it."""
        self.session.snapshots[message.snapshot.path] = message.snapshot
        for screen in self._tabs():
            screen.run_changed(message.snapshot)

    def on_run_chosen(self, message: RunChosen) -> None:
        for screen in self._tabs():
            screen.run_chosen(message.path)

    def _tabs(self) -> list[TabScreen]:
        if not self.is_running:  # the last messages come while the screens are taken down
            return []
        bases = [stack[0] for stack in self._screen_stacks.values() if stack]
        return [screen for screen in bases if isinstance(screen, TabScreen) and screen.is_mounted]

    async def action_go(self, mode: str) -> None:
        """Show one of the four screens and nothing over it, unless something is asked just now.

        Keys pressed meanwhile are that screen's own, so they wait for it.
        """
        self._moved = True
        over = self.screen_stack[1:]
        if all(isinstance(screen, OverScreen) for screen in over):
            for _ in over:
                self.pop_screen()
            await self.switch_mode(mode)
            if isinstance(self.screen, TabScreen):
                self.screen.arrive()

    def action_help(self) -> None:
        """Show every key, those of the present screen first."""
        from sracl_tui.screens.help import EVERYWHERE, HelpScreen

        if isinstance(self.screen, HelpScreen):
            return
        shared = [*self._bindings_of_modes(), *self.BINDINGS, *EVERYWHERE, *TabScreen.BINDINGS]
        tabs = sorted(find(), key=lambda place: place.name != self.current_mode)
        sections = [section for place in tabs for section in place.load().key_sections()]
        present = set(self.screen.BINDINGS)
        sections.sort(key=lambda section: not present <= set(section[1]))
        listed = [sections[0], ("Everywhere", shared), *sections[1:]]
        # What is everywhere on a screen is not in a box over it.
        here = 2 if len(self.screen_stack) == 1 else 1
        self.push_screen(HelpScreen(listed, here), lambda key: key and self.action_press(key))

    def _bindings_of_modes(self) -> Iterator[Binding]:
        for place in find():
            yield Binding(
                place.keys[-1], f"go('{place.name}')", place.title, key_display=" ".join(place.keys)
            )

    def action_press(self, key: str) -> None:
        """What `key` does, by a click on a line that tells of it."""
        # Later, as the app's own: a key that a box sends to what is in it goes no farther than to the box.
        self.call_later(self.simulate_key, key)

    def action_next_theme(self) -> None:
        """Dark, light, the terminal's own colors, and round again."""
        at = CYCLE.index(self.theme) if self.theme in CYCLE else -1
        self.theme = CYCLE[(at + 1) % len(CYCLE)]

    async def action_quit(self) -> None:
        """Quit at once, or ask what becomes of the live run that is on the screen."""
        from sracl_tui.screens.quit import QuitScreen

        if isinstance(self.screen, QuitScreen):
            return
        live = self.session.live_runs()
        if live:
            self.push_screen(QuitScreen(live, len(self.session.waiting)))
        else:
            self.exit()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the palette offers, each thing once: the screens, this screen's own actions, themes, quit."""
        yield from {one.title: one for one in self._commands(screen)}.values()

    def _commands(self, screen: Screen[Any]) -> Iterator[SystemCommand]:
        for place in find():
            yield SystemCommand(
                f"{place.title} ({place.keys[0]})",
                f"Show the {place.title} screen",
                lambda name=place.name: self.action_go(name),
            )
        held = [
            one for one in getattr(screen, "BINDINGS", ()) if isinstance(one, Binding) and one.description
        ]
        for binding in {
            one.action: one for one in reversed(held)
        }.values():  # the first of those that do one thing
            keys = ", ".join(one.key_display or one.key for one in held if one.action == binding.action)
            yield SystemCommand(
                f"{binding.description} ({keys})",
                binding.tooltip or f"On the {screen.title or 'present'} screen",
                lambda action=binding.action: self.run_worker(
                    screen.run_action(action), group="palette", exit_on_error=False
                ),
            )
        yield SystemCommand("Theme", "Choose among all themes", self.action_change_theme)
        yield SystemCommand("Help (?)", "Every key", self.action_help)
        yield SystemCommand("Screenshot", "Save the screen as SVG", self.deliver_screenshot)
        yield SystemCommand("Quit (ctrl+q)", "Leave; runs go on unless told otherwise", self.action_quit)


def _load_screens() -> None:
    """Import what the other screens need while the first one is looked at: numpy alone takes a while."""
    for place in find():
        place.load()

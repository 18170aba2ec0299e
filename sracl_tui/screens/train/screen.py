"""Train: the runs, and the one that is watched, live."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from sracl_tui.commands import CommandError, ask
from sracl_tui.content import Content
from sracl_tui.deliver import copy, export
from sracl_tui.screens.base import TabScreen
from sracl_tui.screens.train import view
from sracl_tui.screens.train.chart_settings import ChartSettings
from sracl_tui.screens.train.run_list import RunList
from sracl_tui.screens.train.watched_run import WatchedRun
from sracl_tui.session import Session
from sracl_tui.starting import kill_run, resume_run, stop_run
from sracl_tui.view_models import RunLine, RunSnapshot, short_name

MOST_OVERLAYS = 3
ALLOWED = {
    "stop": ("running",),
    "kill": ("running",),
    "freeze": ("running",),
    "resume": ("stopped", "crashed", "failed"),
    "groups": ("finished",),
}
"""In which states of a run an action has something to do."""
TAKES_RUNS = {"runs": 1, "board": 1, "turn": 1, "overlay": 2, "difference": 2}
"""How many runs there must be for an action."""
SNUG = 120
"""Below as many columns the list gives some of its own to the charts."""


class TrainScreen(TabScreen):
    """Tails run directories; starts nothing but `sracl resume` and `sracl stop`."""

    MODE = "train"
    TITLE = "Train"
    CSS_PATH = "style.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "runs", "Runs", tooltip="Go to the list of runs"),
        Binding("b", "board", "Board", tooltip="Runs as one ranked list: seeds, differences, notes"),
        Binding("o", "overlay", "Overlay", tooltip="Draw the run under the cursor beside this one"),
        Binding("space", "freeze", "Freeze", tooltip="Hold the display; reading goes on"),
        Binding("S", "stop", "Stop", key_display="S", tooltip="Checkpoint, then stop"),
        Binding("K", "kill", "Kill", key_display="K", show=False, tooltip="End the process at once"),
        Binding("R", "resume", "Resume", key_display="R", tooltip="Go on from the last checkpoint"),
        Binding("g", "groups", "Groups", tooltip="For whom the run is good, by group, and the long tail"),
        Binding("c", "studies", "Studies", tooltip="Comparisons and studies as they fill"),
        Binding("x", "turn('x_axis')", "Axis", tooltip="Charts over steps, epochs or time"),
        Binding("s", "turn('smoothing')", "Smooth", tooltip="Smoother curves: a mean over more points"),
        Binding("v", "turn('metric')", "Metric", tooltip="Another metric in the second validation chart"),
        Binding(
            "d", "difference", "Differences", tooltip="How the settings differ from the run under the cursor"
        ),
        Binding("m", "turn('masking')", "Masking", tooltip="Validation with seen items masked or not"),
        Binding("l", "turn('log_axis')", "Log axis", tooltip="Logarithmic axis for the losses"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._frozen = False
        self._shown: RunSnapshot | None = None

    @classmethod
    def key_sections(cls) -> list[tuple[str, list[BindingType]]]:
        """Also those of the leaderboard."""
        from sracl_tui.screens.train.board import BoardScreen

        return [*super().key_sections(), ("The leaderboard (b on Train)", BoardScreen.BINDINGS)]

    def body(self) -> Iterable[Widget]:
        """List on the left, the run on the right."""
        yield Horizontal(RunList(), WatchedRun(), id="train-body")

    def on_mount(self) -> None:
        self._redraw()

    def on_resize(self, event: events.Resize) -> None:
        """A list that has no room any more gives up the focus, too."""
        super().on_resize(event)
        self.set_class(event.size.width < SNUG, "-snug")
        if event.size.width < 100 and not self.has_class("-show-runs"):
            self._leave_list()

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was shown."""
        self._redraw()

    def runs_changed(self, runs: tuple[RunLine, ...]) -> None:
        super().runs_changed(runs)
        self._list()

    def run_changed(self, snapshot: RunSnapshot) -> None:
        """A watched run has moved."""
        if self.is_current and not self._frozen:
            self._redraw()

    def run_chosen(self, path: Path) -> None:
        self._list()
        self._redraw()

    def _list(self) -> None:
        session = self.session
        self.query_one(RunList).show(session.runs or (), session.current, session.overlays)
        self.keys_changed()

    def _redraw(self) -> None:
        session, watched = self.session, self.query_one(WatchedRun)
        held, chosen = session.snapshots, session.current
        snapshot = held.get(chosen) if chosen else None
        if snapshot is None:
            watched.show_nothing(chosen is not None)
            self.keys_changed()
            return
        self._shown = snapshot
        self.keys_changed()
        overlays = [held[path] for path in session.overlays if path in held]
        watched.show([snapshot, *overlays], ChartSettings.of(session.preferences), self._frozen)

    @on(RunList.Chosen)
    def _choose(self, event: RunList.Chosen) -> None:
        self.session.choose_run(event.path)
        self._leave_list()

    def _leave_list(self) -> None:
        """Where the list goes away with this, no key must end up in its filter."""
        self.remove_class("-show-runs")
        if self.app.size.width < 100 and self.query_one(RunList).has_pseudo_class("focus-within"):
            self.set_focus(None)

    def action_runs(self) -> None:
        """To the list; on a small terminal it takes the place of the charts, and gives it back."""
        narrow = not self.has_class("-wide")
        if narrow and self.has_class("-show-runs"):
            self._leave_list()
            return
        self.add_class("-show-runs")
        self.set_focus(self.query_one("#run-rows"))

    def action_filter(self) -> None:
        """To the filter of the list."""
        self.add_class("-show-runs")
        self.query_one(RunList).focus_filter()

    def home(self) -> Widget | None:
        """The runs, where they are shown."""
        rows = self.query_one("#run-rows")
        return rows if self.query_one(RunList).display and rows.display else None

    def action_overlay(self) -> None:
        """Draw the run under the cursor too, or no more."""
        session, path = self.session, self.query_one(RunList).highlighted_run()
        if path is None or path == session.current:
            self.notify("put the cursor on another run in the list (r), then press o")
            return
        held = session.overlays
        kept = tuple(p for p in held if p != path) if path in held else (*held, path)[-MOST_OVERLAYS:]
        session.set_overlays(kept)
        self._list()
        self._redraw()

    def action_zoom(self) -> None:
        """The list over the whole screen is the leaderboard; any other panel is itself."""
        if self.maximized is None and self.query_one(RunList).has_pseudo_class("focus-within"):
            self.action_board()
        else:
            super().action_zoom()

    def action_board(self) -> None:
        """The runs as one ranked list."""
        from sracl_tui.screens.train.board import BoardScreen

        self.app.push_screen(
            BoardScreen(self.session), lambda path: None if path is None else self.session.choose_run(path)
        )

    def action_turn(self, name: str) -> None:
        """Another axis, smoothing, protocol or metric."""
        self.remember(name, ChartSettings.of(self.session.preferences).next(name, self._shown))
        self._redraw()

    def action_freeze(self) -> None:
        """Hold the display, or catch up."""
        self._frozen = not self._frozen
        self.notify("display frozen; reading goes on" if self._frozen else "live again", timeout=2)
        self._redraw()

    def action_copy(self) -> None:
        """The run's path and figures."""
        if self._shown is not None:
            copy(self, view.summary(self._shown), short_name(self._shown.name))

    def action_export(self) -> None:
        """The epochs as CSV, everything as JSON."""
        if self._shown is not None:
            rows, whole = view.export(self._shown)
            export(self, self._shown.name, rows, whole)

    def action_difference(self) -> None:
        """The settings in which two runs differ."""
        from sracl_tui.screens.text import TextScreen

        session, other = self.session, self.query_one(RunList).highlighted_run()
        if session.current is None or other is None or other == session.current:
            self.notify("put the cursor on another run in the list (r), then press d")
            return
        text = view.difference(session.current, other)
        self.app.push_screen(TextScreen("Settings that differ", text))

    def action_groups(self) -> None:
        """Test metrics by group of users and items."""
        if path := self._watched("groups", "group"):
            self._groups(path)

    @work(group="groups", exclusive=True, exit_on_error=False)
    async def _groups(self, path: Path) -> None:
        from sracl_tui.screens.text import TextScreen
        from sracl_tui.screens.train.groups import group_text

        reading = TextScreen(f"Groups of {short_name(path.name)}", "reading the ranks…")
        self.app.push_screen(reading)
        try:
            reading.show(group_text(await ask("runs", "show", str(path), "--groups")))
        except CommandError as error:
            reading.show(Content.styled(f"✗ {error}", "$error"))

    def action_studies(self) -> None:
        from sracl_tui.screens.train.studies import StudiesScreen

        self.app.push_screen(StudiesScreen(self.session))

    def offers(self, action: str) -> bool:
        """What the state of the watched run allows, and what there are runs enough for."""
        if action in ALLOWED:
            return self._shown is not None and self._shown.status in ALLOWED[action]
        return len(self.session.runs or ()) >= TAKES_RUNS.get(action.partition("(")[0], 0)

    def _watched(self, action: str, verb: str) -> Path | None:
        snapshot = self._shown
        if snapshot is None:
            self.notify(f"there is no run to {verb}")
        elif snapshot.status not in ALLOWED[action]:
            self.notify(f"{short_name(snapshot.name)} is {snapshot.status}: nothing to {verb}")
        else:
            return snapshot.path
        return None

    def action_stop(self) -> None:
        """Ask for a checkpoint and an end."""
        if path := self._watched("stop", "stop"):
            stop_run(self.app, self.session, path)

    def action_kill(self) -> None:
        """End the process without a checkpoint, after a question."""
        from sracl_tui.screens.confirm import ConfirmScreen

        if path := self._watched("kill", "kill"):
            question = "End the process at once? What it learned since the last checkpoint is lost."
            self.app.push_screen(
                ConfirmScreen(question, "Kill"),
                lambda yes: kill_run(self.app, self.session, path) if yes else None,
            )

    def action_resume(self) -> None:
        """Start `sracl resume` as a process of its own."""
        if path := self._watched("resume", "resume"):
            resume_run(self.app, self.session, path)

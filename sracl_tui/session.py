"""What the screens share: the runs, the chosen one, what was read of it, and what the person prefers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.message import Message

from sracl_tui.preferences import Preferences
from sracl_tui.view_models import RunLine, RunSnapshot
from sracl_tui.watcher import Watcher


class RunChosen(Message):
    """Train and Explore are about another run now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__()


class StartsChanged(Message):
    """What starts or waits is another; the runs are told by the watcher alone, which may know newer ones."""


class Session:
    """Knows no widget. `post` is the app's `post_message`: changes reach the screens as messages.

    runs: None until the folder was read once. current: the run that Train and Explore are about.
    overlays: the runs that are drawn beside it. chosen_dataset: what Data hands to Configure.
    started: what was asked of the trainings that this session started and that go on. silent: those of them
    without a sign of life so far. waiting: what is asked of those that follow, one after the other. refused:
    why the last one could not start, until one does. killed: the runs that were ended at once from here,
    which is no error.
    """

    def __init__(
        self,
        runs_dir: Path,
        data_dir: Path,
        preferences: Preferences,
        opened: Path | None,
        post: Callable[[Message], Any],
    ) -> None:
        self.runs_dir = runs_dir
        self.data_dir = data_dir
        self.preferences = preferences
        self.runs: tuple[RunLine, ...] | None = None
        self.snapshots: dict[Path, RunSnapshot] = {}
        self.current = opened
        self.overlays: tuple[Path, ...] = ()
        self.chosen_dataset: Path | None = None
        self.started: set[tuple[str, ...]] = set()
        self.silent: set[tuple[str, ...]] = set()
        self.waiting: list[tuple[str, ...]] = []
        self.refused = ""
        self.killed: set[Path] = set()
        self._post = post
        self._watcher = Watcher(runs_dir, post)
        self._watch()

    def start(self) -> None:
        """Begin to follow the runs, in a thread of its own."""
        threading.Thread(target=self._watcher.run, name="watcher", daemon=True).start()

    def stop(self) -> None:
        """End the thread."""
        self._watcher.stop()

    def look(self) -> None:
        """Look at the runs at once."""
        self._watcher.refresh()

    def tell_runs(self) -> None:
        """Let every screen draw anew what runs and what waits."""
        if self.runs is not None:
            self._post(StartsChanged())

    def take(self, runs: tuple[RunLine, ...]) -> None:
        """These are the runs now; one that was renamed, here or elsewhere, is watched as before."""
        before = {line.path: line.created for line in self.runs or ()}
        new = {line.created: line.path for line in runs if line.path not in before}
        gone = before.keys() - {line.path for line in runs}
        moved = {path: new[before[path]] for path in gone if before[path] in new}
        self.runs = runs
        if moved.keys() & {self.current, *self.overlays}:
            self.overlays = tuple(moved.get(path, path) for path in self.overlays)
            if self.current is not None:
                self.choose_run(moved.get(self.current, self.current))

    def alike(self) -> list[RunLine]:
        """Runs with a model, of the data of the watched one: those of other data know none of its users."""
        runs = self.runs or ()
        data = next((run.dataset for run in runs if run.path == self.current), None)
        others = [run for run in runs if run.path != self.current and run.has_model]
        return [run for run in others if data in (None, run.dataset)]

    def choose_run(self, path: Path) -> None:
        """Make `path` the run that Train and Explore are about."""
        self.current = path
        self.overlays = tuple(other for other in self.overlays if other != path)
        self._watch()
        self._post(RunChosen(path))

    def set_overlays(self, overlays: tuple[Path, ...]) -> None:
        """Draw these runs beside the chosen one."""
        self.overlays = overlays
        self._watch()

    def remember(self, key: str, what: Any) -> str:
        """Keep a preference; the first time that this is not possible, why."""
        had_problem = bool(self.preferences.problem)
        kept = self.preferences.set(key, what)
        return "" if kept or had_problem else self.preferences.problem

    def live_runs(self) -> list[RunLine]:
        """The runs that a process works on."""
        return [line for line in self.runs or () if line.status == "running"]

    def _watch(self) -> None:
        wanted = (() if self.current is None else (self.current,)) + self.overlays
        self._watcher.watch(wanted)
        self.snapshots = {path: held for path, held in self.snapshots.items() if path in wanted}

"""One thread that follows the runs and hands frozen snapshots to the app."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message

from sracl_tui.view_models import RunLine, RunSnapshot

if TYPE_CHECKING:
    from sracl_core.runs.catalog import RunCatalog
    from sracl_core.runs.history import RunHistory
    from sracl_core.runs.reader import RunReader
    from sracl_core.runs.summary import RunSummary
    from sracl_core.runs.usage import Usage, UsageMeter

POLL_SECONDS = 0.7
BACKLOG_SECONDS = 0.5
"""A long file is read for this long before its course so far is drawn."""
BACKLOG_BYTES = 32 << 20
"""Of a longer file the steps are thinned out: more points than this holds no chart can show."""
CATALOG_SECONDS = 2.0
CATALOG_SHARE = 0.005
MOST_CATALOG_SECONDS = 10.0
"""A look at the list waits longer where a thousand runs make it cost more than this share of a core."""


class CatalogChanged(Message):
    """The list of runs is another one now."""

    def __init__(self, runs: tuple[RunLine, ...]) -> None:
        self.runs = runs
        super().__init__()


class RunChanged(Message):
    """Something new is known of a watched run."""

    def __init__(self, snapshot: RunSnapshot) -> None:
        self.snapshot = snapshot
        super().__init__()


class RunFollower:
    """Gathers one run; `poll` gives a snapshot when anything that can be seen has changed."""

    def __init__(self, path: Path) -> None:
        from sracl_core.runs.history import RunHistory
        from sracl_core.runs.reader import RunReader

        self.path = path
        self._reader: RunReader = RunReader(path, backlog_bytes=BACKLOG_BYTES)
        self._history: RunHistory = RunHistory()
        self._resets = 0
        self._seen: Any = None
        self._records = 0
        self._log = (0.0, "")
        self._fault = ""
        self._meter: UsageMeter | None = None

    @property
    def behind(self) -> bool:
        """Whether there is more to read right away."""
        return self._reader.behind

    def poll(self) -> RunSnapshot | None:
        """Read on; None when nothing changed. What a run may do becomes a snapshot that says so."""
        try:
            return self._poll()
        except Exception as error:
            said = f"this run cannot be followed: {type(error).__name__}: {error}"
            if said == self._fault:
                return None
            self._fault = said
            return RunSnapshot(path=self.path, status="damaged", problem=said, taken=time.time())

    def _poll(self) -> RunSnapshot | None:
        from sracl_core.runs.liveness import status

        self._read()
        vanished = self._reader.vanished
        state = self._reader.read_state() or (dict(self._seen[0]) if vanished and self._seen else {})
        word = status(state)
        shown = {key: held for key, held in state.items() if key != "heartbeat"}
        quiet = int(max(0.0, time.time() - (state.get("heartbeat") or 0.0)) // 15) if word == "running" else 0
        seen = (shown, word, vanished, self._records, self._resets, self._reader.behind, quiet)
        if seen == self._seen and not self._log_moved():
            return None
        self._seen = seen
        return self._snapshot(state, word, vanished)

    def _read(self) -> None:
        """The next chunk, and what else of a backlog can be read in a while."""
        end = time.monotonic() + BACKLOG_SECONDS
        while True:
            records = self._reader.poll()
            # A file that is gone keeps its course on the screen until another one begins.
            if records and self._reader.resets != self._resets:
                self._resets = self._reader.resets
                self._history.clear()
            self._history.add(records)
            self._records += len(records)
            if not self._reader.behind or time.monotonic() > end:
                return

    def _snapshot(self, state: dict[str, Any], word: str, vanished: bool) -> RunSnapshot:
        from sracl_core.runs.summarizing import damage

        history, run = self._history, self._reader.run
        problem = None if vanished else damage(run)
        return RunSnapshot(
            path=self.path,
            status="damaged" if problem else word,
            state=state,
            meta=run.meta(),
            settings=run.settings(),
            problem=problem,
            steps={name: copy(column) for name, column in history.steps.items()},
            epochs=tuple(history.epochs),
            stages=dict(history.stages),
            progress=dict(history.progress),
            messages=tuple(history.messages),
            results=self._reader.read_results(),
            log=self._log_text(),
            resumes=history.resumes,
            vanished=vanished,
            damaged=self._reader.damaged,
            catching_up=self._caught_up() if self._reader.behind else None,
            disk_free=_free(self.path),
            usage=self._usage(state) if word == "running" else None,
            taken=time.time(),
        )

    def _usage(self, state: dict[str, Any]) -> Usage | None:
        from sracl_core.runs.usage import UsageMeter

        self._meter = self._meter or UsageMeter()
        return self._meter.read(state)

    def _caught_up(self) -> float:
        try:
            return min(1.0, self._reader.offset / max(1, self._reader.run.metrics_path.stat().st_size))
        except OSError:
            return 1.0

    def _log_moved(self) -> bool:
        try:
            return self._reader.run.log_path.stat().st_mtime != self._log[0]
        except OSError:
            return False

    def _log_text(self) -> str:
        if self._log_moved():
            self._log = (self._reader.run.log_path.stat().st_mtime, self._reader.read_log())
        return self._log[1]


class Watcher:
    """The thread. `post` is the app's `post_message`, which any thread may call."""

    def __init__(self, runs_dir: Path, post: Callable[[Message], Any]) -> None:
        self._post = post
        self._catalog_dir = runs_dir
        self._wanted: tuple[Path, ...] = ()
        self._followers: dict[Path, RunFollower] = {}
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._forget = False

    def watch(self, paths: tuple[Path, ...]) -> None:
        """Follow exactly these runs from now on; a run that is new here is read from its start."""
        self._wanted = paths
        self._wake.set()

    def refresh(self) -> None:
        """Look at once."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread at its next look."""
        self._ended.set()
        self._wake.set()

    def run(self) -> None:
        """The thread's own loop."""
        from sracl_core.runs.catalog import RunCatalog

        catalog, listed, due = RunCatalog(self._catalog_dir), None, 0.0
        while not self._ended.is_set():
            woken = self._wake.is_set()
            self._wake.clear()
            self._follow()
            now = time.monotonic()
            if woken or now >= due:
                began = time.thread_time()
                runs = run_lines(catalog, None if listed else self._tell)
                pause = (time.thread_time() - began) / CATALOG_SHARE
                due = time.monotonic() + min(MOST_CATALOG_SECONDS, max(CATALOG_SECONDS, pause))
                if runs != listed:
                    listed = runs
                    self._post(CatalogChanged(runs))
            behind = any(follower.behind for follower in self._followers.values())
            self._wake.wait(0.05 if behind else POLL_SECONDS)

    def _follow(self) -> None:
        """Read the wanted runs on."""
        held, wanted = self._followers, self._wanted
        self._followers = {path: held.get(path) or RunFollower(path) for path in wanted}
        for follower in self._followers.values():
            snapshot = follower.poll()
            if snapshot is not None:
                self._post(RunChanged(snapshot))

    def _tell(self, newest: tuple[RunLine, ...]) -> None:
        """The first of a long list, and the run that was chosen of them meanwhile."""
        self._post(CatalogChanged(newest))
        self._follow()


def run_lines(
    catalog: RunCatalog, tell: Callable[[tuple[RunLine, ...]], Any] | None = None
) -> tuple[RunLine, ...]:
    """All runs, newest first. Never raises for what a folder may hold.

    tell: is given the newest while many more are still to be read.
    """
    try:
        return _lines(catalog.read(None if tell is None else lambda found: tell(_lines(found))))
    except OSError:
        return ()


def _lines(found: list[RunSummary]) -> tuple[RunLine, ...]:
    from sracl_core.runs.records import headline_name, metric

    return tuple(
        RunLine(
            path=summary.path,
            name=summary.name,
            status=summary.status,
            dataset=summary.dataset,
            model=summary.model,
            epoch=summary.epoch,
            best=metric(summary.valid, summary.headline),
            headline=headline_name(summary.headline),
            problem=summary.problem or "",
            created=summary.created,
            seed=summary.seed,
        )
        for summary in found
    )


def _free(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None

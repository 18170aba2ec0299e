"""trackio: its database on this machine, one project for all runs. Nothing is sent anywhere."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.trackers.base import Point, Tracker, told_settings

PROJECT = "sracl"


class Database:
    """One run of the project. Written as trackio's own imports are, so that points keep their times.

    `trackio.init` would start threads, measure this machine, and send to a server that a variable names.
    """

    def __init__(self, run: RunDirectory, out: Path | None) -> None:
        if out is not None:
            os.environ["TRACKIO_DIR"] = str(out.resolve())
        from trackio.sqlite_storage import SQLiteStorage
        from trackio.utils import TRACKIO_DIR

        place = "" if out is None else f"TRACKIO_DIR={shlex.quote(str(TRACKIO_DIR))} "
        self.look = f"{place}trackio show --project {PROJECT}"
        self._storage, self._run = SQLiteStorage, run
        self._settings: dict[str, bool | int | float | str] | None = told_settings(run.settings())
        SQLiteStorage.delete_run(PROJECT, run.name, run.name)

    def write(self, points: Sequence[Point]) -> None:
        self._storage.bulk_log(
            PROJECT,
            self._run.name,
            [point.values for point in points],
            [point.step for point in points],
            [datetime.fromtimestamp(point.time, UTC).isoformat() for point in points],
            config=self._settings,
            run_id=self._run.name,
        )
        self._settings = None

    def close(self) -> None:
        """Each write was whole."""


TRACKER = Tracker("trackio", "pip install 'sracl-tui[trackio]'", Database)

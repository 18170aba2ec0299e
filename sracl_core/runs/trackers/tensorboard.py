"""TensorBoard: event files in the run's folder, or in a folder for several runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from sracl_core.files import make_folder, storage_error
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.trackers.base import Point, Tracker, told_settings

FOLDER = "tensorboard"
EVENTS = "events.out.tfevents.*"


class EventFiles:
    """One event file; the settings go to TensorBoard's page of hyperparameters."""

    def __init__(self, run: RunDirectory, out: Path | None) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder = run.path / FOLDER if out is None else out / run.name
        self.look = f"tensorboard --logdir {shlex.quote(str(run.path.parent if out is None else out))}"
        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        make_folder(folder)
        try:
            for earlier in folder.glob(EVENTS):
                earlier.unlink()
            self._file = EventFileWriter(str(folder))
        except OSError as error:
            raise storage_error(error, folder) from error
        began = float(run.meta().get("created") or 0.0)
        # Whoever has read an earlier file of this run forgets what it said.
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._file.add_event(self._event(wall_time=began, step=0, session_log=start))
        settings = hparams_pb(told_settings(run.settings()), trial_id=run.name, start_time_secs=began)
        self._file.add_event(self._event(wall_time=began, step=0, summary=settings))

    def write(self, points: Sequence[Point]) -> None:
        value = self._summary.Value
        for point in points:
            values = [value(tag=name, simple_value=number) for name, number in point.values.items()]
            event = self._event(wall_time=point.time, step=point.step, summary=self._summary(value=values))
            self._file.add_event(event)
        self._file.flush()

    def close(self) -> None:
        self._file.close()


TRACKER = Tracker("tensorboard", "pip install 'sracl-tui[tensorboard]'", EventFiles)

"""What a running training writes into its run directory, for anybody who watches."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sracl_core import disk
from sracl_core.errors import StorageError
from sracl_core.files import storage_error, write_json
from sracl_core.json_values import jsonable, without_non_finite
from sracl_core.plain import plain as one_line
from sracl_core.progress import RateMeter
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.events import Record, from_one, marked
from sracl_core.runs.liveness import fresh_state
from sracl_core.runs.lock import only_writer
from sracl_core.runs.meanwhile import meanwhile

STATE_SECONDS = 0.5
PROGRESS_EVENT_SECONDS = 5.0
BEAT_SECONDS = 2.0


class RunWriter:
    """Appends events to metrics.jsonl and log.txt, and keeps state.json current.

    A line is handed to the system whole and at once, so a killed process leaves at most one cut
    line, the last, which the next writer closes. state.json is replaced in one move. Raises
    StorageError when the disk is full or not writable, RunError while another process writes this run
    (the system frees a dead process's lock). `listener` hears every event as well: that
    is how a command shows on the terminal what it writes.

    >>> with RunWriter(run) as writer:                                  # doctest: +SKIP
    ...     writer.state(stage="train", total_steps=5140)
    ...     writer.event("step", step=10, epoch=0, loss=9.1)
    """

    def __init__(self, run: RunDirectory, listener: Callable[[Record], None] | None = None) -> None:
        self.run = run
        self._listener = listener
        self._held = contextlib.ExitStack()
        self._guard = threading.RLock()
        self._held.enter_context(only_writer(run))
        for folder in (run.path, run.model_dir, run.checkpoints):
            disk.sweep(folder)
        self._metrics = _AppendOnly(run.metrics_path)
        self._state = {**run.state(), **fresh_state(time.time())}
        self._log = _AppendOnly(run.log_path)
        self._state_due = 0.0
        self._progress_due: dict[str, float] = {}
        self._meters: dict[str, RateMeter] = {}
        self._write_state()

    def event(self, kind: str, /, **fields: Any) -> None:
        """Append one line to metrics.jsonl, and to log.txt what a person reads.

        NaN and infinities become null, and their names go into a field "non_finite". The best
        epoch so far is noted in state.json, so that a list of runs need not read the metrics.
        """
        clean, bad = without_non_finite(fields)
        record = {"event": kind, "time": time.time(), **clean}
        if bad:
            record["non_finite"] = bad
        self._metrics.append(marked(json.dumps(record, default=jsonable)) + "\n")
        text = log_text(kind, record)
        if text:
            self._log.append(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} {one_line(text)}\n")
        if kind == "epoch" and record.get("best"):
            self.state(best_epoch=record.get("epoch"), best_valid=record.get("valid"))
        if self._listener is not None:
            self._listener(record)

    def parts(self, names: Sequence[str]) -> None:
        """The names of the parts of the loss, into meta.json, where tables and charts find their order."""
        meta = self.run.meta()
        if meta and meta.get("parts") != list(names):
            write_json(self.run.meta_path, {**meta, "parts": list(names)}, seal=True)

    def message(self, text: str, level: str = "info") -> None:
        """A line for people: into log.txt and, as a `message` event, into metrics.jsonl."""
        self.event("message", level=level, text=text)

    def state(self, **fields: Any) -> None:
        """Merge `fields` into state.json and write it now; the heartbeat comes along."""
        clean, _ = without_non_finite(fields)
        with self._guard:
            ends = clean.get("status", self._state["status"]) != self._state["status"]
            self._state.update(clean)
            self._write_state(durable=ends)

    def heartbeat(self, **fields: Any) -> None:
        """Say that the process lives; `fields` as in `state`, but written at most twice a second."""
        with self._guard:
            self._state.update(without_non_finite(fields)[0])
            if time.monotonic() >= self._state_due:
                self._write_state()

    def beating(self) -> contextlib.AbstractContextManager[None]:
        """Heartbeats by themselves while something runs that cannot call: a search, a disk, a start."""

        def beat(ended: threading.Event) -> None:
            while not ended.wait(BEAT_SECONDS):
                # Whatever is wrong with the disk, the work itself meets it as well, and says so.
                with contextlib.suppress(StorageError):
                    self.heartbeat()

        return meanwhile(beat, "heartbeat")

    def spent(self, stage: str, seconds: float) -> None:
        """Add to the seconds of a stage, over all sittings; `stage_seconds` has them."""
        self.state(stages={**self.stage_seconds, stage: self.stage_seconds.get(stage, 0.0) + seconds})

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Seconds of each stage that has ended or been broken off, over all sittings."""
        found = self._state.get("stages")
        return dict(found) if isinstance(found, dict) else {}

    def progress(self, stage: str, done: int, total: int) -> None:
        """The Progress protocol: cheap between writes; state twice a second, an event every 5 s."""
        now = time.monotonic()
        last = done >= total
        if now < self._state_due and not last and stage in self._meters:
            return
        meter = self._meters.get(stage)
        if meter is None:
            meter = self._meters[stage] = RateMeter(now, done)
        eta = meter.eta(now, done, total)
        self.state(stage=stage, done=done, total=total, eta_seconds=eta)
        if last or now >= self._progress_due.get(stage, 0.0):
            self._progress_due[stage] = now + PROGRESS_EVENT_SECONDS
            self.event("progress", stage=stage, done=done, total=total, eta_seconds=eta)
        if last:
            del self._meters[stage]

    def close(self) -> None:
        """Close the files; the state stays as it was last written."""
        self._metrics.close()
        self._log.close()
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_state(self, durable: bool = False) -> None:
        self._state |= {"heartbeat": time.time()}
        write_json(self.run.state_path, self._state, durable=durable, seal=True)
        self._state_due = time.monotonic() + STATE_SECONDS


class _AppendOnly:
    """A file that only grows, by whole lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(
                path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666
            )
            size = os.fstat(self._file).st_size
            if size:
                os.lseek(self._file, size - 1, os.SEEK_SET)
                if os.read(self._file, 1) != b"\n":
                    os.write(self._file, b"\n")
        except OSError as error:
            raise storage_error(error, path) from error

    def append(self, line: str) -> None:
        data = line.encode()
        size = os.fstat(self._file).st_size
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError as error:
            # A full disk may have taken the first half of the line.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, size)
            raise storage_error(error, self._path) from error

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def log_text(kind: str, record: dict[str, Any]) -> str:
    """The line of log.txt for an event, "" for those that only a chart wants; epochs count from 1.

    >>> log_text("plateau", {"epochs_without_gain": 3, "patience": 10})
    'no gain for 3 of 10 epochs'
    """
    get = record.get
    match kind:
        case "message":
            return f"{str(get('level', 'info')).upper()} {' '.join(str(get('text', '')).splitlines())}"
        case "run_started":
            return f"run started, pid {get('pid')}"
        case "run_resumed":
            return f"run resumed at step {get('step')}, epoch {from_one(get('epoch'))}"
        case "run_ended":
            best = get("best_epoch")
            return f"run {get('status')}, " + ("no epoch done" if best is None else f"best epoch {best + 1}")
        case "stage":
            seconds = get("seconds")
            took = f" in {seconds:.1f} s" if isinstance(seconds, int | float) else ""
            return f"{get('stage')} {get('status')}{took}"
        case "epoch":
            metrics = (get("valid") or {}).get("unmasked") or {}
            shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items() if value is not None)
            best = "  best" if get("best") else ""
            return f"epoch {from_one(get('epoch'))}  loss {_short(get('loss'))}  {shown}{best}"
        case "checkpoint":
            return f"checkpoint {get('kind')} at step {get('step')}"
        case "plateau":
            return f"no gain for {get('epochs_without_gain')} of {get('patience')} epochs"
        case "non_finite":
            return f"ERROR {get('part')} is not finite at step {get('step')}"
    return ""


def _short(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) else "not finite"

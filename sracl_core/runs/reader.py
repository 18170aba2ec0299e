"""Following a run from outside: its events as they are appended, its state, its end."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sracl_core.files import storage_error
from sracl_core.notices import warn
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.events import Record, unmarked
from sracl_core.runs.history import RunHistory
from sracl_core.runs.states import RunResults, RunState, read_lenient, sound_record

CHUNK_BYTES = 4 << 20
"""Read at most this much a poll (about 20,000 events), so that a huge file never fills the memory."""

LONGEST_LINE = 16 << 20
"""A longer line is damage, not an event; it is skipped."""

STEP_START = b'{"event": "step"'
"""How the writer begins a step's line: told apart without parsing it, which is what takes the time."""


class RunReader:
    """Reads metrics.jsonl from where it last stopped. Never raises for what a run may do.

    A cut last line is left for the next poll; a line that is no JSON object is counted in
    `damaged` and skipped; a file that vanished or shrank is read again from its start, which
    `resets` tells (throw away what you gathered when it changes). `behind` says that there is
    more to read right away. With `backlog_bytes`, of a longer backlog only as many step lines as
    fit into it are parsed, evenly spread; every other event is, and every step that is not finite.

    >>> reader = RunReader("runs/20260101-120000-beauty")             # doctest: +SKIP
    >>> for record in reader.poll(): ...                              # doctest: +SKIP
    """

    def __init__(
        self, path: Path | str, chunk_bytes: int = CHUNK_BYTES, backlog_bytes: int | None = None
    ) -> None:
        self.run = RunDirectory(Path(path))
        self.behind = False
        self.resets = 0
        self.damaged = 0
        self._chunk_bytes = chunk_bytes
        self._offset = 0
        self._identity: tuple[int, int] | None = None
        self._rest = b""
        self._skipping = False
        self._backlog_bytes = backlog_bytes
        self._stride = 1
        self._steps = 0

    @property
    def vanished(self) -> bool:
        """Whether the run directory is gone."""
        return not self.run.path.is_dir()

    @property
    def offset(self) -> int:
        """Bytes of metrics.jsonl that were read so far."""
        return self._offset

    def poll(self) -> list[Record]:
        """The events appended since the last poll, oldest first, from at most one chunk."""
        data = self._read()
        if not data:
            return []
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if self._skipping and lines:
            lines.pop(0)
            self._skipping = False
        if len(self._rest) > LONGEST_LINE:
            self.damaged += not self._skipping
            self._skipping, self._rest = True, b""
        kept = self._spread(lines) if self._stride > 1 else lines
        return [record for line in kept if (record := self._parse(line)) is not None]

    def read_state(self) -> dict[str, Any] | None:
        """state.json as it is now, or None while it cannot be read; see `liveness.status`."""
        return read_lenient(RunState, self.run.state_path)

    def read_results(self) -> dict[str, Any] | None:
        """results.json, or None before the run has ended, and where it is damaged."""
        return read_lenient(RunResults, self.run.results_path)

    def read_log(self, max_bytes: int = 64 << 10) -> str:
        """The last lines of log.txt, "" where there is none."""
        try:
            with self.run.log_path.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - max_bytes))
                text = stream.read().decode("utf-8", errors="replace")
        except OSError:
            return ""
        return text if size <= max_bytes else text.partition("\n")[2]

    def _read(self) -> bytes:
        self.behind = False
        try:
            with self.run.metrics_path.open("rb") as stream:
                stat = os.fstat(stream.fileno())
                identity = (stat.st_dev, stat.st_ino)
                if self._identity is not None and (identity != self._identity or stat.st_size < self._offset):
                    self._start_over()
                self._identity = identity
                self._choose_stride(stat.st_size - self._offset)
                stream.seek(self._offset)
                data = stream.read(self._chunk_bytes)
        except OSError:
            if self._identity is not None:
                self._start_over()
            return b""
        self._offset += len(data)
        self.behind = self._offset < stat.st_size
        return data

    def _start_over(self) -> None:
        self.resets += 1
        self._offset, self._rest, self._skipping, self._identity = 0, b"", False, None

    def _choose_stride(self, backlog: int) -> None:
        """Stays while the backlog lasts; its last chunk, and all that comes later, is read whole."""
        if self._backlog_bytes is None or backlog <= self._chunk_bytes:
            self._stride = 1
        elif self._stride == 1 and backlog > self._backlog_bytes:
            self._stride = -(-backlog // self._backlog_bytes)

    def _spread(self, lines: list[bytes]) -> list[bytes]:
        kept = []
        for line in lines:
            if line.startswith(STEP_START) and b"non_finite" not in line:
                self._steps += 1
                if self._steps % self._stride:
                    continue
            kept.append(line)
        return kept

    def _parse(self, line: bytes) -> Record | None:
        if not line.strip():
            return None
        try:
            record = sound_record(json.loads(unmarked(line)))
        except (ValueError, RecursionError):
            record = None
        self.damaged += record is None
        return record


def read_history(path: Path | str) -> RunHistory:
    """The whole course of a run so far, in bounded memory; damaged lines are left out, which is told.

    Raises StorageError where metrics.jsonl is there and may not be read.
    """
    try:
        RunDirectory(Path(path)).metrics_path.open("rb").close()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise storage_error(error, RunDirectory(Path(path)).metrics_path, "read") from error
    reader, history = RunReader(path), RunHistory()
    while True:
        history.add(reader.poll())
        if not reader.behind:
            break
    if reader.damaged:
        warn(f"{reader.run.metrics_path}: {reader.damaged} damaged lines are left out")
    return history

"""The lines of a folder of runs: of a thousand only those are read whose files have changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from hashlib import sha256
from pathlib import Path

from sracl_core.errors import SraclError
from sracl_core.files import cache_folder, make_folder, read_json, storage_error, write_json
from sracl_core.runs.finding import run_folders
from sracl_core.runs.summary import RunSummary, damaged

READ = ("config.yaml", "meta.json", "state.json", "results.json")
"""What a line is read from."""
READERS = (
    "runs/summary.py",
    "runs/summarizing.py",
    "runs/states.py",
    "runs/records.py",
    "settings/yaml_source.py",
)
"""What reads it: another version may read otherwise."""
WORTH_KEEPING = 20
"""Fewer new lines are as soon read again as the file of all is written."""
WORTH_TELLING = 40
"""So many new lines fill a screen, and take a tenth of a second to read."""
SETTLED_NS = 2_000_000_000
"""A younger file may change once more within one tick of the disk's clock, and look the same."""

Stamp = list[list[int]]
Line = tuple[Stamp, RunSummary]


def list_runs(runs_dir: Path | str) -> list[RunSummary]:
    """The runs in `runs_dir`, newest first; folders that are no runs are passed over."""
    return RunCatalog(Path(runs_dir)).read()


class RunCatalog:
    """The runs of a folder, read again and again; what is sound and has ended is known the next time, too."""

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self._lines: dict[str, Line] | None = None

    def read(self, tell: Callable[[list[RunSummary]], None] | None = None) -> list[RunSummary]:
        """All runs, newest first. Raises OSError where the folder cannot be listed.

        tell: is given the newest while many more are still to be read: a screen of them, then twice as many.
        """
        folders = run_folders(self.runs_dir)
        if self._lines is None:
            self._lines = self._kept() if len(folders) >= WORTH_KEEPING else {}
        known, self._lines, found, fresh, worth_telling = self._lines, {}, [], 0, WORTH_TELLING
        for folder in reversed(folders):  # a name begins with the time
            stamp = _stamps(folder, READ)
            held = known.get(folder.name)
            if held is None or held[0] != stamp:
                held = (stamp, _summary(folder))
                fresh += 1
            found.append(held[1])
            if tell is not None and fresh == worth_telling and len(found) < len(folders):
                worth_telling *= 2
                tell(_newest_first(found))
            if held[1].status != "running" and _settled(stamp):
                self._lines[folder.name] = held
        if fresh >= WORTH_KEEPING:
            self._keep()
        return _newest_first(found)

    @property
    def _path(self) -> Path:
        named = sha256(str(self.runs_dir.resolve()).encode()).hexdigest()[:16]
        return cache_folder() / "lists" / f"{named}.json"

    def _kept(self) -> dict[str, Line]:
        kept = read_json(self._path) or {}
        if kept.get("readers") != _readers():
            return {}
        return {
            name: (stamp, RunSummary(path=self.runs_dir / name, name=name, problem=None, **values))
            for name, (stamp, values) in kept["lines"].items()
        }

    def _keep(self) -> None:
        """Of a damaged run nothing: what is wrong names its files as they were asked for."""
        lines = {
            name: (stamp, {key: getattr(line, key) for key in _VALUES})
            for name, (stamp, line) in (self._lines or {}).items()
            if line.problem is None
        }
        with suppress(SraclError):  # a list says nothing of a full disk
            make_folder(self._path.parent)
            write_json(self._path, {"readers": _readers(), "lines": lines}, durable=False, seal=True)


_VALUES = [field.name for field in fields(RunSummary) if field.name not in ("path", "name", "problem")]


def _summary(folder: Path) -> RunSummary:
    """One odd run never hides the others, whatever stands in its files."""
    # Later: where every line is kept, what reads runs would take as long to load as the whole list.
    from sracl_core.runs.directory import RunDirectory
    from sracl_core.runs.summarizing import summarize

    try:
        return summarize(RunDirectory(folder))
    except PermissionError as error:
        return damaged(folder, str(storage_error(error, folder, "read")))
    except Exception as error:
        return damaged(folder, f"{type(error).__name__}: {error}")


def _newest_first(found: list[RunSummary]) -> list[RunSummary]:
    return sorted(found, key=lambda summary: (summary.created, summary.name), reverse=True)


def _readers() -> Stamp:
    return _stamps(Path(__file__).parents[1], READERS)


def _stamps(folder: Path, names: tuple[str, ...]) -> Stamp:
    """What changes with each file: any writing moves the time of its last change, which nobody can set."""
    stamps = []
    for name in names:
        try:
            told = os.stat(f"{folder}/{name}")  # noqa: PTH116  (a path costs more than the look)
            stamps.append([told.st_ctime_ns, told.st_mtime_ns, told.st_size, told.st_ino])
        except OSError:
            stamps.append([])
    return stamps


def _settled(stamp: Stamp) -> bool:
    return time.time_ns() - max((one[0] for one in stamp if one), default=0) > SETTLED_NS

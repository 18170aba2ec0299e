"""What the cache folder holds, which runs need it, and removing what none does.

A run keeps its own vectors and tables, so that it can be resumed and asked without the cache; what is
kept here saves another run the time. Answers of a language model were paid for.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sracl_core.errors import SraclError
from sracl_core.files import cache_folder, read_json, storage_error
from sracl_core.retrieval.table import NeighborTable
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.finding import run_folders
from sracl_core.training.inputs import recorded, taken
from sracl_core.words import counted

Kind = Literal["vectors", "table", "model", "answers", "list", "copy", "old"]
IN_USE_SECONDS = 120.0
"""Whoever has just written to a file may be writing still."""


@dataclass(frozen=True)
class Entry:
    """One thing in the cache.

    name: for people. entries: vectors, rows or answers; None where that cannot be read. changed: unix time
    of the latest writing. runs: names of those that were made with it. kind "old": of an earlier version,
    which nothing reads any more.
    """

    kind: Kind
    name: str
    path: Path
    entries: int | None
    bytes: int
    changed: float
    runs: Sequence[str]

    @property
    def in_use(self) -> bool:
        """Whether it was written to just now."""
        return abs(time.time() - self.changed) < IN_USE_SECONDS


def cached(runs_dir: Path, folder: Path | None = None) -> list[Entry]:
    """Everything in the cache, the largest first; `runs_dir` holds the runs that may need it."""
    folder = folder or cache_folder()
    needs = _needs(runs_dir)
    found = [
        *_vectors(folder, needs),
        *_tables(folder, needs),
        *_models(folder, needs),
        *_answers(folder, runs_dir),
        *_lists(folder),
        *_copies(folder),
    ]
    return sorted(found, key=lambda entry: -entry.bytes)


def to_clear(entries: Sequence[Entry], *, needed: bool = False, answers: bool = False) -> list[Entry]:
    """What `clear` is to remove: what no run needs, and with `needed` and `answers` the others, too.

    What is in use stays in any case.
    """
    chosen = [entry for entry in entries if not entry.in_use]
    return [entry for entry in chosen if (answers if entry.kind == "answers" else needed or not entry.runs)]


def clear(entries: Sequence[Entry]) -> int:
    """Remove them; returns the bytes that are free now. Raises StorageError for what cannot be removed."""
    freed = 0
    for entry in entries:
        for path in _files_of(entry.path):
            try:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            except OSError as error:
                raise storage_error(error, path, "remove") from error
        freed += entry.bytes
    return freed


def _needs(runs_dir: Path) -> dict[str, list[str]]:
    """Hash of a table, or of a sentence encoder's files: the runs that were made with it."""
    needs: dict[str, list[str]] = {}
    for run in _runs(runs_dir):
        for value in {*recorded(run).values(), *_searched(run)}:
            needs.setdefault(value, []).append(run.name)
    return needs


def _searched(run: RunDirectory) -> list[str]:
    """The table of the prefixes that were searched, of which the run's own was made (`retrieval.stride`)."""
    notes = run.meta().get("semantics")
    found = notes.get("prefix_neighbors") if isinstance(notes, dict) else None
    return [str(found["table"])] if isinstance(found, dict) and "table" in found else []


def _vectors(folder: Path, needs: dict[str, list[str]]) -> Iterator[Entry]:
    for path in sorted((folder / "vectors").glob("*")):
        if path.is_dir():
            yield _entry("old", path.name[:12], path, None, [])
        elif path.suffix == ".sqlite":
            runs = [name for hash_, names in needs.items() if hash_[:32] == path.stem for name in names]
            names = _asked(path, "SELECT name FROM encoder")
            name = str(names[0][0]) if names else f"encoder {path.stem[:12]}"
            yield _entry("vectors", name, path, _count(path, "vectors"), runs)


def _tables(folder: Path, needs: dict[str, list[str]]) -> Iterator[Entry]:
    for path in sorted((folder / "neighbors").glob("*/")):
        try:
            table = NeighborTable.load(path)
        except SraclError:
            yield _entry("old", path.name[:12], path, None, [])
            continue
        name = f"{table.method}, {counted(table.k, 'neighbor')}"
        yield _entry("table", name, path, len(table), needs.get(table.hash, []))


def _models(folder: Path, needs: dict[str, list[str]]) -> Iterator[Entry]:
    """Static vectors of word pieces, distilled once (`semantics.static`)."""
    for path in sorted((folder / "static").glob("*/")):
        runs = [name for hash_, names in needs.items() if hash_[:32] == path.name for name in names]
        yield _entry("model", "static", path, None, runs)


def _answers(folder: Path, runs_dir: Path) -> Iterator[Entry]:
    path = folder / "llm.sqlite"
    if path.is_file():
        names = [run.name for run in _runs(runs_dir) if taken(run)]
        yield _entry("answers", "of language models", path, _count(path, "answers"), names)


def _lists(folder: Path) -> Iterator[Entry]:
    """Lines of folders of many runs (`runs.catalog`)."""
    for path in sorted((folder / "lists").glob("*.json")):
        yield _entry("list", "of a folder of runs", path, None, [])


def _copies(folder: Path) -> Iterator[Entry]:
    """Of what lies in an object store (`data.object_store`); who needs it copies it again."""
    for path in sorted((folder / "objects").glob("*/")):
        told = read_json(path / "about.json") or {}
        yield _entry("copy", str(told.get("address", path.name[:12])), path, None, [])


def _runs(runs_dir: Path) -> list[RunDirectory]:
    return [RunDirectory(folder) for folder in run_folders(runs_dir)]


def _count(path: Path, table: str) -> int | None:
    found = _asked(path, f"SELECT count(*) FROM {table}")
    return int(str(found[0][0])) if found else None


def _asked(path: Path, question: str) -> list[tuple[object, ...]]:
    """Rows of a database, [] where it cannot be read. Not even its journals are touched."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)) as db:
            return db.execute(question).fetchall()
    except sqlite3.Error:
        return []


def _files_of(path: Path) -> list[Path]:
    """A database has its journals beside it."""
    return [path, *path.parent.glob(f"{path.name}-*")]


def _entry(kind: Kind, name: str, path: Path, entries: int | None, runs: Sequence[str]) -> Entry:
    files = [each for part in _files_of(path) for each in (part.rglob("*") if part.is_dir() else [part])]
    stats = [each.stat() for each in files if each.is_file()]
    size, changed = sum(stat.st_size for stat in stats), max((stat.st_mtime for stat in stats), default=0.0)
    return Entry(kind, name, path, entries, size, changed, runs)

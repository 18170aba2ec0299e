"""What can still be read of a damaged file of answers: they were paid for."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from sracl_core import disk
from sracl_core.files import move, storage_error
from sracl_core.locks import holding
from sracl_core.notices import warn
from sracl_core.semantics.llm.answers_file import FORMAT_VERSION, is_damage, open_answers, writing
from sracl_core.words import counted


def open_whole(path: Path) -> sqlite3.Connection:
    """The file's database, to be written to; where it is damaged, a new one with what can be read of it.

    Raises as `open_answers` does, and where nothing can be read.
    """
    with suppress(_DamagedError):
        return _sound(path)
    with holding(path.with_name(f"{path.name}-lock")):
        try:
            return _sound(path)  # another process was faster
        except _DamagedError as error:
            _rescue(path, error)
    return open_answers(path, read_only=False)


class _DamagedError(sqlite3.DatabaseError):
    """Some of a file's pages are not as they were written."""


def _sound(path: Path) -> sqlite3.Connection:
    """Half a second for 100,000 answers; found here, nothing is paid that could not be kept."""
    try:
        db = open_answers(path, read_only=False)
        found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            raise _DamagedError(str(error)) from error
        raise
    if found == "ok":
        return db
    db.close()
    raise _DamagedError(" ".join(found.split()))


def _rescue(path: Path, error: _DamagedError) -> None:
    kept, made = path.with_name(f"{path.name}.damaged-{time.time():.0f}"), disk.beside(path)
    disk.sweep(path.parent)
    journals = [path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm")]
    try:
        for copied in (path, journals[0]):
            if copied.exists():
                shutil.copyfile(copied, kept.with_name(copied.name.replace(path.name, kept.name)))
        with closing(open_answers(made, read_only=False)) as new:
            found = _copy(kept, new)
        if not found:
            kept.unlink()
            raise error
        for journal in journals:
            journal.unlink(missing_ok=True)
        move(made, path)
    except OSError as refused:
        raise storage_error(refused, path) from refused
    finally:
        disk.remove(made)
    warn(
        f"{path} is damaged ({error}): {counted(found, 'answer of it is', 'answers of it are')} kept, "
        "what is missing is asked for again; "
        f"as it was it lies in {kept}"
    )


def _copy(damaged: Path, new: sqlite3.Connection) -> int:
    """Put every answer that can be read into `new`; how many."""
    with closing(sqlite3.connect(damaged, isolation_level=None)) as old, writing(new):
        old.text_factory = lambda data: data.decode("utf-8", "replace")
        old.execute("PRAGMA writable_schema=ON")  # also reads a file that is shorter than it says
        if old.execute("PRAGMA user_version").fetchone()[0] != FORMAT_VERSION:
            return 0
        for rows in _readable(old):
            new.executemany(f"INSERT OR IGNORE INTO answers VALUES ({','.join('?' * 13)})", rows)
        return int(new.execute("SELECT count(*) FROM answers").fetchone()[0])


def _readable(old: sqlite3.Connection, prefix: bytes = b"") -> Iterator[list[tuple[object, ...]]]:
    """Answers by the first bytes of their keys, which are hashes: a bad page loses few beside its own."""
    for byte in range(256):
        start = prefix + bytes([byte])
        try:
            yield old.execute(
                "SELECT * FROM answers WHERE key >= ? AND key < ?", (start, start + b"\xff" * 16)
            ).fetchall()
        except sqlite3.DatabaseError:
            if not prefix:
                yield from _readable(old, start)

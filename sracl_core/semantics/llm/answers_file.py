"""The SQLite file of a language model's answers: its tables, their versions, and the rows' checksums."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sracl_core.errors import StorageError
from sracl_core.files import make_folder

FORMAT_VERSION = 2
BUSY_SECONDS = 30.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, model TEXT NOT NULL, form TEXT NOT NULL, text TEXT NOT NULL, raw TEXT NOT NULL,
    error TEXT NOT NULL, calls INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, money REAL, seconds REAL NOT NULL, time REAL NOT NULL,
    checksum INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, dataset TEXT NOT NULL, train TEXT NOT NULL, what TEXT NOT NULL, scope TEXT NOT NULL,
    model TEXT NOT NULL, prompt_version TEXT NOT NULL, parameters TEXT NOT NULL, name TEXT NOT NULL,
    subjects INTEGER NOT NULL, updated REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS subjects (
    job TEXT NOT NULL, subject TEXT NOT NULL, key BLOB NOT NULL, checksum INTEGER, PRIMARY KEY (job, subject)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
    key BLOB PRIMARY KEY, owner TEXT NOT NULL, time REAL NOT NULL
) WITHOUT ROWID;
"""

_COVERED = {"answers": "key, model, form, text", "subjects": "job, subject, key"}
"""The columns of a row that decide what is read from it."""


def open_answers(path: Path, read_only: bool) -> sqlite3.Connection:
    """The file's database, of this version. Raises StorageError for a newer one, sqlite3.Error.

    read_only: nothing in the file changes; one that is not there, or whose maker was killed before it had
    tables, is empty, and an older one is brought up to date in memory.
    """
    if not read_only:
        make_folder(path.parent)
        db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
    elif path.is_file():
        uri = f"{path.resolve().as_uri()}?mode=ro"
        db = sqlite3.connect(uri, timeout=BUSY_SECONDS, uri=True, isolation_level=None)
    else:
        db = sqlite3.connect(":memory:", isolation_level=None)
    version = _version(db)
    # A damaged letter must not keep the other answers from being read; the checksum finds it.
    db.text_factory = lambda data: data.decode("utf-8", "replace")
    if version > FORMAT_VERSION:
        raise StorageError(
            f"{path} has format version {version}, this program reads {FORMAT_VERSION}; update sracl"
        )
    if version == FORMAT_VERSION:
        return db
    if read_only:
        stored, db = db, sqlite3.connect(":memory:", isolation_level=None)
        db.text_factory = stored.text_factory
        stored.backup(db)
        stored.close()
    if version == 1:
        _add_checksums(db)
    db.executescript(f"{_SCHEMA} PRAGMA user_version={FORMAT_VERSION};")
    return db


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """A transaction that nobody else writes beside."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether pages of a database make no sense, as opposed to a file that is none."""
    return getattr(error, "sqlite_errorname", "").startswith("SQLITE_CORRUPT")


def checksum(*values: str | bytes) -> int:
    """Of what a row says, compared whenever it is read."""
    found = 0
    for value in values:
        data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        found = zlib.crc32(data, zlib.crc32(len(data).to_bytes(8, "little"), found))
    return found


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _add_checksums(db: sqlite3.Connection) -> None:
    """To the rows of version 1, which had none: they count as whole."""
    db.create_function("checksum_of", -1, checksum, deterministic=True)
    with writing(db):
        if _version(db) == 1:  # no other process was faster
            for table, covered in _COVERED.items():
                db.execute(f"ALTER TABLE {table} ADD COLUMN checksum INTEGER")
                db.execute(f"UPDATE {table} SET checksum = checksum_of({covered})")
            db.execute(f"PRAGMA user_version={FORMAT_VERSION}")

"""Text vectors on disk, addressed by what they are made of.

A vector's key is the hash of its text; the vectors of one encoder fingerprint are one SQLite file. Keys
are looked up in their index, which reads no vector. Each row has a checksum, which is compared whenever
the row is read: a vector that is not as it was written counts as missing, and is made again.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mode
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sracl_core import disk
from sracl_core.errors import StorageError
from sracl_core.files import cache_folder, make_folder
from sracl_core.notices import warn
from sracl_core.seeding import generator
from sracl_core.semantics.together import SharedEncoder
from sracl_core.team import ALONE, Team
from sracl_core.words import counted

if TYPE_CHECKING:
    from sracl_core.progress import Progress
    from sracl_core.semantics.encode import TextEncoder

_FLUSH_SECONDS = 10.0
_FLUSH_ROWS = 65_536
_BATCHES_PER_CHUNK = 16
_BUSY_SECONDS = 60.0
_AT_ONCE = 900
"""SQLite of some systems takes at most 999 values in a query."""
_SCAN_UP_TO = 8
"""Reading every row in order takes as long as finding an eighth of them by key (100,000 rows, warm)."""

# A page holds ten vectors of the bundled encoder; with the usual 4096 bytes a fifth would lie idle.
_SCHEMA = """
PRAGMA page_size = 16384;
CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS encoder (name TEXT PRIMARY KEY);
"""


class VectorStore:
    """Vectors of texts, computed once. `folder` defaults to the cache folder."""

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = Path(folder) if folder is not None else cache_folder()

    def vectors(
        self,
        encoder: TextEncoder,
        texts: Sequence[str],
        batch_size: int = 32,
        progress: Progress | None = None,
        team: Team = ALONE,
    ) -> NDArray[np.float32]:
        """Vectors of `texts`, float32 [n, D], encoding only those that are not in the store.

        A team shares the encoding out, see `SharedEncoder`; the store is that of process 0. What was
        encoded is kept every few seconds: a run that is stopped goes on where it was. Damaged vectors are
        encoded again, and a warning says so. Raises StorageError when the disk is full or not writable.
        """
        if not texts:
            return np.empty((0, encoder.dimension), dtype=np.float32)
        for _ in range(2):
            try:
                return self._vectors(encoder, texts, batch_size, progress, team)
            except _DamagedError as error:
                warn(f"{error}; all its vectors are made again")
                _discard(self.path(encoder))
        raise StorageError(f"{self.path(encoder)} is damaged again and again; is its disk sound?")

    def _vectors(
        self,
        encoder: TextEncoder,
        texts: Sequence[str],
        batch_size: int,
        progress: Progress | None,
        team: Team,
    ) -> NDArray[np.float32]:
        path, keys = self.path(encoder), text_keys(texts)
        first = {key: row for row, key in reversed(list(enumerate(keys)))}
        wanted = list(dict.fromkeys(keys))
        found = _read(path, wanted)
        if found.damaged:
            bad = counted(found.damaged, "vector is damaged and is", "vectors are damaged and are")
            warn(f"{path}: {bad} made again")
        if found.missing:
            missing = {wanted[at]: first[wanted[at]] for at in found.missing}
            self._encode(encoder, texts, missing, batch_size, progress, team)
            found = _read(path, wanted)
            if found.missing:
                raise StorageError(f"vectors in {path} were deleted while they were made; run it again")
        elif progress is not None:
            progress("embed", len(texts), len(texts))
        if len(wanted) == len(keys):
            return found.vectors
        place = {key: at for at, key in enumerate(wanted)}
        return found.vectors[[place[key] for key in keys]]

    def missing(self, encoder: TextEncoder, texts: Sequence[str]) -> int:
        """How many different texts `vectors` would have to encode, as far as their keys tell."""
        keys = list(set(text_keys(texts)))
        try:
            return len(keys) - sum(len(rows) for rows in _ask(self.path(encoder), "key", keys))
        except _DamagedError:
            return len(keys)

    def width(self, encoder: TextEncoder) -> int:
        """Width of the vectors of `encoder` (D): of one that is kept, lest the encoder must be loaded."""
        path = self.path(encoder)
        if path.is_file():
            with suppress(_DamagedError), _opened(path) as db:
                found = db.execute("SELECT key, vector, checksum FROM vectors LIMIT 1").fetchone()
                if found and _checksum(found[0], found[1]) == found[2]:
                    return len(found[1]) // 4
        return encoder.dimension

    def path(self, encoder: TextEncoder) -> Path:
        """The file of the vectors of `encoder`."""
        return self.folder / "vectors" / f"{encoder.fingerprint[:32]}.sqlite"

    def _encode(
        self,
        encoder: TextEncoder,
        texts: Sequence[str],
        rows: dict[bytes, int],
        batch_size: int,
        progress: Progress | None,
        team: Team,
    ) -> None:
        # A file that cannot be written must be known before an hour of encoding, not after.
        path = self.path(encoder)
        writer = _Writer(path, encoder.name)
        if path.with_suffix("").is_dir():
            warn(f"{path.with_suffix('')}: of an earlier version and not used; delete it to free its space")
        keys, before = list(rows), 0

        def told(stage: str, done: int, total: int) -> None:
            if progress is not None:
                progress(stage, before + done, len(rows))

        chunks = _chunks(np.array([len(texts[row]) for row in rows.values()]), batch_size)
        try:
            if progress is not None:
                if team.size == 1:
                    # Before the stage begins: the time that the model takes to be there is no pace of texts.
                    encoder.load(progress)
                progress("embed", 0, len(rows))
            shared = SharedEncoder(encoder, batch_size, team)
            for start in range(0, len(chunks), shared.at_once):
                made = [[keys[at] for at in chunk] for chunk in chunks[start : start + shared.at_once]]
                found = shared.encode([[texts[rows[key]] for key in some] for some in made], told)
                for some, vectors in zip(made, found, strict=True):
                    writer.add(some, vectors)
                    before += len(some)
                if progress is not None:
                    progress("embed", before, len(rows))
        finally:
            writer.close()


def text_keys(texts: Sequence[str]) -> list[bytes]:
    """128 bits of the hash of each text."""
    return [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]


def _chunks(lengths: NDArray[np.int64], batch_size: int) -> list[NDArray[np.int64]]:
    """Texts in groups of similar length, the groups shuffled so that an ETA from the first ones holds."""
    ordered = np.argsort(lengths, kind="stable")
    size = batch_size * _BATCHES_PER_CHUNK
    chunks = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    return [chunks[place] for place in generator(0, "encode").permutation(len(chunks))]


class _DamagedError(Exception):
    """A file that is no store any more."""


@dataclass
class _Found:
    """What a file holds of some wanted keys: vectors [u, D] of all of them, rows of the missing unset."""

    vectors: NDArray[np.float32]
    missing: list[int]
    damaged: int


def _read(path: Path, wanted: list[bytes]) -> _Found:
    """The vectors of some different keys, as far as they are there and as they were written."""
    place = {key: at for at, key in enumerate(wanted)}
    vectors = np.empty((0, 0), dtype=np.float32)
    missing, damaged = np.ones(len(wanted), dtype=bool), 0
    for rows in _ask(path, "key, vector, checksum", wanted):
        whole = [row for row in rows if _checksum(row[0], row[1]) == row[2]]
        if whole and not vectors.size:
            width = mode(len(row[1]) for row in whole)
            vectors = np.empty((len(wanted), width // 4), dtype=np.float32)
        whole = [row for row in whole if len(row[1]) == vectors.shape[1] * 4]
        damaged += len(rows) - len(whole)
        if whole:
            read = np.frombuffer(b"".join(row[1] for row in whole), dtype="<f4").reshape(
                len(whole), vectors.shape[1]
            )
            at = [place[row[0]] for row in whole]
            vectors[at], missing[at] = read, False
    return _Found(vectors, np.flatnonzero(missing).tolist(), damaged)


def _ask(path: Path, columns: str, keys: list[bytes]) -> Iterator[list[tuple[bytes, bytes, int]]]:
    """Rows of the keys that are there, some hundred at a time."""
    if not path.is_file():
        return
    with _opened(path) as db:
        rows = db.execute("SELECT max(rowid) FROM vectors").fetchone()[0] or 0
        if rows <= _SCAN_UP_TO * len(keys):
            wanted, cursor = set(keys), db.execute(f"SELECT {columns} FROM vectors")
            while some := cursor.fetchmany(_AT_ONCE):
                yield [row for row in some if row[0] in wanted]
            return
        for start in range(0, len(keys), _AT_ONCE):
            asked = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(asked))
            yield db.execute(f"SELECT {columns} FROM vectors WHERE key IN ({marks})", asked).fetchall()


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    uri = f"{path.resolve().as_uri()}?mode=rw"  # "rw": what a kill left in the middle is rolled back
    with _told(path), closing(sqlite3.connect(uri, _BUSY_SECONDS, uri=True)) as db:
        yield db


class _Writer:
    """Collects vectors and writes them every few seconds, each time in one transaction."""

    def __init__(self, path: Path, encoder: str) -> None:
        make_folder(path.parent)
        self._path = path
        self._pending: list[tuple[bytes, bytes, int]] = []
        self._since = time.monotonic()
        with _told(path):
            self._db = sqlite3.connect(path, _BUSY_SECONDS, isolation_level="IMMEDIATE")
            self._db.executescript(_SCHEMA)
            with self._db:
                self._db.execute("INSERT OR IGNORE INTO encoder VALUES (?)", (encoder,))

    def add(self, keys: list[bytes], vectors: NDArray[np.float32]) -> None:
        for key, vector in zip(keys, np.ascontiguousarray(vectors, dtype="<f4"), strict=True):
            self._pending.append((key, vector.tobytes(), _checksum(key, vector.tobytes())))
        if len(self._pending) >= _FLUSH_ROWS or time.monotonic() - self._since >= _FLUSH_SECONDS:
            self._flush()

    def close(self) -> None:
        with closing(self._db):
            self._flush()

    def _flush(self) -> None:
        with _told(self._path), self._db:
            self._db.executemany("INSERT OR REPLACE INTO vectors VALUES (?,?,?)", self._pending)
        self._pending = []
        self._since = time.monotonic()


def _checksum(key: bytes, vector: object) -> int:
    return zlib.crc32(vector, zlib.crc32(key)) if isinstance(vector, bytes) else -1


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into StorageError, or into _DamagedError for a file that is no store any more."""
    try:
        yield
    except sqlite3.Error as error:
        if disk.is_about_surroundings(error):
            reason = f"{error}; free space, or set SRACL_CACHE_DIR to a folder that can be written"
            raise StorageError(f"cannot use the vectors in {path}: {reason}") from error
        raise _DamagedError(f"{path} is damaged ({error})") from error


def _discard(path: Path) -> None:
    for beside in (path, path.with_name(f"{path.name}-journal")):
        beside.unlink(missing_ok=True)

"""Text vectors on disk, addressed by what they are made of.

A vector's key is the hash of its text; a folder holds the vectors of one encoder fingerprint, in
segments: immutable files, each a structured .npy of (key, vector) rows. A segment is written
beside and moved into place, so a reader, another writer or a kill never meets half of one.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sracl_core.errors import StorageError
from sracl_core.files import cache_folder, make_folder, whole_file
from sracl_core.seeding import generator

if TYPE_CHECKING:
    from sracl_core.progress import Progress
    from sracl_core.semantics.encode import TextEncoder

_FLUSH_SECONDS = 10.0
_FLUSH_ROWS = 65_536
_MERGE_BYTES = 1 << 30
_BATCHES_PER_CHUNK = 4

Keys = NDArray[np.void]
"""V16 [n]: 128 bits of each text's hash."""


class VectorStore:
    """Vectors of texts, computed once. `folder` defaults to the cache folder."""

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = Path(folder) if folder is not None else cache_folder()

    def vectors(
        self,
        encoder: TextEncoder,
        texts: Sequence[str],
        batch_size: int = 64,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Vectors of `texts`, float32 [n, D], encoding only those that are not in the store.

        What was encoded is kept every few seconds: a run that is stopped goes on where it was.
        Raises StorageError when the disk is full or not writable.
        """
        if not texts:
            return np.empty((0, encoder.dimension), dtype=np.float32)
        folder = self.segments_folder(encoder)
        keys = text_keys(texts)
        index = _Index.read(folder)
        found = index.find(keys)
        missing = np.flatnonzero(found < 0)
        _, first = np.unique(keys[missing], return_index=True)
        missing = missing[np.sort(first)]
        if len(missing):
            self._encode(encoder, texts, keys, missing, batch_size, progress)
            index = _Index.read(folder)
            found = index.find(keys)
            if (found < 0).any():
                raise StorageError(f"vectors in {folder} were deleted while they were made; run it again")
        elif progress is not None:
            progress("embed", len(texts), len(texts))
        return index.gather(found)

    def missing(self, encoder: TextEncoder, texts: Sequence[str]) -> int:
        """How many different texts `vectors` would have to encode."""
        if not texts:
            return 0
        keys = np.unique(text_keys(texts))
        return int((_Index.read(self.segments_folder(encoder)).find(keys) < 0).sum())

    def segments_folder(self, encoder: TextEncoder) -> Path:
        """Where the vectors of `encoder` are kept."""
        return self.folder / "vectors" / encoder.fingerprint[:32]

    def _encode(
        self,
        encoder: TextEncoder,
        texts: Sequence[str],
        keys: Keys,
        rows: NDArray[np.int64],
        batch_size: int,
        progress: Progress | None,
    ) -> None:
        # A folder that cannot be written must be known before an hour of encoding, not after.
        folder = self.segments_folder(encoder)
        make_folder(folder)
        writer = _Writer(folder)
        done = 0
        try:
            for chunk in _chunks(texts, rows, batch_size):
                vectors = encoder.encode([texts[row] for row in chunk], batch_size)
                writer.add(keys[chunk], vectors)
                done += len(chunk)
                if progress is not None:
                    progress("embed", done, len(rows))
        finally:
            writer.flush()
        writer.merge()


def text_keys(texts: Sequence[str]) -> Keys:
    """128 bits of the hash of each text, V16 [n]."""
    digests = b"".join(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts
    )
    return np.frombuffer(digests, dtype="V16")


def _chunks(texts: Sequence[str], rows: NDArray[np.int64], batch_size: int) -> list[NDArray[np.int64]]:
    """Rows in groups of similar length, the groups shuffled so that an ETA from the first ones holds."""
    lengths = np.fromiter((len(texts[row]) for row in rows), dtype=np.int64, count=len(rows))
    ordered = rows[np.argsort(lengths, kind="stable")]
    size = batch_size * _BATCHES_PER_CHUNK
    chunks = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    return [chunks[place] for place in generator(0, "encode").permutation(len(chunks))]


def _row_type(dimension: int) -> np.dtype[np.void]:
    return np.dtype([("key", "<u8", (2,)), ("vector", "<f4", (dimension,))])


@dataclass
class _Writer:
    """Collects vectors and turns them into segments; full ones are written every few seconds."""

    folder: Path

    def __post_init__(self) -> None:
        self._pending: list[tuple[Keys, NDArray[np.float32]]] = []
        self._written: list[Path] = []
        self._since = time.monotonic()

    def add(self, keys: Keys, vectors: NDArray[np.float32]) -> None:
        self._pending.append((keys, vectors))
        rows = sum(len(part) for part, _ in self._pending)
        if rows >= _FLUSH_ROWS or time.monotonic() - self._since >= _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        if self._pending:
            keys = np.concatenate([part for part, _ in self._pending])
            vectors = np.concatenate([part for _, part in self._pending])
            self._written.append(write_segment(self.folder, keys, vectors))
            self._pending = []
        self._since = time.monotonic()

    def merge(self) -> None:
        """Make one segment of those written here, so that segments do not pile up.

        A segment that is gone was the same as another process's, which has merged it.
        """
        parts, there = [], []
        for path in self._written:
            with contextlib.suppress(FileNotFoundError):
                parts.append(np.load(path, mmap_mode="r", allow_pickle=False))
                there.append(path)
        if len(parts) < 2 or sum(part.nbytes for part in parts) > _MERGE_BYTES:
            return
        merged = write_segment(
            self.folder,
            np.concatenate([_keys_of(part) for part in parts]),
            np.concatenate([part["vector"] for part in parts]),
        )
        for path in there:
            if path != merged:
                with contextlib.suppress(OSError):
                    path.unlink()


def write_segment(folder: Path, keys: Keys, vectors: NDArray[np.float32]) -> Path:
    """Write one segment, named by its keys: two processes that make the same one agree."""
    rows = np.empty(len(keys), dtype=_row_type(vectors.shape[1]))
    rows["key"], rows["vector"] = keys.view("<u8").reshape(-1, 2), vectors
    name = hashlib.blake2b(np.ascontiguousarray(keys).tobytes(), digest_size=12).hexdigest()
    path = folder / f"{name}.npy"
    with whole_file(path) as file:
        np.save(file, rows, allow_pickle=False)
    return path


def _keys_of(segment: NDArray[np.void]) -> Keys:
    return np.ascontiguousarray(segment["key"]).view("V16").ravel()


class _Index:
    """Where each key is, over all segments of a folder."""

    def __init__(self, segments: list[NDArray[np.void]]) -> None:
        self.segments = segments
        self.bases = np.cumsum([0, *(len(segment) for segment in segments)])
        keys = [_keys_of(segment) for segment in segments]
        self.keys: Keys = np.concatenate(keys) if keys else np.empty(0, dtype="V16")
        self.order = np.argsort(self.keys)

    @classmethod
    def read(cls, folder: Path) -> _Index:
        """Open every segment by memory map; one that another process merged away is looked for again."""
        for _ in range(20):
            try:
                return cls([_open_segment(path) for path in sorted(folder.glob("*.npy"))])
            except FileNotFoundError:
                continue
        raise StorageError(f"{folder} keeps changing; wait until the other process is done")

    def find(self, keys: Keys) -> NDArray[np.int64]:
        """The global row of each key, -1 where there is none."""
        if not len(self.keys):
            return np.full(len(keys), -1, dtype=np.int64)
        place = np.searchsorted(self.keys, keys, sorter=self.order)
        rows = self.order[np.minimum(place, len(self.order) - 1)]
        return np.where(self.keys[rows] == keys, rows, -1)

    def gather(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors in `rows`, float32 [n, D]."""
        owner = np.searchsorted(self.bases, rows, side="right") - 1
        out = np.empty((len(rows), self.segments[0]["vector"].shape[1]), dtype=np.float32)
        for number in np.unique(owner):
            mine = np.flatnonzero(owner == number)
            out[mine] = self.segments[number]["vector"][rows[mine] - self.bases[number]]
        return out


def _open_segment(path: Path) -> NDArray[np.void]:
    try:
        segment: NDArray[np.void] = np.load(path, mmap_mode="r", allow_pickle=False)
        if segment.dtype.names != ("key", "vector"):
            raise ValueError("other fields")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError) as error:
        raise StorageError(f"{path} is damaged ({error}); delete it, its vectors are made again") from error
    return segment

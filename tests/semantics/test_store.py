"""The vector store: what is encoded again, what survives a kill, and two at once."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sracl_core.errors import StorageError
from sracl_core.semantics.encode import TextEncoder
from sracl_core.semantics.store import VectorStore, text_keys
from tests.small_disk import on_a_small_disk

Vectors = NDArray[np.float32]


class CountingEncoder(TextEncoder):
    """Derives a vector from a text's hash, and remembers what it was asked for."""

    def __init__(self, fingerprint: str = "f" * 64) -> None:
        self.name, self.fingerprint = "counting", fingerprint
        self.asked: list[str] = []

    @property
    def dimension(self) -> int:
        return 8

    def encode(self, texts: Sequence[str], batch_size: int = 32, progress: object = None) -> Vectors:
        self.asked += texts
        return np.stack([vector_of(text) for text in texts])


def vector_of(text: str) -> Vectors:
    seed = int.from_bytes(text_keys([text])[0], "little")
    vector = np.random.default_rng(seed).normal(size=8).astype(np.float32)
    return vector / np.linalg.norm(vector)


def expected(texts: Sequence[str]) -> Vectors:
    return np.stack([vector_of(text) for text in texts])


def stored(store: VectorStore, encoder: TextEncoder) -> int:
    with closing(sqlite3.connect(store.path(encoder))) as db:
        return int(db.execute("SELECT count(*) FROM vectors").fetchone()[0])


def test_a_damaged_vector_tells_no_width(tmp_path: Path) -> None:
    encoder, store = CountingEncoder(), VectorStore(tmp_path)
    store.vectors(encoder, ["one"])
    with closing(sqlite3.connect(store.path(encoder))) as db, db:
        db.execute("UPDATE vectors SET vector = zeroblob(64)")
    assert store.width(encoder) == encoder.dimension == 8


def test_each_text_is_encoded_once(tmp_path: Path) -> None:
    encoder, store = CountingEncoder(), VectorStore(tmp_path)
    texts = [f"item {number}" for number in range(300)]
    texts[7] = texts[3]
    np.testing.assert_array_equal(store.vectors(encoder, texts, batch_size=16), expected(texts))
    assert sorted(encoder.asked) == sorted(set(texts))
    assert stored(store, encoder) == 299

    class Unloaded(CountingEncoder):
        dimension = property(lambda self: pytest.fail("it was loaded to tell a width that is known"))

    assert store.width(Unloaded()) == VectorStore(tmp_path / "empty").width(encoder) == 8

    encoder.asked.clear()
    changed = [*texts[:50], "another", *texts[51:]]
    assert store.missing(encoder, changed) == 1
    np.testing.assert_array_equal(store.vectors(encoder, changed, batch_size=16), expected(changed))
    assert encoder.asked == ["another"]
    assert store.vectors(encoder, [], batch_size=16).shape == (0, 8)


def test_encoders_do_not_share_vectors(tmp_path: Path) -> None:
    store, other = VectorStore(tmp_path), CountingEncoder("e" * 64)
    store.vectors(CountingEncoder(), ["x"])
    store.vectors(other, ["x"])
    assert other.asked == ["x"]


def test_progress_is_told_after_each_batch(tmp_path: Path, minilm: TextEncoder) -> None:
    told: list[int] = []
    texts = [f"item {number}" for number in range(100)]

    def progress(stage: str, done: int, _: int) -> None:
        if stage == "embed":
            told.append(done)

    VectorStore(tmp_path).vectors(minilm, texts, 4, progress)
    assert told == sorted(told)
    assert set(told) == set(range(0, 101, 4))


def test_the_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "here"))
    assert VectorStore().folder == tmp_path / "here"


def test_what_an_interrupted_encode_did_is_kept(tmp_path: Path) -> None:
    class Interrupting(CountingEncoder):
        def encode(self, texts: Sequence[str], batch_size: int = 32, progress: object = None) -> Vectors:
            if len(self.asked) >= 40:
                raise KeyboardInterrupt
            return super().encode(texts, batch_size)

    store, texts = VectorStore(tmp_path), [f"item {number}" for number in range(100)]
    first, second = Interrupting(), CountingEncoder()
    with pytest.raises(KeyboardInterrupt):
        store.vectors(first, texts, batch_size=1)
    np.testing.assert_array_equal(store.vectors(second, texts, batch_size=1), expected(texts))
    assert len(first.asked) >= 40
    assert len(second.asked) == 100 - len(first.asked)


WORKER = """
import sys, time
sys.path.insert(0, {tests!r})
import sracl_core.semantics.store as module
from test_store import CountingEncoder, VectorStore
module._FLUSH_SECONDS = 0.0
class Slow(CountingEncoder):
    def encode(self, texts, batch_size=64, progress=None):
        time.sleep({pause})
        return super().encode(texts, batch_size)
print("ready", flush=True)
VectorStore({folder!r}).vectors(Slow(), [f"item {{n}}" for n in range({first}, {last})], batch_size=1)
"""


def start_worker(folder: Path, first: int, last: int, pause: float) -> subprocess.Popen[str]:
    code = WORKER.format(
        tests=str(Path(__file__).parent), folder=str(folder), pause=pause, first=first, last=last
    )
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def test_a_killed_encode_keeps_what_it_wrote(tmp_path: Path) -> None:
    worker = start_worker(tmp_path, 0, 2000, pause=0.01)
    store, encoder = VectorStore(tmp_path), CountingEncoder()
    deadline = time.monotonic() + 30
    texts = [f"item {number}" for number in range(2000)]
    while time.monotonic() < deadline and store.missing(encoder, texts) > 2000 - 3 * 20:
        time.sleep(0.01)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert store.missing(encoder, texts) <= 2000 - 3 * 20
    np.testing.assert_array_equal(store.vectors(encoder, texts), expected(texts))


def test_two_processes_at_once_agree(tmp_path: Path) -> None:
    workers = [start_worker(tmp_path, 0, 600, 0.0), start_worker(tmp_path, 300, 900, 0.0)]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    encoder, texts = CountingEncoder(), [f"item {number}" for number in range(900)]
    np.testing.assert_array_equal(VectorStore(tmp_path).vectors(encoder, texts), expected(texts))
    assert encoder.asked == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [VectorStore(tmp_path).path(encoder)]


FULL = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_store import CountingEncoder, StorageError, VectorStore
store, folder = VectorStore(sys.argv[2]), Path(sys.argv[2])
try:
    store.vectors(CountingEncoder(), [f"item {number}" for number in range(20_000)])
except StorageError as error:
    print(error)
(folder / "ballast").unlink()
print(len(store.vectors(CountingEncoder(), [f"item {number}" for number in range(1_000)])))
"""


def test_a_full_disk_is_one_line_and_nothing_is_lost(tmp_path: Path) -> None:
    ran = on_a_small_disk(tmp_path, FULL, str(Path(__file__).parent), size="300k", ballast=150_000)
    said, left = ran.stdout.splitlines()
    assert re.fullmatch(
        rf"cannot use the vectors in {tmp_path}/vectors/f+\.sqlite: .*full; free space.*", said
    )
    assert left == "1000"


def test_a_folder_that_cannot_be_made_is_known_before_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "file"))
    encoder = CountingEncoder()
    with pytest.raises(StorageError, match="SRACL_CACHE_DIR"):
        VectorStore().vectors(encoder, ["x"])
    assert encoder.asked == []


MANY = [f"item {number}" for number in range(200)]


@cache
def whole() -> bytes:
    """A store's file with the vectors of MANY."""
    with TemporaryDirectory() as folder:
        store = VectorStore(folder)
        store.vectors(CountingEncoder(), MANY)
        return store.path(CountingEncoder()).read_bytes()


@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_anywhere_never_gives_another_vector(place: int, bit: int) -> None:
    damaged = bytearray(whole())
    damaged[place % len(damaged)] ^= 1 << bit
    with TemporaryDirectory() as folder:
        store, encoder = VectorStore(folder), CountingEncoder()
        store.path(encoder).parent.mkdir()
        store.path(encoder).write_bytes(damaged)
        assert store.missing(encoder, MANY) <= 200
        np.testing.assert_array_equal(store.vectors(encoder, MANY), expected(MANY))


def test_damaged_vectors_are_made_again_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, encoder = VectorStore(tmp_path), CountingEncoder()
    path = store.path(encoder)
    path.parent.mkdir()
    damaged = whole()
    for text in MANY[3:5]:
        damaged = damaged.replace(vector_of(text).tobytes(), (vector_of(text) * 2).tobytes())
    path.write_bytes(damaged)
    key, short = text_keys(MANY[5:6])[0], bytes(16)
    with closing(sqlite3.connect(path)) as db, db:
        row = (short, zlib.crc32(short, zlib.crc32(key)), key)
        db.execute("UPDATE vectors SET vector = ?, checksum = ? WHERE key = ?", row)
    np.testing.assert_array_equal(store.vectors(encoder, MANY[:10]), expected(MANY[:10]))
    assert sorted(encoder.asked) == MANY[3:6]
    assert caplog.messages == [f"{path}: 3 vectors are damaged and are made again"]


@pytest.mark.parametrize("content", [b"", b"no database at all " * 99, b"SQLite format 3\0" + bytes(4000)])
def test_a_file_that_is_no_store_is_replaced_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    store, encoder = VectorStore(tmp_path), CountingEncoder()
    store.path(encoder).parent.mkdir()
    store.path(encoder).write_bytes(content)
    assert store.missing(encoder, MANY) == 200
    np.testing.assert_array_equal(store.vectors(encoder, MANY), expected(MANY))
    (said,) = caplog.messages
    assert re.search(r"is damaged .*; all its vectors are made again$", said)


def test_few_of_many_are_found_by_key(tmp_path: Path) -> None:
    store, encoder = VectorStore(tmp_path), CountingEncoder()
    store.vectors(encoder, MANY)
    few = ["item 7", "item 3", "item 7"]
    np.testing.assert_array_equal(store.vectors(encoder, few), expected(few))
    assert store.missing(encoder, [*few, "item 201"]) == 1

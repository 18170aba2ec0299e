"""The vector store: what is encoded again, what survives a kill, and two at once."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import sracl_core.semantics.store as store_module
from sracl_core.errors import StorageError
from sracl_core.semantics.encode import TextEncoder
from sracl_core.semantics.store import VectorStore, text_keys

Vectors = NDArray[np.float32]


class CountingEncoder(TextEncoder):
    """Derives a vector from a text's hash, and remembers what it was asked for."""

    def __init__(self, fingerprint: str = "f" * 64) -> None:
        self.name, self.fingerprint = "counting", fingerprint
        self.asked: list[str] = []

    @property
    def dimension(self) -> int:
        return 8

    def encode(self, texts: Sequence[str], batch_size: int = 64, progress: object = None) -> Vectors:
        self.asked += texts
        return np.stack([vector_of(text) for text in texts])


def vector_of(text: str) -> Vectors:
    seed = int.from_bytes(text_keys([text]).tobytes(), "little")
    vector = np.random.default_rng(seed).normal(size=8).astype(np.float32)
    return vector / np.linalg.norm(vector)


def expected(texts: Sequence[str]) -> Vectors:
    return np.stack([vector_of(text) for text in texts])


def segments(store: VectorStore, encoder: TextEncoder) -> list[Path]:
    return sorted(store.segments_folder(encoder).iterdir())


def test_each_text_is_encoded_once(tmp_path: Path) -> None:
    encoder, store = CountingEncoder(), VectorStore(tmp_path)
    texts = [f"item {number}" for number in range(300)]
    texts[7] = texts[3]
    np.testing.assert_array_equal(store.vectors(encoder, texts, batch_size=16), expected(texts))
    assert sorted(encoder.asked) == sorted(set(texts))
    assert len(segments(store, encoder)) == 1

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


def test_the_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "here"))
    assert VectorStore().folder == tmp_path / "here"


def test_what_an_interrupted_encode_did_is_kept(tmp_path: Path) -> None:
    class Interrupting(CountingEncoder):
        def encode(self, texts: Sequence[str], batch_size: int = 64, progress: object = None) -> Vectors:
            if len(self.asked) >= 40:
                raise KeyboardInterrupt
            return super().encode(texts, batch_size)

    store, texts = VectorStore(tmp_path), [f"item {number}" for number in range(100)]
    first, second = Interrupting(), CountingEncoder()
    with pytest.raises(KeyboardInterrupt):
        store.vectors(first, texts, batch_size=5)
    np.testing.assert_array_equal(store.vectors(second, texts, batch_size=5), expected(texts))
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
VectorStore({folder!r}).vectors(Slow(), [f"item {{n}}" for n in range({first}, {last})], batch_size=5)
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
    while time.monotonic() < deadline and len(list(store.segments_folder(encoder).glob("*.npy"))) < 3:
        time.sleep(0.01)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    texts = [f"item {number}" for number in range(2000)]
    assert store.missing(encoder, texts) <= 2000 - 3 * 20
    np.testing.assert_array_equal(store.vectors(encoder, texts), expected(texts))


def test_two_processes_at_once_agree(tmp_path: Path) -> None:
    workers = [start_worker(tmp_path, 0, 600, 0.0), start_worker(tmp_path, 300, 900, 0.0)]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    encoder, texts = CountingEncoder(), [f"item {number}" for number in range(900)]
    np.testing.assert_array_equal(VectorStore(tmp_path).vectors(encoder, texts), expected(texts))
    assert encoder.asked == []
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_full_disk_is_one_line_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store, encoder = VectorStore(tmp_path), CountingEncoder()
    store.vectors(encoder, ["kept"])
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="no space is left") as raised:
            store.vectors(encoder, ["kept", "lost"])
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.rglob("*.tmp"))
    np.testing.assert_array_equal(store.vectors(encoder, ["kept", "lost"]), expected(["kept", "lost"]))


def test_a_folder_that_cannot_be_made_is_known_before_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "file"))
    encoder = CountingEncoder()
    with pytest.raises(StorageError, match="SRACL_CACHE_DIR"):
        VectorStore().vectors(encoder, ["x"])
    assert encoder.asked == []


def test_a_damaged_segment_is_named(tmp_path: Path) -> None:
    store, encoder = VectorStore(tmp_path), CountingEncoder()
    store.vectors(encoder, [f"item {number}" for number in range(100)])
    (segment,) = segments(store, encoder)
    segment.write_bytes(segment.read_bytes()[:-100])
    with pytest.raises(StorageError, match=f"{segment.name} is damaged"):
        store.vectors(encoder, ["item 1"])


def test_keys_that_share_half_their_bits_stay_apart(tmp_path: Path) -> None:
    keys = np.array([[7, 1], [7, 2], [9, 1]], dtype=np.uint64).view("V16").ravel()
    vectors = np.eye(3, 8, dtype=np.float32)
    store_module.write_segment(tmp_path, keys[:2], vectors[:2])
    store_module.write_segment(tmp_path, keys[2:], vectors[2:])
    index = store_module._Index.read(tmp_path)
    np.testing.assert_array_equal(index.gather(index.find(keys)), vectors)
    assert index.find(np.array([[8, 1]], dtype=np.uint64).view("V16").ravel()).tolist() == [-1]

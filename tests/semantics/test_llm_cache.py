from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sracl_core.errors import StorageError
from sracl_core.semantics.llm import answers_db
from sracl_core.semantics.llm.answers_db import Answer, Job, LlmCache

JOB = Job("data", "train", "items", "item", "m", "v1", "[]", "shop", 3)


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


@pytest.fixture
def cache(tmp_path: Path) -> LlmCache:
    return LlmCache(tmp_path / "llm.sqlite")


def test_a_dead_process_loses_its_claims_and_a_living_one_keeps_them(cache: LlmCache) -> None:
    claim = (
        "import sys, time; from pathlib import Path; "
        "from sracl_core.semantics.llm.answers_db import LlmCache; "
        "print(len(LlmCache(Path(sys.argv[1])).claim([bytes(15) + b'\\1', bytes(15) + b'\\2'], {})[0]), "
        "flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", claim, str(cache.path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    try:
        assert other.stdout.readline().strip() == "2"
        assert cache.claim([key(1), key(3)], {}) == ([key(3)], [key(1)])
    finally:
        other.kill()
        other.wait()
    assert cache.claim([key(1), key(2)], {}) == ([key(1), key(2)], [])


@pytest.mark.parametrize("clock", [-3600.0, 0.0, 3600.0], ids=["set back", "as it was", "set forward"])
def test_a_failure_is_asked_again_once_whatever_the_clock_says(
    cache: LlmCache, monkeypatch: pytest.MonkeyPatch, clock: float
) -> None:
    failed = Answer("failed", "", error="no", calls=1)
    cache.store(key(1), "m", failed)
    now = time.time()
    seen = cache.answered([key(1), key(2)])[1]
    monkeypatch.setattr(answers_db.time, "time", lambda: now + clock + 1)
    assert cache.claim([key(1)], {}) == ([], [])
    assert cache.claim([key(1), key(2)], seen) == ([key(1), key(2)], [])
    for number in (1, 2):
        cache.store(key(number), "m", failed)
    assert cache.claim([key(1), key(2)], seen) == ([], []), "another process failed since we looked"


def test_failed_answers_are_open_again_and_their_cost_stays(cache: LlmCache) -> None:
    cache.begin(JOB)
    cache.want(JOB.id, [("a", key(1)), ("b", key(1)), ("c", key(2))])
    failed = Answer("failed", "", error="no", calls=1, input_tokens=10, output_tokens=5, money=0.5)
    cache.store(key(1), "m", failed)
    good = Answer("json", "A soap.", calls=1, input_tokens=10, output_tokens=5, money=0.25)
    cache.store(key(1), "m", good)
    [job] = cache.jobs(id=JOB.id)
    assert (job["wanted"], job["done"], job["failed"]) == (2, 1, 0)
    assert (job["calls"], job["input_tokens"], job["money"]) == (2, 20, 0.75)
    assert cache.texts(JOB.id) == {"a": ("json", "A soap."), "b": ("json", "A soap.")}


def test_reading_touches_nothing(tmp_path: Path) -> None:
    cache = LlmCache(tmp_path / "sub" / "llm.sqlite", read_only=True)
    assert cache.jobs() == []
    assert cache.answered([key(1)]) == (set(), {})
    assert list(tmp_path.iterdir()) == []


def test_a_file_whose_maker_was_killed_before_it_had_tables_is_an_empty_cache(tmp_path: Path) -> None:
    path = tmp_path / "llm.sqlite"
    path.touch()
    assert LlmCache(path, read_only=True).jobs() == []
    assert path.stat().st_size == 0


def test_a_file_that_is_no_cache_or_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "llm.sqlite"
    path.write_bytes(b"my shopping list, " * 100)
    with pytest.raises(StorageError, match="is no answer cache"):
        LlmCache(path)
    assert path.read_bytes().startswith(b"my shopping")
    path.unlink()
    newer = LlmCache(path)
    newer._db.execute("PRAGMA user_version=99")
    newer.close()
    with pytest.raises(StorageError, match="format version 99"):
        LlmCache(path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SRACL_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="SRACL_CACHE_DIR"):
        LlmCache(tmp_path / "file" / "llm.sqlite")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_writable_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="SRACL_CACHE_DIR"):
        LlmCache(tmp_path / "llm.sqlite")


def test_a_damaged_answer_counts_as_not_asked_and_it_is_said(
    cache: LlmCache, caplog: pytest.LogCaptureFixture
) -> None:
    cache.want(JOB.id, [("a", key(1)), ("b", key(2)), ("c", key(3)), ("d", key(4))])
    for number, text in ((1, "A soap."), (2, "A brush."), (3, "A comb."), (4, "A towel.")):
        cache.store(key(number), "m", Answer("json", text))
    cache.close()
    with closing(sqlite3.connect(cache.path)) as db, db:
        db.execute("UPDATE answers SET text = 'A soup.' WHERE key = ?", (key(1),))
        db.execute("UPDATE answers SET text = CAST(x'41C0' AS TEXT) WHERE key = ?", (key(2),))
        db.execute("UPDATE subjects SET key = ? WHERE subject = 'c'", (key(4),))
    with closing(LlmCache(cache.path)) as again:
        assert again.texts(JOB.id) == {"d": ("json", "A towel.")}
        assert caplog.messages == [f"{cache.path}: 3 answers are damaged and count as not asked yet"]
        assert again.answered([key(1), key(4)]) == ({key(4)}, {})
        assert again.claim([key(1), key(2), key(4)], {}) == ([key(1), key(2)], [])
        again.store(key(1), "m", Answer("json", "A soap."))
        assert again.texts(JOB.id) == {"a": ("json", "A soap."), "d": ("json", "A towel.")}


@pytest.mark.parametrize("read_only", [True, False])
def test_answers_of_version_1_are_kept(cache: LlmCache, read_only: bool) -> None:
    cache.want(JOB.id, [("a", key(1))])
    cache.store(key(1), "m", Answer("json", "A soap."))
    cache.close()
    with closing(sqlite3.connect(cache.path)) as db:
        for table in ("answers", "subjects"):
            db.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
        db.execute("PRAGMA user_version=1")
        db.commit()
    before = cache.path.read_bytes()
    for _ in range(2):
        with closing(LlmCache(cache.path, read_only=read_only)) as again:
            assert again.texts(JOB.id) == {"a": ("json", "A soap.")}
    assert (cache.path.read_bytes() == before) == read_only


def _zeroed(data: bytearray) -> bytearray:
    data[20 * 4096 : 21 * 4096] = bytes(4096)
    return data


@pytest.mark.parametrize(
    "damage", [_zeroed, lambda data: data[: len(data) * 4 // 5], lambda data: data[:-5000]]
)
def test_of_a_damaged_file_every_answer_that_can_be_read_is_kept(
    cache: LlmCache, caplog: pytest.LogCaptureFixture, damage: Callable[[bytearray], bytearray]
) -> None:
    keys = [hashlib.blake2b(key(number), digest_size=16).digest() for number in range(400)]
    for one in keys:
        cache.store(one, "m", Answer("json", one.hex() * 10))
    cache.close()
    damaged = bytes(damage(bytearray(cache.path.read_bytes())))
    cache.path.write_bytes(damaged)
    with (
        pytest.raises(StorageError, match="keeps what can be read"),
        closing(LlmCache(cache.path, read_only=True)) as looked,
    ):
        looked.answered(keys)
    with closing(LlmCache(cache.path)) as again:
        found, _ = again.answered(keys)
        missing = [one for one in keys if one not in found]
        assert 0 < len(missing) < 0.5 * len(keys)
        assert again.claim(keys, {}) == (missing, [])
        again.store(missing[0], "m", Answer("json", "A soap."))
    [kept] = cache.path.parent.glob("llm.sqlite.damaged-*")
    assert kept.read_bytes() == damaged
    said = caplog.messages[0]
    assert "is damaged (" in said
    assert str(kept) in said
    assert len(LlmCache(cache.path).answered(keys)[0]) == len(found) + 1

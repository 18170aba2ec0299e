"""Every answer of a language model, kept in SQLite from the moment it arrives.

answers: one row for each question (a hash of model, parameters and prompt), shared by all jobs.
jobs, subjects: which texts a job wants, and the question of each. claims: questions that a living
process is asking right now, so that two processes never pay for the same one.
"""

from __future__ import annotations

import json
import math
import os
import socket
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sracl_core.errors import StorageError
from sracl_core.files import cache_folder
from sracl_core.notices import warn
from sracl_core.runs.liveness import is_alive, process_start
from sracl_core.semantics.llm.answers_file import checksum, is_damage, open_answers, writing
from sracl_core.semantics.llm.rescue import open_whole
from sracl_core.words import counted

ELSEWHERE_SECONDS = 900.0
"""A process on another machine cannot be asked whether it lives; its claims end by themselves."""


@dataclass(frozen=True)
class Answer:
    """What became of one question.

    form: "json" or "text" as asked for, "repaired" (JSON at the second asking), "plain" (no JSON, kept as
    it came), or "failed".
    calls: answered requests it took. money: None where no price was known.
    """

    form: str
    text: str
    raw: str = ""
    error: str = ""
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    money: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Job:
    """One purpose for which texts are written.

    dataset: the dataset's identity. train: fingerprint of the train part that the prompts have seen.
    subjects: how many there are in all, asked for or not. name: the dataset's, for people.
    """

    dataset: str
    train: str
    what: str
    scope: str
    model: str
    prompt_version: str
    parameters: str
    name: str
    subjects: int

    @property
    def id(self) -> str:
        """The same for the same purpose, whenever it is taken up again."""
        import hashlib

        parts = {name: value for name, value in asdict(self).items() if name not in ("name", "subjects")}
        return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=12).hexdigest()


class LlmCache:
    """The file `llm.sqlite` in the cache folder; several processes may hold it open.

    read_only: never creates or changes anything; a file that is not there is an empty cache.
    Raises StorageError where the file cannot be used.
    """

    def __init__(self, path: Path | None = None, *, read_only: bool = False) -> None:
        self.path = path or cache_folder() / "llm.sqlite"
        host = socket.gethostname()
        self.owner = json.dumps([host, os.getpid(), process_start(os.getpid())])
        with self._told():
            self._db = open_answers(self.path, True) if read_only else open_whole(self.path)

    def close(self) -> None:
        """Give the file back; what was stored is stored."""
        self._db.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StorageError(
                f"cannot use the answer cache {self.path} ({error}); answers stored before are kept; "
                "free space, or set SRACL_CACHE_DIR to a folder that can be written"
            ) from error
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise StorageError(
                    f"{self.path} is damaged ({error}); when `sracl describe` starts it keeps what can be "
                    "read of it and asks for the rest"
                ) from error
            raise StorageError(
                f"{self.path} is no answer cache ({error}); move it away, or set SRACL_CACHE_DIR"
            ) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._told(), writing(self._db):
            yield self._db

    def begin(self, job: Job) -> None:
        """Note that `job` was taken up now."""
        with self._writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO jobs VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (job.id, *(getattr(job, name) for name in Job.__dataclass_fields__), time.time()),
            )

    def want(self, job_id: str, subjects: Iterable[tuple[str, bytes]]) -> None:
        """Note the question of each of some subjects of a job."""
        with self._writing() as db:
            rows = ((job_id, subject, key, checksum(job_id, subject, key)) for subject, key in subjects)
            db.executemany("INSERT OR REPLACE INTO subjects VALUES (?,?,?,?)", rows)

    def answered(self, keys: Sequence[bytes]) -> tuple[set[bytes], dict[bytes, float]]:
        """Those of `keys` (at most a few hundred) that have an answer; those that failed, with their time."""
        with self._told():
            found = self._found(keys)
        answered = {key for key, form, _ in found if form != "failed"}
        return answered, {key: when for key, form, when in found if form == "failed"}

    def _found(self, keys: Sequence[bytes]) -> list[tuple[bytes, str, float]]:
        """(key, form, time) of each of `keys` whose answer is as it was written."""
        marks = ",".join("?" * len(keys))
        rows = self._db.execute(
            f"SELECT key, form, time, model, text, checksum FROM answers WHERE key IN ({marks})", keys
        ).fetchall()
        whole = [
            (key, form, when)
            for key, form, when, model, text, stored in rows
            if checksum(key, model, form, text) == stored
        ]
        self._tell_damaged(len(rows) - len(whole))
        return whole

    def _tell_damaged(self, count: int) -> None:
        if count:
            lost = counted(count, "answer is damaged and counts", "answers are damaged and count")
            warn(f"{self.path}: {lost} as not asked yet")

    def claim(
        self, keys: Sequence[bytes], to_retry: Mapping[bytes, float]
    ) -> tuple[list[bytes], list[bytes]]:
        """Reserve questions for this process: (mine now, being asked by another living process).

        Those in neither list have been answered. A failure counts as an answer, but for those `to_retry`, by
        their time: whoever has asked again since has left another one, whatever the clock was set to.
        """
        mine, others = [], []
        marks = ",".join("?" * len(keys))
        with self._writing() as db:
            answered = {
                key for key, form, when in self._found(keys) if form != "failed" or to_retry.get(key) != when
            }
            claims = {
                key: (owner, when)
                for key, owner, when in db.execute(f"SELECT * FROM claims WHERE key IN ({marks})", keys)
            }
            for key in keys:
                if key in answered:
                    continue
                if key in claims and self._living(*claims[key]):
                    others.append(key)
                else:
                    mine.append(key)
            now = time.time()
            rows = ((key, self.owner, now) for key in mine)
            db.executemany("INSERT OR REPLACE INTO claims VALUES (?,?,?)", rows)
        return mine, others

    def _living(self, owner: str, when: float) -> bool:
        if owner == self.owner:
            return False
        host, pid, start = json.loads(owner)
        if host != socket.gethostname():
            return abs(time.time() - when) < ELSEWHERE_SECONDS
        return is_alive({"pid": pid, "process_start": start})

    def release(self) -> None:
        """Give up every claim of this process."""
        with self._writing() as db:
            db.execute("DELETE FROM claims WHERE owner = ?", (self.owner,))

    def store(self, key: bytes, model: str, answer: Answer) -> None:
        """Keep an answer (or a failure) and end its claim; tokens and money of earlier tries add up."""
        with self._writing() as db:
            db.execute(
                "INSERT INTO answers VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(key) DO UPDATE SET "
                "model=excluded.model, checksum=excluded.checksum, form=excluded.form, text=excluded.text, "
                "raw=excluded.raw, error=excluded.error, "
                "calls=calls+excluded.calls, input_tokens=input_tokens+excluded.input_tokens, "
                "output_tokens=output_tokens+excluded.output_tokens, "
                "money=CASE WHEN money IS NULL AND excluded.money IS NULL THEN NULL "
                "ELSE coalesce(money,0)+coalesce(excluded.money,0) END, "
                "seconds=seconds+excluded.seconds, time=excluded.time",
                (
                    *(key, model, *asdict(answer).values(), time.time()),
                    checksum(key, model, answer.form, answer.text),
                ),
            )
            db.execute("DELETE FROM claims WHERE key = ?", (key,))

    def jobs(self, **fields: str) -> list[dict[str, Any]]:
        """The jobs whose columns equal `fields`, the latest first, with what has been done of each."""
        where = " AND ".join(f"jobs.{name} = ?" for name in fields) or "1"
        with self._told():
            cursor = self._db.execute(
                "SELECT jobs.*, count(keys.key) AS wanted, total(form != 'failed') AS done, "
                "total(form = 'failed') AS failed, total(form = 'plain') AS plain, "
                "total(form = 'repaired') AS repaired, total(calls) AS calls, "
                "total(input_tokens) AS input_tokens, total(output_tokens) AS output_tokens, "
                "sum(money) AS money, total(seconds) AS call_seconds FROM jobs "
                "LEFT JOIN (SELECT DISTINCT job, key FROM subjects) AS keys ON keys.job = jobs.id "
                f"LEFT JOIN answers ON answers.key = keys.key WHERE {where} "
                "GROUP BY jobs.id ORDER BY jobs.updated DESC",
                tuple(fields.values()),
            )
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
        counts = ("done", "failed", "plain", "repaired", "calls", "input_tokens", "output_tokens")
        return [{**row, **{name: int(row[name]) for name in counts}} for row in rows]

    def texts(self, job_id: str, limit: int = -1, until: float = math.inf) -> dict[str, tuple[str, str]]:
        """(form, text) of each subject of a job that has an answer; of the first `limit` unless negative.

        until: unix time; answers that arrived later are left out. An answer that is no failure is never
        asked for again, so that this gives what a job had at that time.
        """
        with self._told():
            rows = self._db.execute(
                "SELECT subject, key, model, form, text, subjects.checksum, answers.checksum "
                "FROM subjects JOIN answers USING (key) WHERE job = ? AND time <= ? LIMIT ?",
                (job_id, until, limit),
            ).fetchall()
        whole = {
            subject: (form, text)
            for subject, key, model, form, text, stored, of_answer in rows
            if checksum(job_id, subject, key) == stored and checksum(key, model, form, text) == of_answer
        }
        self._tell_damaged(len(rows) - len(whole))
        return whole

    def latest_answer(self, job_id: str) -> float:
        """Unix time of a job's latest answer, 0 where it has none."""
        with self._told():
            row = self._db.execute(
                "SELECT max(time) FROM subjects JOIN answers USING (key) WHERE job = ?", (job_id,)
            ).fetchone()
        return float(row[0] or 0.0)

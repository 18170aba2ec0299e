"""Lists for everybody, written part by part: a killed command goes on where it was, a team shares them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sracl_core import disk
from sracl_core.errors import InputError
from sracl_core.explorer.loading import LoadedRun
from sracl_core.files import make_folder, read_json, whole_file, write_json
from sracl_core.locks import holding
from sracl_core.notices import warn
from sracl_core.progress import Progress
from sracl_core.rules import Rules
from sracl_core.rules.applied import apply
from sracl_core.service import forms
from sracl_core.service.asked import Asked
from sracl_core.service.listing import Lister
from sracl_core.team import ALONE, Team
from sracl_core.training.checkpoint import model_hash

PEOPLE_OF_A_PART = 4096
SAMPLE = 256
JOB = "job.json"


@dataclass(frozen=True)
class Written:
    """What `write_lists` did.

    popular: people who got the most popular items, since nothing is known of them. short: people whose
    list has fewer than `k` items. added: recommendations of items that came after training. taken: people
    whose lists an earlier, killed command had made.
    notes: of the rules.
    """

    people: int
    rows: int
    popular: int
    short: int
    added: int
    taken: int
    notes: list[str]


@dataclass(frozen=True)
class Planned:
    """What `write_lists` would do. taken: as in `Written`. seconds: for the others, by those of a sample."""

    people: int
    taken: int
    rows_at_most: int
    seconds: float


def plan_lists(loaded: LoadedRun, asked: Asked, k: int, out: Path, rules: Rules | None = None) -> Planned:
    """Make lists of a sample, to see how long all take; nothing is written. Raises as `write_lists`."""
    rules = rules or Rules()
    folder, applied = _folder(out), apply(rules, loaded.catalogue)
    same = read_json(folder / JOB) == _job(loaded, asked, k, rules)
    starts = {int(path.stem.partition("-")[0]) for path in folder.glob("*-*.parquet")} if same else set()
    people = len(asked.names)
    taken = sum(min(PEOPLE_OF_A_PART, people - start) for start in starts)
    lister, seconds = Lister(loaded, k, applied), 0.0
    rows = np.linspace(0, people - 1, min(people, SAMPLE, lister.rows_at_once), dtype=np.int64)
    for _ in range(2):  # the first one warms up
        began = time.perf_counter()
        lister.lists(asked.names.gather(rows), asked.histories.take(rows))
        seconds = time.perf_counter() - began
    return Planned(people, taken, k * people, seconds / len(rows) * (people - taken))


def write_lists(
    loaded: LoadedRun,
    asked: Asked,
    k: int,
    out: Path,
    progress: Progress | None = None,
    rules: Rules | None = None,
    team: Team = ALONE,
) -> Written:
    """The best `k` items of everybody asked, in `out`: .parquet, .csv or .jsonl; see `forms`.

    Finished parts lie in OUT.parts until all are there; the same command goes on after the last of them.
    Every process of a `team` calls this, makes its share of the parts, and hears what all have done.
    Raises InputError for another ending of `out`, while another process writes it, and where those of a team
    are asked for different lists.
    """
    rules, people = rules or Rules(), len(asked.names)
    folder, applied = _folder(out), apply(rules, loaded.catalogue)
    job = _job(loaded, asked, k, rules)
    team.require_same(job)
    with _only_writer(folder) if team.first else nullcontext():
        made = team.from_first(_made(folder, job) if team.first else {})
        taken = sum(min(PEOPLE_OF_A_PART, people - start) for start in made)
        paths = _parts(folder, made, Lister(loaded, k, applied), asked, progress, team)
        came = loaded.dataset.items.ids[loaded.trained.dataset.n_items :]
        counts = team.from_first(_joined(paths, out, folder, k, came) if team.first else {})
    if team.first:
        disk.remove(folder)
    short = people - counts.pop("full")
    return Written(people=people, short=short, taken=taken, notes=applied.notes, **counts)


def _joined(paths: list[Path], out: Path, folder: Path, k: int, came: Sequence[str]) -> dict[str, int]:
    """Make `out` of the parts, and count in it."""
    forms.join(paths, out, folder)
    lists = pl.concat([pl.scan_parquet(path.absolute(), glob=False) for path in paths])
    firsts = lists.group_by("user_id").agg(pl.len(), pl.col("source").first()).collect()
    return {
        "rows": lists.select(pl.len()).collect().item(),
        "added": lists.select(pl.col("item_id").is_in(came).sum()).collect().item() if came else 0,
        "popular": int((firsts["source"] == "popular").sum()),
        "full": int((firsts["len"] == k).sum()),
    }


def _folder(out: Path) -> Path:
    """Where the parts of `out` lie meanwhile. Raises InputError where it can be no file of lists."""
    forms.form_of(out)
    if out.is_dir():
        raise InputError(f"{out} is a folder; give --out a file such as {out / 'recs.parquet'}")
    return out.with_name(f"{out.name}.parts")


def _parts(
    folder: Path,
    made: Mapping[int, str],
    lister: Lister,
    asked: Asked,
    progress: Progress | None,
    team: Team,
) -> list[Path]:
    """The parts' files; those that are not `made` yet are shared out.

    After each part the processes wait for one another: that one has died is noticed there, and what process
    0 tells of the progress of all is counted.
    """
    people, told = len(asked.names), progress or (lambda *_: None)
    sizes = {start: min(PEOPLE_OF_A_PART, people - start) for start in range(0, people, PEOPLE_OF_A_PART)}
    names, left = dict(made), [start for start in sizes if start not in made]
    done = sum(sizes[start] for start in made)
    told("recommend", done, people)
    for at in range(0, len(left), team.size):
        now, name = left[at : at + team.size], ""
        for start in now[team.rank : team.rank + 1]:
            frames, stop = [], start + sizes[start]
            for first in range(start, stop, lister.rows_at_once):
                last = min(first + lister.rows_at_once, stop)
                histories = asked.histories.take(np.arange(first, last))
                frames.append(lister.lists(asked.names[first:last], histories))
                if last < stop:
                    told("recommend", done + last - start, people)
            name = _keep(folder, start, pl.concat(frames))
        names |= zip(now, team.every(name), strict=False)
        done += sum(sizes[start] for start in now)
        told("recommend", done, people)
    return [folder / names[start] for start in sizes]


def _keep(folder: Path, start: int, lists: pl.DataFrame) -> str:
    """Write a part; its name, which is returned, has the hash of its content."""
    content = BytesIO()
    lists.write_parquet(content, compression="zstd", compression_level=1)
    path = folder / f"{start:012d}-{_hash(content.getvalue())}.parquet"
    with whole_file(path) as stream:
        stream.write(content.getvalue())
    return path.name


def _made(folder: Path, job: dict[str, Any]) -> dict[int, str]:
    """The names of parts of this very job that are as they were written, by where they start.

    Those of another job are removed.
    """
    if read_json(folder / JOB) != job:
        for path in folder.glob("*.parquet"):
            path.unlink()
        write_json(folder / JOB, job, seal=True)
    made = {}
    for path in folder.glob("*-*.parquet"):
        start, _, written = path.stem.partition("-")
        if written == _hash(path.read_bytes()):
            made[int(start)] = path.name
        else:
            warn(f"{path} is damaged; its lists are made again")
            path.unlink()
    return made


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()[:32]


def _job(loaded: LoadedRun, asked: Asked, k: int, rules: Rules) -> dict[str, Any]:
    """What the lists depend on: parts of another job are not taken up."""
    people = sha256("\0".join(asked.names).encode())
    people.update(asked.histories.offsets.tobytes())
    people.update(asked.histories.values.tobytes())
    return {
        "model": model_hash(loaded.run),
        "added": loaded.added.identity if loaded.added else None,
        "dataset": loaded.dataset.identity,
        "people": people.hexdigest(),
        "k": k,
        "people_of_a_part": PEOPLE_OF_A_PART,
        "rules": rules.model_dump(),
    }


@contextmanager
def _only_writer(folder: Path) -> Iterator[None]:
    """Hold the folder of parts for this process. Raises InputError while another one does."""
    make_folder(folder)
    refusal = InputError(f"another process is writing {folder}; wait for it, or give another --out")
    with holding(folder / "lock", lambda: refusal):
        yield

"""Processes of a team for tests, each started from a server that has imported torch once."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from sracl_core.errors import REPEATED, InputError, TeamError
from sracl_core.explorer.loading import LoadedRun
from sracl_core.meeting import joined
from sracl_core.pipeline.new_run import new_run
from sracl_core.pipeline.run import resume, train
from sracl_core.runs.directory import RunDirectory, open_run
from sracl_core.runs.silent import SilentWriter
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics.encode import TextEncoder
from sracl_core.service import asked, batch, listing
from sracl_core.team import Team
from tests.tiny import hashed_words, tiny_config

SECONDS = 240.0


def trained_together(size: int, dataset: Path, runs: Path, cases: dict[str, dict[str, Any]]) -> None:
    """A run of each case in `runs`, by `size` processes."""
    _together(size, dataset, _train, runs, cases)


def resumed_together(size: int, dataset: Path, run: Path) -> None:
    """`run`, gone on with by `size` processes."""
    _together(size, dataset, _resume, run)


def listed_together(size: int, dataset: Path, run: Path, out: Path, expected: dict[str, Any] | None) -> None:
    """Lists of 5 for everybody by `size` processes, which hear what is expected.

    None: all but the first die once a part of each is there.
    """
    _together(size, dataset, _list, run, out, expected)


def disagreed_together(dataset: Path, run: Path, out: Path) -> None:
    """Two processes are asked for lists of different lengths, and refuse."""
    _together(2, dataset, _disagree, run, out)


def _together(size: int, dataset: Path, job: Callable[..., None], *given: Any) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.team_members"])
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    members = [
        context.Process(target=_member, args=(rank, size, port, dataset, job, given)) for rank in range(size)
    ]
    for member in members:
        member.start()
    for member in members:
        member.join(SECONDS)
        if member.is_alive():
            member.kill()
    assert [member.exitcode for member in members] == [0] * size


def _member(
    rank: int, size: int, port: int, dataset: Path, job: Callable[..., None], given: tuple[Any, ...]
) -> None:
    place = {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    os.environ["SRACL_CACHE_DIR"] = str(dataset.parent / "cache")
    TextEncoder.encode = hashed_words  # type: ignore[method-assign,assignment]
    with joined() as team:
        job(team, dataset, *given)


def _train(team: Team, dataset: Path, runs: Path, cases: dict[str, dict[str, Any]]) -> None:
    for name, changes in cases.items():
        config = tiny_config(dataset, changes)
        made = str(new_run(config, runs, name).path) if team.first else ""
        run: RunDirectory = open_run(team.from_first(made))
        with RunWriter(run) if team.first else SilentWriter() as writer:
            train(run, writer, team=team)


def _resume(team: Team, dataset: Path, path: Path) -> None:
    run = open_run(path)
    with RunWriter(run) if team.first else SilentWriter() as writer:
        resume(run, writer, team=team)


def _list(team: Team, dataset: Path, run: Path, out: Path, expected: dict[str, Any] | None) -> None:
    loaded = LoadedRun.open(run)
    batch.PEOPLE_OF_A_PART = 12
    listing.SCORES_AT_ONCE = 5 * loaded.dataset.n_items
    people = asked.every_user(loaded.dataset, loaded.histories, "test")
    heard: list[int] = []

    def told(stage: str, done: int, total: int) -> None:
        heard.append(done)
        if expected is None and team.rank and done > batch.PEOPLE_OF_A_PART:
            os._exit(0)

    if expected is None:
        with pytest.raises(TeamError, match=f"another process of the team has ended.*; {REPEATED}"):
            batch.write_lists(loaded, people, 5, out, told, team=replace(team, remedy=REPEATED))
        return
    assert asdict(batch.write_lists(loaded, people, 5, out, told, team=team)) == expected
    assert heard == sorted(set(heard))
    assert (heard[0], heard[-1]) == (expected["taken"], expected["people"])


def _disagree(team: Team, dataset: Path, run: Path, out: Path) -> None:
    loaded = LoadedRun.open(run)
    people = asked.every_user(loaded.dataset, loaded.histories, "test")
    with pytest.raises(InputError, match=r"process 1 has another k than process 0 \(6 in place of 5\)"):
        batch.write_lists(loaded, people, 5 + team.rank, out, team=team)

"""Processes of a team for tests, each started from a server that has imported torch once."""

from __future__ import annotations

import io
import multiprocessing
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stderr
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sracl_core import device, meeting
from sracl_core.cli import main
from sracl_core.cli.train import _of_first
from sracl_core.data.sources import load_sources
from sracl_core.errors import REPEATED, RESUMED, InputError, TeamError
from sracl_core.explorer.loading import LoadedRun
from sracl_core.files import write_json
from sracl_core.meeting import joined
from sracl_core.memory import ran_out
from sracl_core.objectives.base import Batch
from sracl_core.pipeline.new_run import new_run
from sracl_core.pipeline.run import resume, train
from sracl_core.pipeline.stages import build_semantics
from sracl_core.retrieval import cells, hnsw
from sracl_core.runs.directory import RunDirectory, open_run
from sracl_core.runs.silent import SilentWriter
from sracl_core.runs.writer import RunWriter
from sracl_core.semantics import together
from sracl_core.semantics.encode import TextEncoder, load_encoder
from sracl_core.service import asked, batch, listing
from sracl_core.team import ALONE, Team
from sracl_core.training.inputs import all_hashes
from sracl_core.training.loop import Trainer
from tests.tiny import hashed_words, tiny_config

SECONDS = 240.0


def trained_together(size: int, dataset: Path, runs: Path, cases: dict[str, dict[str, Any]]) -> None:
    """A run of each case in `runs`, by `size` processes."""
    _together(size, dataset, _train, runs, cases)


def crowded_together(dataset: Path, run: Path) -> None:
    """`run` by two processes, of which the second asks at its fourth step for more memory than there is."""
    _together(2, dataset, _crowd, run)


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


def commanded_together(dataset: Path, run: Path) -> None:
    """Two processes are given commands that say different things, and both are told which."""
    _together(2, dataset, _command, run)


def semantics_together(size: int, dataset: Path, folder: Path, lacking: int) -> None:
    """Vectors and tables of both searches by `size` processes with no common cache; `lacking` has no encoder.

    In `folder`: their hashes as `semantics_hashes` has them, and how many texts each process encoded.
    """
    _together(size, dataset, _semantics, folder, lacking)


def semantics_hashes(dataset: Path, team: Team = ALONE) -> dict[str, str]:
    """Of all that texts say in exact search, by cells and in one of several indexes, in small blocks."""
    hnsw._ROWS_AN_INDEX, hnsw._REFINED_ROWS = 60, 32
    cells._ROWS, cells._MOST_ROWS = 8, 32
    device._SEARCHED_ROWS_AT_ONCE["cpu"] = 32
    found = {}
    for method in ("exact", "cells", "hnsw"):
        config = tiny_config(dataset, {"retrieval.method": method, "semantics.batch_size": 2})
        semantics = build_semantics(config, load_sources(config), team=team)
        hashes = all_hashes(semantics.item_vectors, semantics.tables, semantics.hashes)
        found |= {f"{method} {name}": value for name, value in hashes.items()}
    return found


def _semantics(team: Team, dataset: Path, folder: Path, lacking: int) -> None:
    os.environ["SRACL_CACHE_DIR"] = str(folder / f"cache-{team.rank}")
    encoded: list[str] = []

    def counted(encoder: TextEncoder, texts: Sequence[str], *given: Any) -> np.ndarray:
        encoded.extend(texts)
        return hashed_words(encoder, texts, *given)

    TextEncoder.encode = counted  # type: ignore[method-assign,assignment]
    if team.rank == lacking:
        together._encoder_here = lambda name: load_encoder("/nowhere")  # type: ignore[assignment]
    if team.first:
        write_json(folder / "hashes.json", semantics_hashes(dataset, team))
        team.release()
    else:
        team.lend()
    write_json(folder / f"encoded-{team.rank}.json", encoded)


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


def _crowd(team: Team, dataset: Path, path: Path) -> None:
    run, step = open_run(path), Trainer._step

    def crowded(trainer: Trainer, batch: Batch) -> dict[str, float]:
        if team.rank and trainer.session.state.step == 3:
            torch.empty(1 << 50)
        return step(trainer, batch)

    Trainer._step = crowded  # type: ignore[method-assign]
    with RunWriter(run) if team.first else SilentWriter() as writer:
        if team.first:
            with pytest.raises(TeamError, match=f"another process of the team has ended.*; {RESUMED}"):
                train(run, writer, team=team)
            return
        with pytest.raises(RuntimeError) as met:
            train(run, writer, team=team)
        assert ran_out(met.value)
    os._exit(0)


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


def _command(team: Team, dataset: Path, run: Path) -> None:
    meeting.joined = lambda: nullcontext(team)  # type: ignore[assignment,misc]
    train_it, resume_it = ["train", "--runs-dir", str(run.parent)], ["resume", str(run)]
    cases = [
        (train_it, "--dataset", [str(dataset), "data/other"], "dataset.path"),
        (train_it, "--epochs", ["1", "2"], "training.max_epochs"),
        (train_it, "--seed", ["1", "7"], "training.seed"),
        (train_it, "--set", ["model.dropout=0.1", "model.dropout=0.3"], "model.dropout"),
        (train_it, "--name", ["theirs", "mine"], "--name"),
        (resume_it, "--epochs", ["4", "5"], "--epochs"),
        (resume_it, "--dataset", [str(dataset), "data/other"], "--dataset"),
    ]
    for words, option, values, named in cases:
        with redirect_stderr(io.StringIO()) as told:
            code = main.run([*words, option, values[team.rank], "--quiet"])
        first, other = (value.rpartition("=")[2] for value in values)
        said = f"process 1 has another {named} than process 0 ({other} in place of {first}); "
        assert (code, told.getvalue()) == (2, f"error: {said}give all of them the same\n")
    if team.rank:
        Path.is_dir = lambda self: False  # type: ignore[assignment,method-assign]
    with pytest.raises(InputError, match=r"process 1 sees no .*, which process 0 has made"):
        _of_first(team, RunDirectory(run) if team.first else None)

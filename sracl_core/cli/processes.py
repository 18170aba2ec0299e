"""`--processes N`: this command again N times on this machine, as one team (see `sracl_core.meeting`)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import IO, Annotated, Any

import typer

from sracl_core.cli import output
from sracl_core.errors import RESUMED, InputError, TeamError
from sracl_core.interrupts import heard

ProcessesOption = Annotated[
    int,
    typer.Option(
        "--processes",
        min=1,
        metavar="N",
        help="Train with N processes on this machine that share each batch.",
    ),
]
ENDING_SECONDS = 30.0
"""What the others get to notice that one has ended, and to say so."""


def launches(processes: int) -> bool:
    """Whether this process starts a team, rather than being one of it or working alone."""
    return processes > 1 and "WORLD_SIZE" not in os.environ


def launch(processes: int, remedy: str = RESUMED) -> int:
    """Run this process's command line as a team of `processes`; returns the exit code of process 0.

    Process 0 has this terminal. When one ends otherwise than well, so do all. Raises TeamError, which ends
    in `remedy`, where process 0 cannot say so itself.
    """
    import socket

    sockets = socket.socket()
    sockets.bind(("127.0.0.1", 0))
    port = sockets.getsockname()[1]
    sockets.close()
    team: list[subprocess.Popen[bytes]] = []
    with ExitStack() as held, _passing_signals_on(team):
        said = [held.enter_context(tempfile.TemporaryFile()) for _ in range(1, processes)]
        try:
            for rank in range(processes):
                team.append(_start(rank, processes, port, None if rank == 0 else said[rank - 1]))
            return _outcome(team, said, remedy)
        finally:
            for one in team:
                if one.poll() is None:
                    one.kill()
                one.wait()


def _start(rank: int, size: int, port: int, said: IO[bytes] | None) -> subprocess.Popen[bytes]:
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment = os.environ | {name: str(value) for name, value in (place | where).items()}
    return subprocess.Popen(
        [sys.executable, "-m", "sracl_core", *sys.argv[1:]],
        env=environment,
        stdout=None if rank == 0 else subprocess.DEVNULL,
        stderr=said,
    )


def _outcome(team: list[subprocess.Popen[bytes]], said: list[Any], remedy: str) -> int:
    first_bad, deadline = None, float("inf")
    while any(one.poll() is None for one in team):
        bad = [rank for rank, one in enumerate(team) if one.poll() not in (None, 0)]
        if bad and first_bad is None:
            first_bad, deadline = bad[0], time.monotonic() + ENDING_SECONDS
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    codes = [one.poll() for one in team]
    if first_bad is None:
        first_bad = next((rank for rank, code in enumerate(codes) if code), 0)
    code = codes[first_bad] or 0
    words = _last_words(said[first_bad - 1]) if first_bad and code > 0 else ""
    if codes[0] is None or codes[0] < 0:
        ended = f"process {first_bad} of {len(team)} was ended{_by(code)}, and the others with it"
        raise TeamError(f"{ended}: {words}" if words else f"{ended}; {remedy}")
    if codes[0] == TeamError.exit_code and first_bad:
        output.say(f"process {first_bad}: {words or 'ended' + _by(code)}")
    return codes[0] or next((1 for code in codes if code), 0)


def _last_words(said: IO[bytes]) -> str:
    said.seek(0)
    return next(reversed(said.read().decode(errors="replace").strip().splitlines()), "")


def _by(code: int) -> str:
    return f" by {signal.Signals(-code).name}" if code < 0 else ""


@contextmanager
def _passing_signals_on(team: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """What asks this process to end asks process 0, which tells the others and keeps what is done."""

    def passed(number: int, frame: FrameType | None) -> None:
        if team and team[0].poll() is None:
            team[0].send_signal(number)

    earlier = {number: signal.signal(number, passed) for number in heard()}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def refuse_a_team(command: str | None, words: Sequence[str]) -> None:
    """Raise InputError for a command, of these words, that a team would merely do several times over."""
    everybody = command == "recommend" and "--all" in words and "--dry-run" not in words
    shared = everybody or command in ("train", "resume", None)
    if os.environ.get("WORLD_SIZE", "1") != "1" and not shared:
        raise InputError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, and only `sracl train`, `sracl resume` and "
            "`sracl recommend --all` are shared among processes; run this one without torchrun"
        )

"""Running `sracl` for the dashboard: short questions, long jobs, and trainings of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import IO, Any

LINE_LIMIT = 64 << 20
END_SECONDS = 2.0
_running: set[asyncio.subprocess.Process] = set()


class CommandError(Exception):
    """A `sracl` command did not succeed; the message is its own one line."""


def sracl(*args: str) -> list[str]:
    """The command line that runs `sracl` with this very Python."""
    return [sys.executable, "-m", "sracl_core.cli.main", *args]


def error_line(stderr: str, code: int | None) -> str:
    """The line of `stderr` that says what went wrong, as the command line says it."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if line.startswith("error: ")), "")
    if said:
        return said.removeprefix("error: ")
    if code is not None and code < 0:
        return f"the process was ended by {_signal_name(-code)}"
    return lines[-1] if lines else f"the command ended with exit code {code} and said nothing"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


async def ask(*args: str) -> Any:
    """What ``sracl ARGS --json`` answers. Raises CommandError with the command's own words."""
    process = await spawn(*args, "--json")
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        await end(process)
        raise
    _running.discard(process)
    if process.returncode != 0:
        raise CommandError(error_line(err.decode("utf-8", "replace"), process.returncode))
    try:
        return json.loads(out)
    except ValueError as error:
        raise CommandError(f"sracl {args[0]} answered something that is no JSON") from error


async def follow(*args: str, on_line: Callable[[str], None]) -> str:
    """Run a longer command, handing on each line of its stderr; returns its stdout.

    Raises CommandError with the command's own words. Cancelling ends the command.
    """
    process = await spawn(*args)
    said: list[str] = []

    async def read_messages() -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            text = line.decode("utf-8", "replace").rstrip()
            said.append(text)
            del said[:-50]
            on_line(text)

    async def read_output() -> bytes:
        assert process.stdout is not None
        return await process.stdout.read()

    try:
        _, out = await asyncio.gather(read_messages(), read_output())
        await process.wait()
    except asyncio.CancelledError:
        await end(process)
        raise
    _running.discard(process)
    if process.returncode != 0:
        raise CommandError(error_line("\n".join(said), process.returncode))
    return out.decode("utf-8", "replace")


def start_detached(args: list[str]) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start `sracl ARGS` as a session of its own that outlives us, and the file of all that it prints.

    The file has no name, so that none is left when we end before the process does. Raises CommandError when
    the process or the file cannot be made.
    """
    try:
        output = tempfile.TemporaryFile()  # noqa: SIM115  (read when the process has ended)
        process = subprocess.Popen(
            sracl(*args),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=child_environment(),
        )
    except OSError as error:
        raise CommandError(f"the training cannot be started: {error}") from error
    return process, output


async def spawn(*args: str, talking: bool = False) -> asyncio.subprocess.Process:
    """Start ``sracl ARGS`` with pipes, that of stdin only for one that is `talking`; see `end`.

    Raises CommandError.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *sracl(*args),
            stdin=asyncio.subprocess.PIPE if talking else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT,
            env=child_environment(),
        )
    except OSError as error:
        raise CommandError(f"sracl cannot be started: {error}") from error
    _running.add(process)
    return process


async def end_all() -> None:
    """End every question that is still open; trainings are sessions of their own and go on."""
    for process in list(_running):
        await end(process)


async def end(process: asyncio.subprocess.Process) -> None:
    """Ask it to end, and wait for that; not for ever, for it may be slow to hear of it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        await asyncio.wait_for(process.wait(), END_SECONDS)
    _running.discard(process)


def child_environment() -> dict[str, str]:
    """Ours, without what Textual reads: a child must not take it for its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TEXTUAL")}

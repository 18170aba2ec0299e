"""Talks with `sracl explore RUN --json-lines`, a process of its own that holds the model.

The protocol is docs/explore-protocol.md. One client asks about one run.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sracl_core.files import recovered
from sracl_core.runs.directory import RunDirectory
from sracl_tui.commands import CommandError, end, error_line, spawn
from sracl_tui.view_models import short_name

NO_MODEL = {
    "running": "is in its first epoch; when that has ended there is a model to ask",
    **dict.fromkeys(
        ("stopped", "crashed", "failed"),
        "ended before its first epoch did, so there is no model to ask; F3, then R, trains it on",
    ),
}
"""By status, what is said of a run without a checkpoint."""
COUNTS = "counts and learns nothing, so there is no model to ask"


class QueryError(Exception):
    """The question could not be answered; the message is the explorer's own line, `kind` its error's."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class QueryClient:
    """Starts the explorer when first asked. `state` is "idle", "loading", "ready" or "dead".

    `facts` is its first line once ready; `problem` says why it is dead, `remedy` the key against it,
    `no_model` whether that is since the run has none to ask. `on_change` is called whenever `state`
    changes.
    """

    def __init__(self, run: Path, on_change: Callable[[], None]) -> None:
        self.run = run
        self.state = "idle"
        self.facts: dict[str, Any] = {}
        self.problem = ""
        self.remedy = ""
        self.no_model = False
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self._reader: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._said: list[str] = []

    def start(self) -> None:
        """Start the explorer, also again after its death."""
        if self.state in ("idle", "dead"):
            self._ready = asyncio.Event()
            self._set("loading")
            self._reader = asyncio.create_task(self._live())

    async def ask(self, op: str, **arguments: Any) -> tuple[Any, float]:
        """The result of `op` and the milliseconds it took there. Raises QueryError.

        An explorer that has ended is not started again by a question: it would most likely end again.
        """
        if self.state == "idle":
            self.start()
        await self._ready.wait()
        if self.state != "ready" or self._process is None or self._process.stdin is None:
            raise QueryError(self.problem or "the explorer has ended")
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            line = json.dumps({"id": number, "op": op, **arguments})
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()
            said = await answer
        except (ConnectionError, OSError) as error:
            raise QueryError("the explorer has ended") from error
        finally:
            self._waiting.pop(number, None)
        if not said.get("ok"):
            raise QueryError(str(said.get("error") or "no answer"), str(said.get("kind") or ""))
        return said.get("result"), float(said.get("ms") or 0.0)

    async def close(self) -> None:
        """End the explorer."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader
        self.state = "idle"

    async def _live(self) -> None:
        lacking, self.remedy = _without_model(self.run)
        self.no_model = bool(lacking)
        if lacking:
            self._die(lacking)
            return
        try:
            process = await spawn("explore", str(self.run), "--json-lines", talking=True)
        except CommandError as error:
            self._die(str(error))
            return
        self._process = process
        listening = asyncio.create_task(self._listen_to_errors(process))
        try:
            await self._listen(process)
            code = await process.wait()
            await listening
            self._die(error_line("\n".join(self._said), code))
        finally:
            listening.cancel()
            await end(process)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if not isinstance(said, dict):
                continue
            if said.get("ready"):
                self.facts = said
                self._set("ready")
                self._ready.set()
            else:
                answer = self._waiting.get(said.get("id") or 0)
                if answer is not None and not answer.done():
                    answer.set_result(said)

    async def _listen_to_errors(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        self._said = []
        while line := await process.stderr.readline():
            self._said.append(line.decode("utf-8", "replace").rstrip())
            del self._said[:-50]

    def _die(self, problem: str) -> None:
        self.problem = problem
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(QueryError(problem))
        self._set("dead")
        self._ready.set()

    def _set(self, state: str) -> None:
        self.state = state
        self._on_change()


def _without_model(run: Path) -> tuple[str, str]:
    """Why a run without a checkpoint cannot be asked, "" for any other; and the key when it cannot."""
    directory = RunDirectory(run)
    state, status = directory.state(), directory.status()
    if recovered(directory.checkpoints / "best").is_dir():
        return "", "F5 starts it again"
    if status == "finished" and state.get("epoch") is None:
        return f"{short_name(run.name)} {COUNTS}", "F3 chooses another run"
    if said := NO_MODEL.get(status):
        return f"{short_name(run.name)} {said}", "F5 looks again"
    return "", "F5 starts it again"

"""A `sracl` that has started already and forks each command, so that a thousand of them take minutes.

The commands are the real ones, from their words to their exit code; only the time to import torch is saved,
and texts are hashed to vectors. A command may be killed, or its disk fail, just before its n-th write.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 120.0
CHANGES = ("os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.chmod", "os.link", "os.truncate")


@dataclass(frozen=True)
class Command:
    """The words after `sracl`, and what happens to it.

    kill_at: the number of the write, from 1, before which it is killed. kill_after: the same in seconds.
    fail_at: the number of the write from which on every write fails with the errno `fails`.
    """

    words: list[str]
    kill_at: int | None = None
    kill_after: float | None = None
    fail_at: int | None = None
    fails: int = 0


@dataclass(frozen=True)
class Ended:
    """How a command ended. writes: how many it began, 0 where it was killed."""

    code: int
    out: str
    err: str
    writes: int
    seconds: float


@dataclass
class Zygote:
    """The process that forks; `world` is the folder that commands run in and whose writes are counted."""

    world: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SRACL_")}
        own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NO_COLOR": "1"}
        own |= {"SRACL_CACHE_DIR": str(self.world / "cache"), "XDG_CONFIG_HOME": str(self.world / "config")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.zygote", str(self.world)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**kept, **own, **self.environment},
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def run(self, *words: str | Path, **happens: Any) -> Ended:
        """Run one command to its end."""
        (ended,) = self.at_once(Command([str(word) for word in words], **happens))
        return ended

    def at_once(self, *commands: Command) -> list[Ended]:
        """Run commands beside each other."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([asdict(command) for command in commands]) + "\n")
        self._process.stdin.flush()
        return [Ended(**ended) for ended in json.loads(self._process.stdout.readline())]


def _serve(world: Path, scratch: Path) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _import_all()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        commands = [Command(**command) for command in json.loads(line)]
        ended = [asdict(each) for each in _beside_each_other(commands, world, scratch)]
        print(json.dumps(ended), file=answers, flush=True)


def _import_all() -> None:
    from sracl_core.cli.main import build_app
    from sracl_core.pipeline import caches, run  # noqa: F401
    from sracl_core.runs import liveness
    from sracl_core.semantics.encode import TextEncoder
    from tests.tiny import hashed_words

    build_app("*")
    for name in ("filelock", "hnswlib", "openai", "optuna.storages", "psutil", "torch._dynamo"):
        importlib.import_module(name)
    TextEncoder.encode = hashed_words  # type: ignore[method-assign]
    # Nobody is to wait: for a killed run to count as one, and for a cache to count as at rest.
    liveness.STALE_SECONDS, caches.IN_USE_SECONDS = 0.1, 0.0
    # A lock that another thread held would stay locked in a child. Those of polars sleep until it is used.
    threads = {(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()}
    assert all("python" in name or name.startswith(("jemalloc", "polars")) for name in threads), threads


def _beside_each_other(commands: list[Command], world: Path, scratch: Path) -> list[Ended]:
    began, left, ended = time.monotonic(), dict[int, int](), dict[int, Ended]()
    for number, command in enumerate(commands):
        child = os.fork()
        if not child:
            _become(command, world, scratch / str(number))
        left[child] = number
    while left:
        seconds = time.monotonic() - began
        for child, number in list(left.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                del left[child]
                code = os.waitstatus_to_exitcode(status)
                ended[number] = _ended(code, scratch / str(number), seconds)
            elif seconds > (commands[number].kill_after or LONGEST_SECONDS):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.001)
    return [ended[number] for number in range(len(commands))]


def _ended(code: int, said: Path, seconds: float) -> Ended:
    texts = [said.with_suffix(suffix).read_text(errors="replace") for suffix in (".out", ".err", ".writes")]
    return Ended(code, texts[0], texts[1], int(texts[2] or 0), seconds)


def _become(command: Command, world: Path, said: Path) -> None:
    """In the child: run `command` and end."""
    code = 70
    try:
        for number, suffix in ((1, ".out"), (2, ".err")):
            os.dup2(os.open(said.with_suffix(suffix), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        writes = os.open(said.with_suffix(".writes"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(world)
        watch = _Writes(command, world)
        sys.addaudithook(watch)
        from sracl_core.cli.main import run

        sys.argv = ["sracl", *command.words]
        code = run(command.words)
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(writes, str(watch.done).encode())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


class _Writes:
    """Counts what changes files below `world`, and does what is to happen before the n-th of it."""

    def __init__(self, command: Command, world: Path) -> None:
        self.command, self.world, self.done = command, str(world), 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            changes = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        else:
            changes = event in CHANGES or event == "sqlite3.connect"
        if not changes or isinstance(arguments[0], int):
            return
        path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100
        if not path.startswith(self.world):
            return
        self.done += 1
        if self.done == self.command.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.command.fail_at is not None and self.done >= self.command.fail_at:
            raise OSError(self.command.fails, os.strerror(self.command.fails), path)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        _serve(Path(sys.argv[1]), Path(folder))

"""Real `sracl` commands in processes of their own, forked from one that has imported torch already.

A command has its own words, folder, environment, files and signals, from its first line to its exit code.
What is saved is the import, most of the time of a small command; it is tested where commands start anew.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
Words = Sequence[str | Path]


class Started:
    """A command that runs; what it says goes into files, so it never waits for a reader."""

    def __init__(self, words: Words, cwd: Path | None, env: Mapping[str, str] | None, stdin: str) -> None:
        self.words = [str(word) for word in words]
        self._files = [_file(stdin), _file(), _file()]
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(_server())
        asked = {"words": self.words, "cwd": str(cwd or Path.cwd()), "environment": dict(env or os.environ)}
        text = json.dumps(asked).encode()
        self._line.sendall(f"{len(text):16d}".encode())
        socket.send_fds(self._line, [text[:1]], [file.fileno() for file in self._files])
        self._line.sendall(text[1:])
        self._told = self._line.makefile()
        self.pid = int(self._told.readline())
        self._code: int | None = None

    def send_signal(self, number: signal.Signals) -> None:
        """Send `number` unless it is known that the command has ended."""
        if self._code is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, if it still runs."""
        if self.poll() is None:
            self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        """The exit code as of `subprocess`, None while it runs."""
        if self._code is None and select.select([self._line], [], [], 0)[0]:
            self._code = int(self._told.readline())
        return self._code

    def wait(self, timeout: float = 280) -> subprocess.CompletedProcess[str]:
        """How it ended."""
        if self._code is None and not select.select([self._line], [], [], timeout)[0]:
            self.kill()
            raise subprocess.TimeoutExpired(self.words, timeout)
        code = self.poll()
        assert code is not None
        out, err = (_read(file) for file in self._files[1:])
        return subprocess.CompletedProcess(self.words, code, out, err)


def started(
    *words: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: str = ""
) -> Started:
    """Start `sracl WORDS` in `cwd`, with all of `env` for its environment."""
    return Started(words, cwd, env, stdin)


def ran(
    *words: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `sracl WORDS` to its end."""
    return Started(words, cwd, env, stdin).wait()


def _file(text: str = "") -> IO[bytes]:
    made = tempfile.TemporaryFile()  # noqa: SIM115
    made.write(text.encode())
    made.seek(0)
    return made


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


@functools.cache
def _server() -> str:
    """The address of the process that forks, which ends when this one does."""
    folder = tempfile.TemporaryDirectory(prefix="sracl-")
    atexit.register(folder.cleanup)
    address = str(Path(folder.name) / "forks")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=environment,
        text=True,
    )
    assert server.stdout is not None
    assert server.stdin is not None
    assert server.stdout.readline() == "ready\n"
    atexit.register(server.wait)
    atexit.register(server.stdin.close)
    return address


def import_all(*others: str) -> None:
    """What commands import, and nothing that starts a thread: a lock that it holds stays so in a child."""
    from sracl_core.cli.main import build_app

    build_app("*")
    texts = ("sklearn.feature_extraction.text", "sracl_core.semantics.encode")
    for name in (
        "sracl_core.pipeline.run",
        "sracl_core.explorer",
        "filelock",
        "hnswlib",
        "psutil",
        *texts,
        *others,
    ):
        importlib.import_module(name)
    sys.modules["sracl_core.semantics.encode"].bundled_folder()  # its weights are read once
    # Those of polars sleep until it is used.
    threads = {comm.read_text().strip() for comm in Path("/proc/self/task").glob("*/comm")}
    assert all("python" in name or name.startswith(("jemalloc", "polars")) for name in threads), threads


def _serve(address: str) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    while sys.stdin not in (heard := select.select([listening, sys.stdin], [], [])[0]):
        assert heard
        line, _ = listening.accept()
        if not os.fork():
            listening.close()
            _keep(line)
        line.close()


def _keep(line: socket.socket) -> None:
    """Fork one command and tell when it has ended, and how."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size = int(line.recv(16, socket.MSG_WAITALL))
    first, files, _, _ = socket.recv_fds(line, 1, 3)
    asked = json.loads(first + line.recv(size - 1, socket.MSG_WAITALL))
    child = os.fork()
    if not child:
        line.close()
        _become(files, **asked)
    line.sendall(f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(files: list[int], words: list[str], cwd: str, environment: dict[str, str]) -> None:
    code: Any = 70
    try:
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["sracl", *words]
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            for number, mode in enumerate("rww")
        )
        from sracl_core.cli.main import main

        main(words)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])

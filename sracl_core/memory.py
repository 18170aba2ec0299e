"""How much memory there is; when it runs out, told as what it is, whichever library it happened in."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from sracl_core.errors import SraclError

_SPELLED = re.compile(
    r"\(os error 12\)|cannot allocate memory|can't allocate memory|not enough memory|out of memory"
    r"|std::bad_alloc|memory allocation of|could not spawn threads|can't start new thread"
    r"|failed to map segment from shared object$"
    r"|Os \{ code: 1[12], kind: \w+, message:",  # a thread, or memory, that Rust was not given
    re.IGNORECASE,
)
_WAY_OUT = "close other programs, take less data, or take a machine with more"
_GROUPS, _LIMITS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
AT_REST_S = 30
_kept: list[Any] = []
"""What is used to the end of the process must not be collected."""
_aborted: list[bool] = []
_failed: list[int] = []
"""The code of a command that ended with a message of its own."""
_heard = [2]
"""The last is where a person reads."""


def ran_out(error: BaseException) -> bool:
    """Whether `error`, or one that it came from, says that there is no memory left."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, MemoryError) or getattr(found, "errno", None) == errno.ENOMEM:
            return True
        # NumPy, torch and polars have words of their own, in errors of other kinds.
        if not isinstance(found, SraclError) and _SPELLED.search(str(found)):
            return True
        found = found.__cause__
    return False


def there() -> int:
    """Bytes that this process may have: of the machine, or of a group of processes that has a limit."""
    import psutil

    found: list[int] = [psutil.virtual_memory().total]
    groups = [""]
    with contextlib.suppress(OSError):
        groups += [line.split(":", 2)[2] for line in _GROUPS.read_text().splitlines()]
    for group in {str(folder).lstrip("/") for one in groups for folder in (Path(one), *Path(one).parents)}:
        for kind, file in (("", "memory.max"), ("memory", "memory.limit_in_bytes")):
            with contextlib.suppress(OSError, ValueError):  # there is none, or "max"
                found.append(int((_LIMITS / kind / group / file).read_text()))
    return min(found)


def told(training: bool) -> str:
    """What to do about it; in a training less is a matter of settings, too."""
    less = "a smaller training.batch_size or model needs less; or " if training else ""
    return f"out of memory; {less}{_WAY_OUT}"


def tell_of_aborts(training: bool) -> None:
    """Let a library that gives up in the middle (Rust and C++ abort where memory ends) end in one line.

    Must be called before polars is imported.
    """
    import ctypes  # with tempfile below a fifteenth of what a tab in the shell takes

    # Rust prints a page about its own calls.
    os.environ["RUST_BACKTRACE"] = "0"

    def aborted(_: int) -> None:
        if _failed:  # and has said why: what the threads of its libraries meet at the end is no news
            os._exit(1)
        if _aborted:  # by another thread, which is about to end the process
            time.sleep(60)
        _aborted.append(True)
        _end(told(training))

    with contextlib.suppress(OSError, AttributeError):
        handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(aborted)
        ctypes.CDLL(None).signal(signal.SIGABRT, handler)
        _kept.append(handler)


def heard_alone(run: Callable[[], int]) -> int:
    """`run()`, whose own messages alone reach stderr; what libraries write there waits.

    It is shown unless `run` returns that it failed, and so has said why; the process is to end then. For a
    command that starts no other process, which would inherit the silence.
    """
    if sys.stderr is None or sys.stderr.closed:
        return run()
    # Where it finds no room OpenBLAS ends the process at once, with words of its own.
    import tempfile

    import numpy  # noqa: F401

    sys.stderr.flush()
    before, heard, waiting = sys.stderr, _same_as(sys.stderr), tempfile.TemporaryFile()  # noqa: SIM115
    _kept.extend([heard, waiting])
    _heard.append(heard.fileno())
    sys.stderr = heard
    os.dup2(waiting.fileno(), 2)
    code = run()
    heard.flush()
    if code:
        _failed.append(code)
    else:
        os.dup2(heard.fileno(), 2)
        sys.stderr = before
        waiting.seek(0)
        os.write(2, waiting.read())
    return code


def _end(why: str) -> None:
    os.write(_heard[-1], f"error: a library gave up, most likely {why}\n".encode())
    os._exit(1)


@contextlib.contextmanager
def not_for_ever() -> Iterator[None]:
    """End the process in one line where a library waits for a thread that a limit of memory did not give it.

    polars does so for ever. That is taken to be so after `AT_REST_S` in which the process computes nothing.
    """
    if sys.platform == "win32" or not _limited():  # Windows has no such limit
        yield
        return
    done = threading.Event()

    def watch() -> None:
        rest, used = 0, 0.0
        while rest < AT_REST_S:  # a pause in which a person stopped the process counts as one second
            if done.wait(1):
                return
            before, used = used, time.process_time()
            rest = rest + 1 if used - before < 0.01 else 0
        _end(told(training=False))

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _limited() -> bool:
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def _same_as(stream: TextIO) -> TextIO:
    """Another stream to where `stream`, which is stderr, writes."""
    return os.fdopen(os.dup(2), "w", buffering=1, encoding=stream.encoding, errors=stream.errors)

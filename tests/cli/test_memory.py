"""Where memory ends, whichever library meets it: one line that says so."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from sracl_core import memory
from sracl_core.errors import DataError
from tests.trained import ROOT


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of the address space that holds")
@pytest.mark.parametrize("megabytes", [500, 700, 900])
def test_prepare_without_room_says_so(tmp_path: Path, megabytes: int) -> None:
    rows = (f"u{row % 997},i{row % 89},{row}\n" for row in range(400_000))
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n" + "".join(rows))
    words = ["data", "prepare", str(tmp_path / "log.csv"), "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "sracl_core.cli.main", *words],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20)),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "RUST_BACKTRACE": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "2"},
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert "out of memory; close other programs" in done.stderr
    assert not (tmp_path / "out").exists()


WAITS = """
import resource
import threading
from sracl_core import memory
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
memory.AT_REST_S = 2
with memory.not_for_ever():
    threading.Event().wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of the address space that holds")
def test_a_library_that_waits_for_a_thread_which_it_was_not_given_is_not_waited_for() -> None:
    done = subprocess.run([sys.executable, "-c", WAITS], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: a library gave up, most likely out of memory; close other programs")


PANICS = """
import sys
from sracl_core import memory
from sracl_core.cli import main
def panics():
    class PanicException(BaseException):
        __module__ = "pyo3_runtime"
    print("thread panicked at lib.rs", file=sys.__stderr__, flush=True)
    raise PanicException("index out of bounds")
main._load = lambda command: panics
main.main(["data"])
"""


def test_a_panic_is_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", PANICS], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: unexpected PanicException: index out of bounds")


def test_what_a_library_says_of_itself_comes_after_a_command_that_did_well() -> None:
    code = PANICS.replace("raise PanicException", "return str")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "thread panicked at lib.rs\n")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (
            RuntimeError('Os { code: 11, kind: WouldBlock, message: "Resource temporarily unavailable" }'),
            True,
        ),
        (RuntimeError('Os { code: 2, kind: NotFound, message: "No such file or directory" }'), False),
        (ImportError("/lib/unicodedata.so: failed to map segment from shared object"), True),
        (ImportError("/lib/a.so: failed to map segment from shared object: Operation not permitted"), False),
        (RuntimeError("shapes do not fit"), False),
        (DataError("out of memory is the name of this file"), False),
    ],
)
def test_what_says_that_memory_is_out(error: Exception, expected: bool) -> None:
    assert memory.ran_out(error) == expected


def test_it_is_found_below_an_error_of_ours() -> None:
    told = DataError("log.csv cannot be read")
    told.__cause__ = OSError("Cannot allocate memory (os error 12)")
    assert memory.ran_out(told)

"""Worker processes: as many at once as asked for, ended with a checkpoint whenever the study is."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from sracl_core.errors import InputError, Interrupted, SraclError, StorageError
from sracl_core.settings.models import RunConfig

LOOK_SECONDS = 0.5
INTERRUPTED = (129, 130, 143)
NO_ROOM = 74
"""Of a worker that could not write: so will the others."""


@dataclass(frozen=True)
class _Worker:
    place: int
    process: subprocess.Popen[bytes]
    said: IO[bytes]


def run_crew(
    jobs: Sequence[Sequence[str]],
    size: int,
    look: Callable[[], None] = lambda: None,
    failed: Callable[[int, SraclError], None] | None = None,
) -> None:
    """Do every job, the words of `studies.worker`, at most `size` at once.

    look: called every now and then. failed: hears of a job, by its place, that ended otherwise than well,
    with its last line on stderr, and the others go on; where it is left out, or nothing can be written,
    that is raised. Whatever is raised meanwhile, by these or by a signal, the others are asked to checkpoint,
    and waited for.
    """
    waiting, live = list(enumerate(jobs)), list[_Worker]()
    try:
        while waiting or live:
            while waiting and len(live) < size:
                live.append(_start(*waiting.pop(0)))
            time.sleep(LOOK_SECONDS)
            for one in [one for one in live if one.process.poll() is not None]:
                live.remove(one)
                wrong = _what_is_wrong(one)
                if wrong and (failed is None or isinstance(wrong, Interrupted | StorageError)):
                    raise wrong
                if wrong and failed:
                    failed(one.place, wrong)
            look()
    except BaseException:
        for one in live:
            one.process.terminate()
        for one in live:
            one.process.wait()
        raise


def share_of_cores(config: RunConfig, parallel: int) -> RunConfig:
    """`config` with as many threads as each of `parallel` processes has cores, unless it names some."""
    training = config.training
    if training.threads or parallel == 1:
        return config
    # torch takes two seconds, which a table of runs that are all there need not pay.
    from sracl_core.device import cores

    threads = max(1, cores() // parallel)
    return config.model_copy(update={"training": training.model_copy(update={"threads": threads})})


def _start(place: int, words: Sequence[str]) -> _Worker:
    said = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the worker)
    # In a session of its own, so that Ctrl-C reaches it once, through us.
    process = subprocess.Popen(
        [sys.executable, "-m", "sracl_core.studies.worker", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=said,
        start_new_session=True,
    )
    return _Worker(place, process, said)


def _what_is_wrong(worker: _Worker) -> SraclError | None:
    """Its last words, as the kind of error that its exit code says; None where it ended well."""
    with worker.said as said:
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    code = worker.process.returncode
    if not code:
        return None
    told = lines[-1] if lines else f"a worker ended with code {code}; the log of its run may say why"
    if code in INTERRUPTED:
        return Interrupted(told, code - 128)
    if code == NO_ROOM:
        return StorageError(told)
    return InputError(told) if code == InputError.exit_code else SraclError(told)


def end_with_parent() -> None:
    """Of a worker: when the study's process is gone, even killed, checkpoint and stop as SIGTERM asks."""
    import signal
    import threading

    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        with suppress(OSError):
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()

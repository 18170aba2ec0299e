"""One writer a run: a lock that the system takes back when its process dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sracl_core.errors import RunError
from sracl_core.locks import holding
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.liveness import is_alive


@contextmanager
def only_writer(run: RunDirectory) -> Iterator[None]:
    """Hold `run` for this process. Raises RunError while another one does, StorageError where it cannot."""

    def refusal() -> RunError:
        state = run.state()
        way = "; wait for it"  # such as an evaluation, which state.json does not name
        if is_alive(state) and state.get("status") == "running":
            way = f", pid {state['pid']}; wait for it, or `sracl stop` it"
        return RunError(f"{run.path} is being written by another process{way}")

    with holding(run.lock_path, refusal):
        yield


def is_written(run: RunDirectory) -> bool:
    """Whether a process holds `run` now; state.json tells of a kill only some seconds later."""
    try:
        with only_writer(run):
            return False
    except RunError:
        return True

"""What the processes that work on a run take of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sracl_core.runs.liveness import is_alive

if TYPE_CHECKING:
    import psutil


class Usage(NamedTuple):
    """Cores in use, bytes of memory, and how many processes that is of."""

    cores: float
    memory: int
    processes: int


class UsageMeter:
    """Reads one run's processes again and again: their share of a core is that since the last reading."""

    def __init__(self) -> None:
        self._known: tuple[Any, Any] | None = None
        self._team: list[psutil.Process] = []

    def read(self, state: Mapping[str, Any]) -> Usage | None:
        """None where the process that writes the run is not on this machine, or gone.

        The first reading has no span to measure over, and gives None. Others of a team count where they are
        on this machine.
        """
        import psutil  # 40 ms, which only a run that is watched while it trains need pay.

        known = state.get("pid"), state.get("processes")
        try:
            if known != self._known:
                if not is_alive(dict(state)):  # the number may be another process's by now
                    return None
                self._team, self._known = _team(psutil.Process(known[0]), known[1] or 1), known
                for one in self._team:
                    one.cpu_percent()
                return None
            read = []
            for one in self._team:
                with one.oneshot():
                    read.append((one.cpu_percent() / 100, int(one.memory_info().rss)))
        except (psutil.Error, OverflowError):
            self._known = None
            return None
        return Usage(sum(cores for cores, _ in read), sum(memory for _, memory in read), len(read))


def _team(first: psutil.Process, processes: int) -> list[psutil.Process]:
    """`first`, and where it is one of several those that their launcher started with the same command."""
    launcher = first.parent() if processes > 1 else None
    if launcher is None:
        return [first]
    command = first.cmdline()
    return [first, *(one for one in launcher.children() if one != first and one.cmdline() == command)]

"""What the process that works on a run takes of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sracl_core.runs.liveness import is_alive

if TYPE_CHECKING:
    import psutil


class UsageMeter:
    """Reads one run's process again and again: its share of a core is that since the last reading."""

    def __init__(self) -> None:
        self._process: psutil.Process | None = None

    def read(self, state: Mapping[str, Any]) -> tuple[float, int] | None:
        """(cores in use, bytes of memory); None where the process is not on this machine, or gone.

        The first reading has no span to measure over, and gives None.
        """
        import psutil  # 40 ms, which only a run that is watched while it trains need pay.

        pid = state.get("pid")
        try:
            if self._process is None or self._process.pid != pid:
                if not is_alive(dict(state)):  # the number may be another process's by now
                    return None
                self._process = psutil.Process(pid)
                self._process.cpu_percent()
                return None
            with self._process.oneshot():
                return self._process.cpu_percent() / 100, int(self._process.memory_info().rss)
        except (psutil.Error, OverflowError):
            self._process = None
            return None

"""What the dashboard costs: start-up, processor time while it tails a run, and opening a 1 GB metrics file.

    python benchmarks/dashboard.py                 # all of it, about three minutes; needs Linux
    python benchmarks/dashboard.py --only live     # startup, idle, live or huge

The real `sracl-tui` runs in a pseudo-terminal of 120x40. Processor time is read from /proc, so that other
work on the machine stretches the waiting but not the figures; seconds to the first screen it does stretch.
The result goes to benchmarks/results/dashboard.json.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import platform
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from sracl_core.runs.directory import RunDirectory, create_run
from sracl_core.runs.writer import RunWriter
from sracl_core.settings.models import RunConfig

RESULT = Path(__file__).parent / "results" / "dashboard.json"
TICKS = os.sysconf("SC_CLK_TCK")
STEPS_A_SECOND = 10
HUGE_BYTES = 1_000_000_000


class Dashboard:
    """A `sracl-tui` in a pseudo-terminal, and what it has drawn."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.began = time.perf_counter()
        self.drawn = bytearray()
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            self._become(folder, arguments)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    @staticmethod
    def _become(folder: Path, arguments: tuple[str, ...]) -> None:
        os.chdir(folder)
        places = {f"XDG_{kind}_HOME": str(folder / kind) for kind in ("CONFIG", "CACHE")}
        kept = {name: held for name, held in os.environ.items() if name not in ("COLUMNS", "LINES")}
        settings = {**kept, **places, "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[1])}
        command = [sys.executable, "-m", "sracl_tui.launcher", *arguments]
        os.execve(sys.executable, command, settings)

    def read(self, seconds: float, until: bytes | None = None) -> float:
        """Take what it draws for `seconds`, or until it drew `until`; the seconds since its start."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            if select.select([self._terminal], [], [], min(left, 0.2))[0]:
                self.drawn += os.read(self._terminal, 1 << 16)
            if until is not None and until in self.drawn:
                return time.perf_counter() - self.began
        if until is not None:
            raise SystemExit(f"{until!r} was not drawn in {seconds} s")
        return time.perf_counter() - self.began

    def processor_seconds(self) -> float:
        """Of all its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_megabytes(self) -> float:
        """The most memory that it held."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024

    def close(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._terminal)


@contextmanager
def opened(folder: Path, *arguments: str) -> Iterator[Dashboard]:
    dashboard = Dashboard(folder, *arguments)
    try:
        yield dashboard
    finally:
        dashboard.close()


def new_run(folder: Path) -> RunDirectory:
    """A run directory as a training makes it; this process counts as its trainer."""
    config = RunConfig.model_validate({"dataset": {"path": "data/sample"}})
    return create_run(folder / "runs", "measured", config, {"dataset": {"name": "sample"}, "device": "cpu"})


def write_steps(writer: RunWriter, first: int, last: int) -> None:
    """Steps and, every hundredth, an epoch, as the training loop writes them."""
    for step in range(first, last + 1):
        loss = 4.0 + 3.0 / (1 + step / 400)
        parts = {"loss": loss, "next_item": loss - 0.6, "inter": 0.3, "intra": 0.3}
        epoch = step // 100
        writer.event(
            "step", step=step, epoch=epoch, prefixes_per_second=900.0, elapsed=step / STEPS_A_SECOND, **parts
        )
        writer.state(stage="train", step=step, total_steps=100_000, epoch=epoch, eta_seconds=1000.0)
        if step % 100 == 0:
            valid = {name: {"NDCG@20": 0.2, "NDCG@10": 0.15, "HR@20": 0.5} for name in ("unmasked", "masked")}
            writer.event("epoch", epoch=epoch, step=step, elapsed=step / 10, valid=valid, best=True, **parts)


def startup(folder: Path) -> dict[str, Any]:
    """Seconds from the start of the process to its first screen, five times, and to the datasets' names."""
    seconds, costs = [], []
    for _ in range(5):
        with opened(folder) as dashboard:
            seconds.append(dashboard.read(60, until=b"Datasets"))
            costs.append(dashboard.processor_seconds())
    return {"first_screen_seconds": _rounded(seconds), "processor_seconds": _rounded(costs)}


def tailing(folder: Path, live: bool, seconds: float = 60.0) -> dict[str, Any]:
    """Percent of a core over a minute, on a run of 5,000 steps that makes ten more a second, or none."""
    run = new_run(folder)
    with RunWriter(run) as writer:
        write_steps(writer, 1, 5000)
        ended = threading.Event()

        def train() -> None:
            step = 5000
            while not ended.wait(1 / STEPS_A_SECOND):
                step += 1
                write_steps(writer, step, step)

        trainer = threading.Thread(target=train)
        with opened(folder, str(run.path)) as dashboard:
            dashboard.read(60, until="⠒".encode())
            if live:
                trainer.start()
            dashboard.read(5)
            drawn, spent, began = len(dashboard.drawn), dashboard.processor_seconds(), time.perf_counter()
            dashboard.read(seconds)
            measured = time.perf_counter() - began
            share = (dashboard.processor_seconds() - spent) / measured
            ended.set()
            if live:
                trainer.join()
            drawn = len(dashboard.drawn) - drawn
        writer.state(status="finished")
    return {"percent_of_a_core": round(share * 100, 2), "seconds": round(measured, 1), "bytes_drawn": drawn}


def huge(folder: Path) -> dict[str, Any]:
    """Seconds and memory until a metrics file of 1 GB is drawn to its end."""
    run = new_run(folder)
    writer = RunWriter(run)
    writer.state(status="finished")
    writer.close()
    with run.metrics_path.open("w") as stream:
        step = 0
        while stream.tell() < HUGE_BYTES:
            lines = []
            for _ in range(10_000):
                step += 1
                record = {
                    "event": "step",
                    "time": 1.7e9 + step,
                    "step": step,
                    "epoch": step // 500,
                    "loss": 5.0,
                }
                record |= {"next_item": 4.3, "inter": 0.4, "intra": 0.3, "prefixes_per_second": 912.25}
                lines.append(json.dumps({**record, "elapsed": step / 10}) + "\n")
            stream.write("".join(lines))
        last = ({**record, "step": step + more, "loss": 1.875} for more in range(1, 1001))
        stream.write("".join(json.dumps(held) + "\n" for held in last))
    with opened(folder, str(run.path)) as dashboard:
        seconds = dashboard.read(300, until=b"1.875")
        return {
            "steps": step,
            "seconds": round(seconds, 1),
            "processor_seconds": round(dashboard.processor_seconds(), 1),
            "peak_megabytes": round(dashboard.peak_megabytes()),
        }


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 2) for value in values]


MEASURES = {
    "startup": startup,
    "idle": lambda folder: tailing(folder, live=False),
    "live": lambda folder: tailing(folder, live=True),
    "huge": huge,
}


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=MEASURES, help="one of the measures; nothing is kept")
    options = parser.parse_args()
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load_average": round(os.getloadavg()[0], 1),
    }
    for name, measure in MEASURES.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                result[name] = measure(Path(folder))
            print(name, json.dumps(result[name]), flush=True)
    if options.only is None:
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

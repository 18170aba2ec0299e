"""How long a finished run takes to answer, once it is loaded.

    python benchmarks/explore.py RUN [--users 200]

Asks `sracl explore RUN --json-lines`, as the dashboard does, about users drawn by chance: the history,
ten neighbors, twenty recommendations, and the same with `why`. Times are taken here, around each
question, so that JSON and the pipe count. On Linux the time that the explorer really computed is told
beside them: on a busy machine the difference is waiting for a core.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

OPERATIONS: dict[str, dict[str, Any]] = {
    "history": {},
    "neighbors_of_user": {"k": 10},
    "recommend": {"k": 20},
    "recommend, why": {"k": 20, "why": True},
    "recommend, text": {"k": 20, "text": "cruelty free red lipstick", "text_weight": 0.5},
}
SCREEN = ("history", "neighbors_of_user", "recommend, why")
"""What the dashboard asks when a user is opened."""


class Explorer:
    """An explorer process; `seconds` is how long it took from its start to its first line."""

    def __init__(self, run: str) -> None:
        began = time.perf_counter()
        command = [sys.executable, "-m", "sracl_core.cli.main", "explore", run, "--json-lines"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests, self.answers = self.process.stdin, self.process.stdout
        self.facts = json.loads(self.answers.readline())
        self.seconds = time.perf_counter() - began

    def computed(self) -> float:
        """Milliseconds that the explorer's threads have run so far; 0 where the system does not tell."""
        told = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in told) / 1e6

    def ask(self, op: str, **arguments: Any) -> tuple[Any, float, float]:
        """The result, the milliseconds until it was here and read, and those that were computed."""
        began, computed = time.perf_counter(), self.computed()
        self.requests.write(json.dumps({"op": op, **arguments}) + "\n")
        self.requests.flush()
        said = json.loads(self.answers.readline())
        milliseconds = (time.perf_counter() - began) * 1e3
        if not said["ok"]:
            sys.exit(f"{op}: {said['error']}")
        return said["result"], milliseconds, self.computed() - computed


def measure(explorer: Explorer, users: list[str]) -> dict[str, tuple[list[float], list[float]]]:
    """For each operation, and for all that the screen asks: milliseconds waited and computed, by user."""
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in OPERATIONS}
    explorer.ask("search", text="warm up")
    for user in users:
        for name, arguments in OPERATIONS.items():
            _, waited, computed = explorer.ask(name.partition(",")[0], user=user, **arguments)
            times[name][0].append(waited)
            times[name][1].append(computed)
    together = (zip(*(times[name][kind] for name in SCREEN), strict=True) for kind in (0, 1))
    of_screen = tuple([sum(each) for each in kind] for kind in together)
    return {**times, "a user on the screen": (of_screen[0], of_screen[1])}


def summary(times: list[float]) -> str:
    """Median, 95th percentile and worst, in columns."""
    ordered = sorted(times)
    return "".join(f"{ordered[at]:9.1f}" for at in (len(ordered) // 2, int(len(ordered) * 0.95), -1))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--users", type=int, default=200)
    chosen = parser.parse_args()
    explorer = Explorer(chosen.run)
    everybody = explorer.ask("users", limit=10**9)[0]["users"]
    some = random.Random(0).sample([entry["user"] for entry in everybody], min(chosen.users, len(everybody)))
    facts = explorer.facts
    print(f"{facts['run']}: {facts['users']:,} users, {facts['items']:,} items, {facts['search']} search")
    print(f"from start to ready: {explorer.seconds:.1f} s; {len(some)} users; milliseconds")
    columns = f"{'median':>9}{'95%':>9}{'worst':>9}"
    print(f"{'':24}{'waited':>27}{'computed':>27}\n{'':24}{columns}{columns}")
    for name, (waited, computed) in measure(explorer, some).items():
        print(f"{name:24}{summary(waited)}{summary(computed)}")
    explorer.requests.close()
    explorer.process.wait()


if __name__ == "__main__":
    main()

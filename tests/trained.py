"""One small run on the sample data, trained by the real commands and shared by every test of a session."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests import forked

ROOT = Path(__file__).resolve().parents[1]
SMALL = (
    "model.hidden_size=16",
    "model.layers=1",
    "model.inner_size=32",
    "retrieval.k=4",
    "objectives.sracl.neighbors_per_step=1",
    "training.batch_size=256",
    "training.threads=1",
)


@dataclass(frozen=True)
class Shop:
    """A prepared sample, a finished run of it, and the environment that commands run in."""

    base: Path

    @property
    def dataset(self) -> Path:
        return self.base / "sample"

    @property
    def runs(self) -> Path:
        return self.base / "runs"

    @property
    def run(self) -> Path:
        return next(path for path in self.runs.iterdir() if path.name.endswith("-shared"))

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SRACL_")}
        return {
            **kept,
            "PYTHONPATH": str(ROOT),
            "SRACL_CACHE_DIR": str(self.base / "cache"),
            "XDG_CONFIG_HOME": str(self.base / "config"),
            "OMP_NUM_THREADS": "1",
            "NO_COLOR": "1",
        }

    def sracl(
        self, *words: str | Path, stdin: str = "", cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a real `sracl` command in a process of its own."""
        return forked.ran(
            *words, stdin=stdin, cwd=cwd or self.base, env={**self.environment(), **environment}
        )

    def train(self, name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """A small training of the sample."""
        sets = [word for text in SMALL for word in ("--set", text)]
        place = ("--dataset", self.dataset, "--runs-dir", self.runs)
        return self.sracl("train", *place, "--name", name, *sets, *words)


def shared_shop(base: Path) -> Shop:
    """The shop under `base`, made by whichever test process comes first."""
    shop, done, failed = Shop(base), base / "done", base / "failed"
    try:
        base.mkdir(parents=True)
    except FileExistsError:
        end = time.monotonic() + 250
        while not done.exists():
            assert not failed.exists(), failed.read_text()
            assert time.monotonic() < end, "the shared run was not finished in time"
            time.sleep(0.2)
        return shop
    prepared = shop.sracl("data", "prepare", ROOT / "sample_data", "--out", shop.dataset, "--name", "sample")
    (failed if prepared.returncode else base / "prepared").write_text(prepared.stderr)
    assert prepared.returncode == 0, prepared.stderr
    trained = shop.train("shared", "--epochs", "2", "--json")
    (base / "trained.json").write_text(trained.stdout)
    (base / "trained.err").write_text(trained.stderr)
    (done if trained.returncode == 0 else failed).write_text(trained.stderr)
    assert trained.returncode == 0, trained.stderr
    return shop

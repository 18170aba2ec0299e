"""A study while it fills: a small file beside the runs, for anybody who watches."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from sracl_core import disk
from sracl_core.files import make_folder, write_json
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.deciding import settings_hash
from sracl_core.studies.planning import Wanted

FOLDER = "studies"


class Filling:
    """Writes which run fills which place of the table, as soon as it has a folder.

    The same study writes the same file: ``studies/<kind>-<hash>.json`` in the folder of the runs; the first
    time when `made` is called first, so that a study that is refused leaves none.
    """

    def __init__(
        self, runs_dir: Path, wanted: Mapping[str, Sequence[Wanted]], baseline: str, kind: str
    ) -> None:
        every = [one for some in wanted.values() for one in some]
        told = json.dumps([[one.name, one.config.dataset.path, settings_hash(one.config)] for one in every])
        self._path = runs_dir / FOLDER / f"{kind}-{sha256(told.encode()).hexdigest()[:8]}.json"
        self._places = [(name, at) for name, some in wanted.items() for at in range(len(some))]
        self._rows: dict[str, list[str | None]] = {name: [None] * len(some) for name, some in wanted.items()}
        training = every[0].config.training
        self._about: dict[str, Any] = {
            "kind": kind,
            "dataset": Path(every[0].config.dataset.path).name,
            "baseline": baseline,
            "metric": training.monitor,
            "created": time.time(),
        }

    def made(self, runs: Mapping[int, RunDirectory]) -> None:
        """The runs at those places of all of them."""
        for at, run in runs.items():
            row, seed = self._places[at]
            self._rows[row][seed] = run.name
        write_filling(self._path, self._about, self._rows)


def write_filling(path: Path, about: Mapping[str, Any], rows: Mapping[str, Sequence[str | None]]) -> None:
    """`about` has kind, dataset, metric and baseline, and by the name of a row what it tries (`tried`).

    rows: the names of runs, None for one that waits.
    """
    make_folder(path.parent)
    disk.sweep(path.parent)  # what is not durable does not do so itself
    told = [{"name": name, "runs": list(runs)} for name, runs in rows.items()]
    write_json(path, {**about, "rows": told}, durable=False, seal=True)

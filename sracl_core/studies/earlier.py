"""Runs that are there already: which of them is what a study needs."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from sracl_core.errors import SraclError
from sracl_core.runs.directory import RunDirectory, require_version
from sracl_core.runs.finding import run_folders
from sracl_core.settings.deciding import deciding_settings
from sracl_core.settings.known import settings
from sracl_core.settings.models import RunConfig


class EarlierRuns:
    """The runs of a folder by what decided their results, read once for all that a study asks.

    meta.json has the settings that decide, under a checksum; hundreds of config.yaml need not be parsed.
    """

    def __init__(self, runs_dir: Path) -> None:
        self._runs: dict[tuple[Any, ...], list[tuple[RunDirectory, dict[str, Any]]]] = defaultdict(list)
        for folder in run_folders(runs_dir):
            run = RunDirectory(folder)
            meta = run.meta()
            began = meta.get("config")
            try:
                require_version(run, meta)
                identity = run.dataset_identity(meta)
            except SraclError:
                continue
            if isinstance(began, dict):
                self._runs[_key(began, identity)].append((run, began))

    def find(self, config: RunConfig, identity: str) -> RunDirectory | None:
        """A run whose settings decide the same, on exactly this dataset; a finished one if there is one."""
        wanted = json.loads(json.dumps(deciding_settings(config)))
        found = None
        for run, began in self._runs.get(_key(wanted, identity), ()):
            # A setting that a version since has brought was then as its default is now.
            if any(_then(began, key, config) != value for key, value in wanted.items()):
                continue
            if run.status() == "finished":
                return run
            found = run if _readable(run) else found
        return found


def _key(decided: dict[str, Any], identity: str) -> tuple[Any, ...]:
    return identity, str(decided.get("model.name")), str(decided.get("training.seed"))


def _then(began: dict[str, Any], key: str, config: RunConfig) -> Any:
    if key in began:
        return began[key]
    of_method = settings(config.model.name)
    return json.loads(json.dumps(of_method[key].default)) if key in of_method else None


def _readable(run: RunDirectory) -> bool:
    try:
        return run.config is not None
    except SraclError:
        return False

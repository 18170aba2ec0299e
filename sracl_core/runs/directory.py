"""A run directory: where each file of a run lies, how one is made, opened and listed."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sracl_core import disk
from sracl_core.errors import ConfigError, InputError, RunError
from sracl_core.files import (
    make_folder,
    read_json,
    require_readable,
    storage_error,
    write_json,
    write_text,
)
from sracl_core.runs.events import FORMAT_VERSION
from sracl_core.runs.liveness import fresh_state, status
from sracl_core.runs.states import RunMeta, RunResults, RunState, read_lenient
from sracl_core.settings.yaml_source import read_yaml

if TYPE_CHECKING:
    from sracl_core.settings.models import RunConfig

ADDED = "added/added.json"
"""Says what was added to a run after its training, see `training.added`; in a folder of its own."""


@dataclass(frozen=True)
class RunDirectory:
    """The paths of one run, and its small files read on demand."""

    path: Path

    @property
    def name(self) -> str:
        """The folder's name, which is how a person refers to the run."""
        return self.path.name

    @property
    def config_path(self) -> Path:
        return self.path / "config.yaml"

    @property
    def meta_path(self) -> Path:
        return self.path / "meta.json"

    @property
    def state_path(self) -> Path:
        return self.path / "state.json"

    @property
    def metrics_path(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def lock_path(self) -> Path:
        """Held open by the process that writes the run (see `runs.lock`)."""
        return self.path / ".lock"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        """Holds best/ and last/."""
        return self.path / "checkpoints"

    @property
    def results_path(self) -> Path:
        return self.path / "results.json"

    @property
    def ranks_path(self) -> Path:
        """Per-user ranks of the held-out items, for paired tests."""
        return self.path / "ranks.npz"

    @property
    def model_dir(self) -> Path:
        """Weights, item ids, item vectors and neighbor tables: what inference needs."""
        return self.path / "model"

    @cached_property
    def config(self) -> RunConfig:
        """The run's settings.

        Raises RunError when config.yaml is missing or damaged, or says other than when the run began.
        """
        # The models of all settings take a third of a second, which a list of runs need not pay.
        from pydantic import ValidationError

        from sracl_core.settings.models import RunConfig

        try:
            config = RunConfig.model_validate(read_yaml(self.config_path))
        except ConfigError as error:
            raise RunError(f"{error}; the run cannot be used") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            detail = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise RunError(f"{self.config_path} cannot be read: {detail}; the run cannot be used") from error
        self._require_unchanged(config)
        return config

    def _require_unchanged(self, config: RunConfig) -> None:
        """Settings that a version since has brought, or dropped, are passed over."""
        from sracl_core.settings.deciding import deciding_settings

        meta = self.meta()
        found = meta.get("config")
        began: dict[str, Any] = dict(found) if isinstance(found, dict) else {}
        to = [change.get("to") for change in meta.get("epochs_changed") or []][-1:]
        if [config.training.max_epochs] == to:
            # A kill while they were changed: meta.json knew it before config.yaml.
            began["training.max_epochs"] = config.training.max_epochs
        now = json.loads(json.dumps(deciding_settings(config)))
        differing = [name for name in now if name in began and now[name] != began[name]]
        if differing == ["training.max_epochs"]:
            again = f"sracl resume {shlex.quote(str(self.path))} --epochs {now[differing[0]]}"
            raise RunError(
                f"{self.config_path} has changed since {self.name} began: put training.max_epochs back to "
                f"{began[differing[0]]}, and `{again}` trains it for {now[differing[0]]}"
            )
        changed = [f"{name} is {now[name]}, was {began[name]}" for name in differing]
        if changed:
            raise RunError(
                f"{self.config_path} has changed since {self.name} began: {'; '.join(changed)}. Put that "
                f"back, or train anew: `sracl train --config {shlex.quote(str(self.config_path))}`"
            )

    def settings(self) -> dict[str, Any]:
        """config.yaml unchecked, {} where it cannot be read: to show, also of a run that cannot be used."""
        try:
            values = read_yaml(self.config_path)
        except ConfigError:
            return {}
        return values if isinstance(values, dict) else {}

    def meta(self) -> dict[str, Any]:
        """What was known when the run was made: name, time, command line, dataset, versions."""
        return read_lenient(RunMeta, self.meta_path) or {}

    def dataset_identity(self, meta: Mapping[str, Any] | None = None) -> str:
        """The identity of the dataset that the run was made on; RunError where meta.json has none.

        meta: as `meta` gave it, where that was read already.
        """
        dataset = (self.meta() if meta is None else meta).get("dataset")
        found = dataset.get("identity") if isinstance(dataset, dict) else None
        if not isinstance(found, str):
            raise RunError(
                f"{self.path} does not say on which data it was trained, as the runs of earlier versions do "
                "not (they numbered items otherwise); train it anew with its config.yaml: "
                f"`sracl train --config {shlex.quote(str(self.config_path))}`"
            )
        return found

    def state(self) -> dict[str, Any]:
        """The latest state.json, {} while there is none."""
        return read_lenient(RunState, self.state_path) or {}

    def status(self) -> str:
        """The word of `liveness.status` for the latest state.json."""
        return status(self.state())

    def results(self) -> dict[str, Any] | None:
        """results.json, or None before the evaluation has ended. Raises RunError where it is damaged."""
        found = read_lenient(RunResults, self.results_path)
        if found is None and self.results_path.exists():
            require_readable(self.results_path)
            again = f"sracl evaluate {shlex.quote(str(self.path))}"
            raise RunError(f"{self.results_path} is damaged; `{again}` writes it anew")
        return found


def create_run(runs_dir: Path, name: str | None, config: RunConfig, meta: dict[str, Any]) -> RunDirectory:
    """Make ``runs_dir/<utc time>-<name>/`` with config.yaml, meta.json and a first state.json.

    Without a name the dataset's folder and the backbone give one. Raises InputError for a name
    with no letter from a to z nor digit, StorageError when the folder cannot be made.
    """
    label = run_label(name if name is not None else f"{Path(config.dataset.path).name}-{config.model.name}")
    now = time.time()
    stem = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{label}"
    folder = Path(runs_dir)
    make_folder(folder)
    disk.sweep(folder)
    # Made beside, so that no kill leaves a folder which is no run yet.
    fresh = RunDirectory(disk.beside(folder / stem))
    try:
        for part in (fresh.path, fresh.checkpoints, fresh.model_dir):
            part.mkdir()
        write_json(fresh.state_path, fresh_state(now), seal=True)
        write_config(fresh, config, {"format_version": FORMAT_VERSION, "name": label, "created": now, **meta})
        return RunDirectory(_named(fresh.path, stem))
    except OSError as error:
        raise storage_error(error, fresh.path) from error
    finally:
        disk.remove(fresh.path)


def write_config(run: RunDirectory, config: RunConfig, meta: Mapping[str, Any]) -> None:
    """Write config.yaml, and meta.json with `meta` and the settings that decide. Raises StorageError."""
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    write_text(run.config_path, text)
    from sracl_core.settings.deciding import deciding_settings

    write_json(run.meta_path, {**meta, "config": deciding_settings(config)}, seal=True)


def _instead(path: Path) -> str:
    """What a folder without meta.json is, and what to do."""
    if (path / "export.json").is_file():
        return f"it is an export, which `sracl serve` and {path / 'recommend.py'} answer from"
    if (path / "dataset.json").is_file():
        return "it is a prepared dataset, of which `sracl train` makes a run"
    return "it has no meta.json; `sracl runs list` shows the runs"


def open_run(path: Path | str) -> RunDirectory:
    """The run in `path`. Raises RunError when it is none, or one of a newer version."""
    run = RunDirectory(Path(path))
    if not run.path.is_dir():
        raise RunError(f"there is no run directory {run.path}; `sracl runs list` shows the runs")
    if not run.meta_path.is_file():
        raise RunError(f"{run.path} is not a run directory: {_instead(run.path)}")
    require_version(run, read_json(run.meta_path) or {})
    return run


def require_version(run: RunDirectory, meta: Mapping[str, Any]) -> None:
    """Raise RunError where `meta`, the run's meta.json, is damaged, or of a newer version."""
    version = meta.get("format_version")
    if not isinstance(version, int):
        require_readable(run.meta_path)
        raise RunError(f"{run.meta_path} is damaged: no format_version could be read; the run cannot be used")
    if version > FORMAT_VERSION:
        raise RunError(
            f"{run.path} has run format {version}, this version reads up to {FORMAT_VERSION}; "
            "install a newer sracl"
        )


def run_label(name: str) -> str:
    """What of `name` a folder is called; of a letter with an accent the letter.

    Raises InputError for a name with no letter from a to z nor digit.

    >>> run_label("été à Zürich"), run_label("a/b")
    ('ete-a-Zurich', 'a-b')
    """
    letters = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", name))
    label = re.sub(r"[^A-Za-z0-9._-]+", "-", letters.strip()).strip("-.")
    if not label:
        raise InputError(
            f"a run cannot be named '{name}': give it a name with a letter from a to z or a digit"
        )
    return label[:80]


def _named(fresh: Path, stem: str) -> Path:
    """Give a run's folder the first name that is free; another process may be at the same."""
    for attempt in range(1, 1000):
        path = fresh.with_name(stem if attempt == 1 else f"{stem}-{attempt}")
        if not os.path.lexists(path):
            try:
                fresh.rename(path)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
                continue
            disk.sync(path.parent)
            return path
    raise RunError(f"{fresh.parent} already holds a thousand runs named {stem}; choose another --name")

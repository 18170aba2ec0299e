"""The line of a run, from its small files, and what is wrong with them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from sracl_core.errors import ConfigError, SraclError
from sracl_core.files import read_json, require_readable
from sracl_core.runs.directory import RunDirectory, open_run, require_version
from sracl_core.runs.liveness import status
from sracl_core.runs.records import headline_of
from sracl_core.runs.states import RunMeta, RunState, lenient
from sracl_core.runs.summary import RunSummary, setting
from sracl_core.settings.yaml_source import read_yaml


def summarize(run: RunDirectory) -> RunSummary:
    """What the small files of a run say; never reads metrics.jsonl, so a list stays fast."""
    read = [read_json(path) for path in (run.meta_path, run.state_path)]
    meta, state = lenient(RunMeta, read[0] or {}), lenient(RunState, read[1] or {})
    settings, problem = _looked_at(run, *read)
    results: dict[str, Any] = {}
    try:
        results = run.results() or {}
    except SraclError as error:
        problem = problem or str(error)
    dataset, seed = meta.get("dataset"), setting(settings, "training.seed")
    named = dataset.get("name") if isinstance(dataset, dict) else dataset
    return RunSummary(
        path=run.path,
        name=run.name,
        status="damaged" if problem else status(state),
        problem=problem,
        created=float(meta.get("created") or 0.0),
        dataset=str(named or Path(str(setting(settings, "dataset.path") or "")).name),
        model=str(setting(settings, "model.name") or ""),
        seed=seed if isinstance(seed, int) else None,
        headline=headline_of(meta),
        epoch=state.get("epoch"),
        best_epoch=results.get("best_epoch", state.get("best_epoch")),
        valid=results.get("valid") or state.get("best_valid") or {},
        test=results.get("test") or {},
        training_seconds=results.get("training_seconds"),
    )


def damage(run: RunDirectory) -> str | None:
    """Why the run cannot be used, as far as its small files tell; None for a sound one."""
    return _looked_at(run, read_json(run.meta_path), read_json(run.state_path))[1]


def _looked_at(
    run: RunDirectory, meta: dict[str, Any] | None, state: dict[str, Any] | None
) -> tuple[dict[str, Any], str | None]:
    """Its settings, unchecked and {} where they cannot be read, and what is wrong with it.

    meta, state: what its files hold, None where they cannot be read.
    """
    settings, problem = {}, None
    try:
        settings = read_yaml(run.config_path)
        if not isinstance(settings, dict):
            settings, problem = {}, f"{run.config_path} holds no settings; the run cannot be used"
    except ConfigError as error:
        problem = str(error)
    try:
        if meta is None:
            open_run(run.path)
        else:
            require_version(run, meta)
        if state is None:
            require_readable(run.state_path)
    except SraclError as error:
        problem = str(error)
    if problem is None and state is None and run.state_path.exists():
        again = f"`sracl resume {shlex.quote(str(run.path))}` writes it anew"
        problem = f"{run.state_path} is damaged; {again}"
    return settings, problem

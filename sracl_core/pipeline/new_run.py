"""A run that has not begun: its folder, and what is known of it by then."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sracl_core.data.sources import Sources, load_sources, require_fit
from sracl_core.device import pick_device
from sracl_core.evaluation.results import protocol
from sracl_core.pipeline.settled import settled
from sracl_core.pipeline.warm import keep_start, require_same_shape
from sracl_core.runs.directory import RunDirectory, create_run
from sracl_core.semantics.encode import load_encoder
from sracl_core.semantics.store import VectorStore
from sracl_core.settings.models import RunConfig

PACKAGES = ("sracl-tui", "torch", "numpy", "polars", "hnswlib", "sentence-transformers", "transformers")


def new_run(
    config: RunConfig, runs_dir: Path, name: str | None = None, earlier: RunDirectory | None = None
) -> RunDirectory:
    """The folder of a run that has not begun. Raises whatever is wrong with its inputs.

    Its config.yaml can be run again as it is, see `settled`. `earlier`: the run whose weights it starts
    from, see `warm`.
    """
    config = settled(config)
    if earlier is not None:
        require_same_shape(config, earlier)
    run = create_run(runs_dir, name, config, run_meta(config))
    if earlier is not None:
        keep_start(run, earlier)
    return run


def run_meta(config: RunConfig) -> dict[str, Any]:
    """What meta.json says of a run before it starts. Raises whatever is wrong with its inputs."""
    sources = load_sources(config)
    require_fit(config, sources, lambda: VectorStore().width(load_encoder(config.semantics.encoder)))
    device = pick_device(config.training.device)
    return {
        "argv": sys.argv,
        "seed": config.training.seed,
        "dataset": _dataset_identity(sources),
        "protocol": protocol(config, sources),
        "headline": config.training.monitor,
        "device": str(device),
        "machine": f"{platform.machine()} {platform.system()}, Python {platform.python_version()}",
        "versions": versions(),
    }


def _dataset_identity(sources: Sources) -> dict[str, Any]:
    dataset = sources.dataset
    return {
        "name": dataset.name,
        "path": str(dataset.folder),
        "identity": dataset.identity,
        "users": dataset.n_users,
        "items": dataset.n_items,
        "interactions": dataset.n_interactions,
    }


def versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found

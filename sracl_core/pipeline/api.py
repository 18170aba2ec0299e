"""Training in one call, for a notebook or a script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sracl_core.errors import ConfigError
from sracl_core.pipeline.new_run import new_run
from sracl_core.pipeline.run import train as train_run
from sracl_core.progress import Progress
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.events import Record
from sracl_core.runs.writer import RunWriter
from sracl_core.settings.layers import given, load_config
from sracl_core.settings.models import RunConfig
from sracl_core.settings.reading import require_read


def train(
    dataset: Path | str,
    config: RunConfig | None = None,
    *,
    preset: str | None = None,
    sets: Sequence[str] = (),
    runs_dir: Path | str = "runs",
    name: str | None = None,
    on_event: Callable[[Record], None] | None = None,
    progress: Progress | None = None,
) -> RunDirectory:
    """Train on a prepared dataset; returns the finished run, whose `results()` holds the metrics.

    Args:
        dataset: folder of a prepared dataset.
        config: all settings, as `load_config` makes them; where left out, `preset` and `sets`
            ("part.key=value") decide, over the user's files and environment as on the command line.
        runs_dir: where the run's folder is made, its name being the time and `name`.
        on_event: called with each record of metrics.jsonl as it is written.
        progress: called with (stage, done, total).

    Raises SraclError, in one line: for settings, for the dataset, for a loss that is not finite.

    >>> import sracl_core
    >>> sracl_core.train("data/none", sets=["training.max_epochs=1"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    sracl_core.errors.DataError: ...
    """
    if config is None:
        config, _ = load_config(preset=preset, sets=sets)
        require_read(given(None, sets), [config])
    elif not isinstance(config, RunConfig):
        raise ConfigError(f"config is a {type(config).__name__}; give what load_config makes, or sets alone")
    elif preset is not None or sets:
        raise ConfigError("config holds all settings; give preset and sets to load_config, or leave it out")
    run = new_run(config.with_dataset(dataset), Path(runs_dir), name)
    with RunWriter(run, on_event) as writer:
        train_run(run, writer, progress)
    return run

"""Methods side by side, each trained with the same seeds: one call, one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sracl_core.data.sources import load_sources
from sracl_core.errors import InputError, nearest
from sracl_core.pipeline.settled import settled
from sracl_core.progress import Progress
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.models import RunConfig
from sracl_core.studies.published import published
from sracl_core.studies.running import Wanted, run_all
from sracl_core.studies.specs import resolve_specs
from sracl_core.studies.table import Table, build_table


def compare(
    dataset: Path | str,
    models: Sequence[str],
    *,
    seeds: int | Sequence[int] = 3,
    epochs: int | None = None,
    budget_minutes: float | None = None,
    baseline: str | None = None,
    config_file: Path | None = None,
    sets: Sequence[str] = (),
    runs_dir: Path | str = "runs",
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Table:
    """Train what is not there yet in `runs_dir`, and put all in one table.

    Args:
        dataset: folder of a prepared dataset.
        models: specs, see `studies.specs`; each with every seed, a floor once.
        seeds: that many from `training.seed` on, or these.
        epochs, budget_minutes: of each run, at most; the epoch in which the minutes end is finished.
        baseline: the row that the others are tested against; the first where left out.
        config_file, sets: settings of all rows.

    Raises SraclError. What was trained stays, and the same call goes on from there.
    """
    flags = {
        "--dataset": ("dataset.path", str(dataset)),
        "--epochs": ("training.max_epochs", epochs),
        "--budget-minutes": ("training.max_minutes", budget_minutes),
    }
    specs = resolve_specs(models, config_file, sets, flags)
    names = [spec.name for spec in specs]
    if not names:
        raise InputError("there is no method to compare; name some, such as sasrec,item-knn")
    if (baseline := baseline or names[0]) not in names:
        raise InputError(f"the baseline '{baseline}' is no row{nearest(baseline, names)}")
    wanted: dict[str, list[Wanted]] = {}
    for spec in specs:
        config = settled(spec.config)
        for seed in _seeds(config, seeds):
            wanted.setdefault(spec.name, []).append(_seeded(spec.name, config, seed))
    return compare_rows(wanted, baseline, Path(runs_dir), progress=progress, say=say)


def compare_rows(
    wanted: Mapping[str, Sequence[Wanted]],
    baseline: str,
    runs_dir: Path,
    *,
    tested: Sequence[str] = (),
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Table:
    """The table of runs by row, which are trained where they are not there yet; see `compare`.

    All are of the dataset of the first. tested: see `build_table`. Raises SraclError.
    """
    every = [one for some in wanted.values() for one in some]
    sources = load_sources(every[0].config)
    runs = iter(run_all(every, runs_dir, sources, progress, say))
    found: dict[str, list[RunDirectory]] = {name: [next(runs) for _ in some] for name, some in wanted.items()}
    known = published(sources.dataset.n_users, sources.dataset.n_items, sources.split.name)
    return build_table(found, baseline, known, tested)


def _seeds(config: RunConfig, seeds: int | Sequence[int]) -> list[int]:
    if config.floor is not None:
        return [config.training.seed]
    if isinstance(seeds, int):
        if seeds < 1:
            raise InputError(f"{seeds} seeds are none; take one at least")
        return [config.training.seed + at for at in range(seeds)]
    if negative := [seed for seed in seeds if seed < 0]:
        raise InputError(f"a seed is 0 or more, not {negative[0]}")
    return list(dict.fromkeys(seeds))


def _seeded(name: str, config: RunConfig, seed: int) -> Wanted:
    label = f"{name}-{seed}" if config.floor is None else name
    training = config.training.model_copy(update={"seed": seed})
    return Wanted(label, config.model_copy(update={"training": training}))

"""Methods side by side, each trained with the same seeds: one call, one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from sracl_core.data.dataset import read_manifest
from sracl_core.errors import InputError, SraclError, nearest
from sracl_core.pipeline.settled import settled
from sracl_core.progress import Progress
from sracl_core.runs.directory import RunDirectory
from sracl_core.settings.known import flatten
from sracl_core.settings.models import RunConfig
from sracl_core.studies.filling import Filling
from sracl_core.studies.planning import SEED_UNREAD, Wanted, seeds_of
from sracl_core.studies.published import published
from sracl_core.studies.running import Say, run_all
from sracl_core.studies.specs import Spec, resolve_specs
from sracl_core.studies.table import Table, build_table

OF_THE_PROTOCOL = ("dataset.", "evaluation.ks")


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
    parallel: int = 1,
    tune: int = 0,
    groups: bool = False,
    mixed: bool = False,
    progress: Progress | None = None,
    say: Say = lambda text: None,
) -> Table:
    """Train what is not there yet in `runs_dir`, and put all in one table.

    Args:
        dataset: folder of a prepared dataset.
        models: specs, see `studies.specs`; each with every seed, a floor once.
        seeds: that many from `training.seed` on, or these.
        epochs, budget_minutes: of each run, at most; the epoch in which the minutes end is finished.
        baseline: the row that the others are tested against; the first where left out.
        config_file, sets: settings of all rows.
        parallel: runs at once, each a process of its own.
        tune: trials of each method before, by which validation chooses its settings; see `tuning.tune`.
        groups: fill `Table.groups` as well.
        mixed: let rows differ in dataset, split or protocol, and mark them.

    Raises SraclError. What was trained stays, and the same call goes on from there.
    """
    specs = resolve_rows(
        dataset, models, epochs=epochs, budget_minutes=budget_minutes, config_file=config_file, sets=sets
    )
    chosen_baseline = baseline_of(specs, baseline)
    require_alike(specs, mixed)
    if parallel < 1:
        raise InputError(f"{parallel} runs at once are none; take one at least")
    wanted_runs(specs, seeds)  # raises before hours of trials
    tuned, failed = {}, {}
    if tune:
        from sracl_core.studies.tuning import NoChoice, tune_spec

        for at, spec in enumerate(specs):
            try:
                found = tune_spec(spec, tune, Path(runs_dir), parallel, None, progress, say)
            except NoChoice as error:
                failed[spec.name] = str(error)
                say(f"{spec.name}: failed: {error}")
            else:
                specs[at] = replace(spec, config=found.config)
                tuned[spec.name] = found.to_dict()
    return compare_rows(
        wanted_runs([spec for spec in specs if spec.name not in failed], seeds),
        chosen_baseline,
        Path(runs_dir),
        parallel=parallel,
        groups=groups,
        mixed=mixed,
        tuned=tuned,
        failed=failed,
        progress=progress,
        say=say,
    )


def resolve_rows(
    dataset: Path | str,
    models: Sequence[str],
    *,
    epochs: int | None = None,
    budget_minutes: float | None = None,
    config_file: Path | None = None,
    sets: Sequence[str] = (),
) -> list[Spec]:
    """The rows that `models` name. Raises InputError where one is none, or none could be trained."""
    if budget_minutes is not None and budget_minutes <= 0:
        raise InputError(
            f"a budget of {budget_minutes:g} minutes ends before the first epoch; give more, or leave it out"
        )
    flags = {
        "DATASET": ("dataset.path", str(dataset)),
        "--epochs": ("training.max_epochs", epochs),
        "--budget-minutes": ("training.max_minutes", budget_minutes),
    }
    specs = resolve_specs(models, config_file, sets, flags)
    if not specs:
        raise InputError("there is no method to compare; name some, such as sasrec,item-knn")
    return [replace(spec, config=settled(spec.config)) for spec in specs]


def baseline_of(specs: Sequence[Spec], baseline: str | None) -> str:
    """The row of that name, or the first. Raises InputError."""
    names = [spec.name for spec in specs]
    if (found := baseline or names[0]) not in names:
        raise InputError(f"the baseline '{baseline}' is no row{nearest(found, names)}")
    return found


def require_alike(specs: Sequence[Spec], mixed: bool) -> None:
    """Raise InputError for rows whose figures say nothing together, before anything is trained."""
    first = flatten(specs[0].config)
    for spec in specs[1:]:
        other = flatten(spec.config)
        differing = [key for key in first if key.startswith(OF_THE_PROTOCOL) and other[key] != first[key]]
        if differing and not mixed:
            raise InputError(
                f"'{specs[0].name}' and '{spec.name}' differ in {', '.join(differing)}, so that their "
                "figures say nothing together; give both the same, or ask for a mixed table"
            )


def wanted_runs(specs: Sequence[Spec], seeds: int | Sequence[int]) -> dict[str, list[Wanted]]:
    """The runs of each row, one a seed; a floor has one.

    Raises InputError for seeds that are none, and for listed ones where a row has a seed of its own.
    """
    if isinstance(seeds, Sequence):
        for spec in specs:
            if "training.seed" in spec.fixed and spec.config.floor is None:
                raise InputError(SEED_UNREAD)
    return {
        spec.name: [_seeded(spec.name, spec.config, seed) for seed in _seeds(spec.config, seeds)]
        for spec in specs
    }


def compare_rows(
    wanted: Mapping[str, Sequence[Wanted]],
    baseline: str,
    runs_dir: Path,
    *,
    tested: Sequence[str] = (),
    parallel: int = 1,
    groups: bool = False,
    mixed: bool = False,
    tuned: Mapping[str, Any] | None = None,
    failed: Mapping[str, str] | None = None,
    kind: str = "compare",
    progress: Progress | None = None,
    say: Say = lambda text: None,
) -> Table:
    """The table of runs by row, which are trained where they are not there yet; see `compare`.

    A row of which a run fails is left out, and named in `Table.failed`; all else goes on.

    tested: see `build_table`. tuned: how the settings of a row were chosen. failed: rows that are left out
    for want of any. kind: what the study is called where it is watched. Raises SraclError.
    """
    failed = dict(failed or {})
    _require(baseline, failed)
    every = [one for some in wanted.values() for one in some]
    filling = Filling(runs_dir, wanted, baseline, kind)
    ran = run_all(
        every, runs_dir, stage=kind, parallel=parallel, progress=progress, say=say, made=filling.made
    )
    found: dict[str, list[RunDirectory]] = {}
    places = iter(range(len(every)))
    for name, some in wanted.items():
        of_row = list(islice(places, len(some)))
        if reasons := [f"{every[at].name}: {ran.failed[at]}" for at in of_row if at in ran.failed]:
            failed[name] = "; ".join(reasons)
        else:
            found[name] = [ran.runs[at] for at in of_row]
    _require(baseline, failed)
    counts = read_manifest(Path(every[0].config.dataset.path))["counts"]
    known = published(counts["users"], counts["items"], every[0].config.dataset.split)
    table = replace(build_table(found, baseline, known, tested, mixed), failed=failed)
    if tuned:
        table = replace(table, tuned=dict(tuned))
    if groups:
        from sracl_core.data.sources import load_sources
        from sracl_core.studies.grouping import group_table

        alike = {row.name: found[row.name] for row in table.rows if not row.differs}
        table = replace(table, groups=group_table(alike, load_sources(every[0].config)))
    return table


def _require(baseline: str, failed: Mapping[str, str]) -> None:
    if baseline in failed:
        raise SraclError(f"'{baseline}', which all else is held against, failed: {failed[baseline]}")


def _seeds(config: RunConfig, seeds: int | Sequence[int]) -> list[int]:
    first = config.training.seed
    return [first] if config.floor is not None else seeds_of(seeds, first)


def _seeded(name: str, config: RunConfig, seed: int) -> Wanted:
    label = f"{name}-{seed}" if config.floor is None else name
    training = config.training.model_copy(update={"seed": seed})
    return Wanted(label, config.model_copy(update={"training": training}))

"""`sracl evaluate`."""

from __future__ import annotations

from dataclasses import asdict

from sracl_core.cli import output
from sracl_core.cli.asking import MovedOption
from sracl_core.cli.run_argument import RUNS_DIR, RunArgument, RunsDirOption, find_run
from sracl_core.cli.show import print_results
from sracl_core.runs.events import from_one


def evaluate(
    run: RunArgument,
    runs_dir: RunsDirOption = RUNS_DIR,
    dataset: MovedOption = None,
    dry_run: output.DryRunOption = False,
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
) -> None:
    """Rank the held-out items again with a run's best model.

    Every item competes, seen items unmasked and masked; results.json and ranks.npz are written anew.
    """
    directory = find_run(run, runs_dir)
    if dry_run:
        from sracl_core.pipeline.left import left_to_rank

        plan = asdict(left_to_rank(directory, dataset))
        best, seconds = from_one(plan["best_epoch"]), output.duration(plan["seconds_last_time"])
        told = {"best_epoch": ("epoch", best), "seconds_last_time": ("last time", seconds)}
        output.print_plan(plan, as_json, **told)
        return
    from sracl_core.pipeline import run as pipeline

    if dataset is not None:
        directory = pipeline.move_dataset(directory, dataset)
    with output.progress_display(quiet) as progress:
        results = pipeline.evaluate(directory, progress)
    if as_json:
        output.print_json({"run": str(directory.path), **results})
    else:
        print_results(directory, results)

"""`sracl runs`: what was trained, what it gave, and how two runs differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from sracl_core.cli import output
from sracl_core.cli.plot import plot
from sracl_core.cli.run_argument import RUNS_DIR, RunArgument, RunsDirOption, find_run, find_runs
from sracl_core.cli.show import show
from sracl_core.plain import plain
from sracl_core.runs.events import from_one
from sracl_core.runs.records import headline_name, metric

if TYPE_CHECKING:
    from sracl_core.runs.summary import RunSummary

app = typer.Typer(no_args_is_help=True)
app.command()(show)
app.command()(plot)


@app.command("list")
def list_(
    runs_dir: RunsDirOption = RUNS_DIR,
    sort: Annotated[
        str, typer.Option("--sort", help="A metric (NDCG@20, masked/HR@10) or created, name, seed, ...")
    ] = "created",
    last: Annotated[int | None, typer.Option("--last", min=1, help="Only so many, after sorting.")] = None,
    tag: Annotated[
        str | None, typer.Option("--tag", help="Only runs with #TAG in their note (`runs note RUN '#TAG'`).")
    ] = None,
    as_json: output.JsonOption = False,
) -> None:
    """List the runs of a folder, newest first or by --sort, with their state, results and notes.

    The metric shown is that of --sort, else the one that chose the best epoch (training.monitor): on
    validation of the best epoch, and on test once the run has finished.
    """
    from sracl_core.runs.catalog import list_runs
    from sracl_core.runs.directory import RunDirectory
    from sracl_core.runs.keeping import metric_shown, note_of, ordered, tags_of

    found = every = ordered(list_runs(runs_dir), sort)
    wanted = None if tag is None else tag.removeprefix("#").lower()
    if wanted is not None:
        found = [one for one in every if wanted in tags_of(note_of(RunDirectory(one.path)))]
    found = found[:last]
    notes = {summary.path: note_of(RunDirectory(summary.path)) for summary in found}
    if as_json:
        said = {path: {"note": text, "tags": tags_of(text)} for path, text in notes.items()}
        output.print_json([asdict(one) | said[one.path] for one in found])
        return
    if every and not found:
        output.say(f"no run in {runs_dir} has the tag #{wanted}; `sracl runs note RUN '#{wanted}'` gives it")
        return
    if not found:
        output.say(f"no runs in {runs_dir}; `sracl train FOLDER` makes one")
        return
    shown = {summary.path: metric_shown(summary, sort) for summary in found}
    one = len(set(shown.values())) == 1
    timed = sort == "training_seconds"
    rows = [
        (
            summary.name,
            summary.status,
            summary.dataset,
            summary.model,
            summary.seed,
            from_one(summary.epoch),
            from_one(summary.best_epoch),
            *(() if one else (headline_name(shown[summary.path]),)),
            metric(summary.valid, shown[summary.path]),
            metric(summary.test, shown[summary.path]),
            *([output.duration(summary.training_seconds)] if timed else []),
            *([notes[summary.path].partition("\n")[0][:40]] if any(notes.values()) else []),
        )
        for summary in found
    ]
    columns = ["run", "status", "dataset", "model", "seed", "epoch", "best"]
    name = headline_name(shown[found[0].path])
    measured = [f"valid {name}", f"test {name}"] if one else ["metric", "valid", "test"]
    measured += ["trained"] if timed else []
    output.print_table([*columns, *measured, *(["note"] if any(notes.values()) else [])], rows)
    _tell_problems(found)


def _tell_problems(found: Sequence[RunSummary]) -> None:
    for summary in found:
        if summary.problem:
            output.say(f"{summary.name}: {plain(summary.problem)}")


@app.command()
def board(
    runs_dir: RunsDirOption = RUNS_DIR,
    metric_name: Annotated[
        str, typer.Option("--metric", help="NDCG@20, masked/HR@10, ...; else what chose the newest's epoch.")
    ] = "",
    against: Annotated[
        str, typer.Option("--against", metavar="RUN", help="Show differences to it, with a paired test.")
    ] = "",
    fold: Annotated[
        bool, typer.Option("--fold/--each", help="Runs that differ in their seed alone are one row.")
    ] = True,
    as_json: output.JsonOption = False,
) -> None:
    """Rank the runs of a folder: mean over seeds, what differs in their settings, and against one of them.

    The metric is that of test, or of validation (marked v) where a run has not finished.
    """
    from sracl_core.cli.leaderboard import print_board
    from sracl_core.runs.catalog import list_runs
    from sracl_core.runs.keeping import metrics_of
    from sracl_core.studies.leaderboard import leaderboard

    marked = find_run(against, runs_dir).name if against else ""
    found = list_runs(runs_dir)
    name, rows = leaderboard(found, metric_name, marked, fold)
    if as_json:
        told = {"metric": name, "metrics": metrics_of(found), "against": marked or None}
        output.print_json({**told, "rows": [asdict(row) for row in rows]})
    elif rows:
        print_board(name, rows, marked)
        _tell_problems(found)
    else:
        output.say(f"no runs in {runs_dir}; `sracl train FOLDER` makes one")


@app.command()
def rename(
    run: RunArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called from now on.")],
    runs_dir: RunsDirOption = RUNS_DIR,
) -> None:
    """Rename a run; the time it was made stays in front of its name."""
    from sracl_core.runs import keeping

    renamed = keeping.rename(find_run(run, runs_dir), name)
    output.say(f"{renamed.path}")


@app.command()
def note(
    run: RunArgument,
    text: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", help='What to remember of it; a #word is a tag; "" forgets it.'),
    ] = None,
    runs_dir: RunsDirOption = RUNS_DIR,
) -> None:
    """Write down something about a run, for `runs list` and `runs show`; without TEXT print it."""
    from sracl_core.runs import keeping

    found = find_run(run, runs_dir)
    if text is None:
        output.tell_lines(keeping.note_of(found))
    else:
        keeping.set_note(found, text)


@app.command()
def rm(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Runs to delete.")],
    runs_dir: RunsDirOption = RUNS_DIR,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete runs, with their models and results; asks first."""
    from sracl_core.runs import keeping

    named = [find_run(run, runs_dir) for run in runs]
    found = list({directory.path: directory for directory in named}.values())
    size = sum(keeping.size_of(directory) for directory in found)
    names = ", ".join(plain(directory.name) for directory in found)
    if not yes and not output.agreed(f"delete {names} ({size / 1e6:,.1f} MB)?"):
        output.say("nothing was deleted")
        return
    for directory in found:
        keeping.remove(directory)
        output.say(f"{directory.path} is gone")


@app.command()
def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN", help="Two or more runs; the first is the base.")
    ],
    runs_dir: RunsDirOption = RUNS_DIR,
    part: Annotated[str, typer.Option(help="test or valid.")] = "test",
    mixed: Annotated[
        bool,
        typer.Option("--mixed", help="Also runs of different data or protocols, marked; nothing is tested."),
    ] = False,
    refreshed: Annotated[
        bool,
        typer.Option(
            "--refreshed",
            help="LIVE TONIGHT, where tonight's log holds the live one's and more: both on tonight's test "
            "events. Fails where tonight's is worse.",
        ),
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Compare runs: settings that differ, metrics side by side, and whether the difference is real.

    The last is a paired test over the users that both runs ranked.
    """
    if refreshed:
        from sracl_core.cli.refreshed import compare_refreshed

        compare_refreshed(find_runs(runs, runs_dir), as_json)
        return
    from sracl_core.cli.comparison import print_comparison
    from sracl_core.errors import IncomparableError, InputError
    from sracl_core.studies.comparing import compare_runs

    if part not in ("test", "valid"):
        raise InputError(f"--part '{part}' is neither test nor valid")
    if len(runs) < 2:
        raise InputError("comparing needs two runs at least; `sracl runs list` shows the runs")
    try:
        comparison = compare_runs(find_runs(runs, runs_dir), part, mixed)
    except IncomparableError as error:
        raise IncomparableError(f"{error}, or look at them side by side with --mixed") from error
    if as_json:
        output.print_json(comparison)
    else:
        print_comparison(comparison)

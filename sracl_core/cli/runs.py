"""`sracl runs`: what was trained, what it gave, and how two runs differ."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from sracl_core.cli import output
from sracl_core.cli.run_argument import RUNS_DIR, RunArgument, RunsDirOption, find_run
from sracl_core.runs.events import from_one

app = typer.Typer(no_args_is_help=True)
HEADLINE = "NDCG@20"


@app.command("list")
def list_(runs_dir: RunsDirOption = RUNS_DIR, as_json: output.JsonOption = False) -> None:
    """List the runs of a folder, newest first, with their state and results.

    The metrics shown are NDCG@20 over all items, seen items unmasked: of the best epoch on
    validation, and on test once the run has finished.
    """
    from sracl_core.runs.directory import list_runs

    found = list_runs(runs_dir)
    if as_json:
        output.print_json([asdict(summary) for summary in found])
        return
    if not found:
        output.say(f"no runs in {runs_dir}; `sracl train --dataset FOLDER` makes one")
        return
    rows = [
        (
            summary.name,
            summary.status,
            summary.dataset,
            summary.model,
            summary.seed,
            from_one(summary.epoch),
            from_one(summary.best_epoch),
            summary.valid.get("unmasked", {}).get(HEADLINE),
            summary.test.get("unmasked", {}).get(HEADLINE),
        )
        for summary in found
    ]
    columns = [
        "run",
        "status",
        "dataset",
        "model",
        "seed",
        "epoch",
        "best",
        f"valid {HEADLINE}",
        f"test {HEADLINE}",
    ]
    output.print_table(columns, rows)


@app.command()
def show(run: RunArgument, runs_dir: RunsDirOption = RUNS_DIR, as_json: output.JsonOption = False) -> None:
    """Show one run: state, dataset, how it was started, stages, epochs and results."""
    from sracl_core.runs.directory import summarize
    from sracl_core.runs.reader import read_history

    directory = find_run(run, runs_dir)
    history = read_history(directory.path)
    summary, meta, results = summarize(directory), directory.meta(), directory.results()
    if as_json:
        output.print_json(
            {
                **asdict(summary),
                "meta": meta,
                "state": directory.state(),
                "stages": list(history.stages.values()),
                "epochs": history.epochs,
                "results": results,
            }
        )
        return
    output.print_pairs(
        {
            "run": directory.path,
            "status": _status_line(summary.status, directory.state()),
            "started": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(summary.created)),
            "dataset": summary.dataset,
            "command": " ".join(meta.get("argv", [])) or None,
            "best epoch": from_one(summary.best_epoch),
        }
    )
    _print_course(history)
    if results:
        output.tell()
        output.print_metrics(results)
        output.tell(protocol_line(results))


@app.command()
def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Two or more runs; the first is the base.")
    ],
    runs_dir: RunsDirOption = RUNS_DIR,
    part: Annotated[str, typer.Option(help="test or valid.")] = "test",
    as_json: output.JsonOption = False,
) -> None:
    """Compare runs: settings that differ, metrics side by side, and whether the difference is real.

    The last is a paired test over the users that both runs ranked.
    """
    from sracl_core.cli.comparison import print_comparison
    from sracl_core.errors import InputError
    from sracl_core.studies.comparing import compare_runs

    if part not in ("test", "valid"):
        raise InputError(f"--part '{part}' is neither test nor valid")
    if len(runs) < 2:
        raise InputError("comparing needs two runs at least; `sracl runs list` shows the runs")
    comparison = compare_runs([find_run(run, runs_dir) for run in runs], part)
    if as_json:
        output.print_json(comparison)
    else:
        print_comparison(comparison)


def protocol_line(results: dict[str, Any]) -> str:
    """The protocol of results.json in one line, without which no metric means anything."""
    protocol = results.get("protocol") or {}
    return "protocol: " + "; ".join(f"{name} {_told(value)}" for name, value in protocol.items())


def _told(value: Any) -> str:
    """A value of the protocol; of a table of choices only those that were made."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {choice}" for name, choice in value.items() if choice is not None)
    return output.shown(value)


def _status_line(status: str, state: dict[str, Any]) -> str:
    if status == "crashed":
        return "crashed, can be resumed with `sracl resume`"
    if status == "failed":
        return f"failed: {state.get('error')}"
    if status == "running":
        left = output.duration(state.get("eta_seconds"))
        return f"running, pid {state.get('pid')}, {state.get('stage')}, {left} left"
    return status


def _print_course(history: Any) -> None:
    if history.stages:
        output.tell()
        rows = [
            (name, record.get("status"), output.duration(record.get("seconds")))
            for name, record in history.stages.items()
        ]
        output.print_table(["stage", "status", "took"], rows)
    if history.epochs:
        output.tell()
        columns = ["loss", "next_item", "inter", "intra"]
        rows = [
            (
                from_one(record.get("epoch")),
                *(record.get(name) for name in columns),
                ((record.get("valid") or {}).get("unmasked") or {}).get(HEADLINE),
                output.duration(record.get("seconds")),
                "best" if record is history.best else "",
            )
            for record in history.epochs
        ]
        output.print_table(["epoch", *columns, f"valid {HEADLINE}", "took", ""], rows)

"""`sracl runs show`: one run, and the lines of it that other commands print, too."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sracl_core.cli import output
from sracl_core.cli.prose import tell_prose
from sracl_core.cli.run_argument import RUNS_DIR, RunArgument, RunsDirOption, find_run
from sracl_core.runs.events import from_one
from sracl_core.runs.records import headline_name, headline_of, loss_names, metric

if TYPE_CHECKING:
    from sracl_core.runs.directory import RunDirectory
    from sracl_core.runs.history import RunHistory
    from sracl_core.runs.summary import RunSummary


def show(
    run: RunArgument,
    runs_dir: RunsDirOption = RUNS_DIR,
    groups: Annotated[
        bool, typer.Option("--groups", help="Metrics by group of users and items, and what the lists show.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Show one run: state, dataset, how it was started, stages, epochs and results."""
    if groups:
        from sracl_core.cli.run_groups import show_groups

        show_groups(find_run(run, runs_dir), as_json)
        return
    from sracl_core.runs.keeping import note_of
    from sracl_core.runs.reader import read_history
    from sracl_core.runs.summarizing import summarize

    directory = find_run(run, runs_dir)
    history = read_history(directory.path)
    summary, meta, results = summarize(directory), directory.meta(), directory.results()
    if as_json:
        output.print_json(
            {
                **asdict(summary),
                "note": note_of(directory),
                "meta": meta,
                "state": directory.state(),
                "stages": list(history.stages.values()),
                "epochs": history.epochs,
                "results": results,
            }
        )
        return
    processes = directory.state().get("processes") or 1
    output.print_pairs(
        {
            "run": directory.path,
            "status": _status_line(summary, directory.state()),
            "started": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(summary.created)),
            "dataset": summary.dataset,
            "command": " ".join(meta.get("argv", [])) or None,
            **({"processes": processes} if processes > 1 else {}),
            "best epoch": from_one(summary.best_epoch),
            "note": note_of(directory) or None,
        }
    )
    _print_course(history, meta)
    if results:
        output.tell()
        print_results(directory, results)


def print_results(run: RunDirectory, results: dict[str, Any]) -> None:
    """The metrics of results.json, by which protocol, and what was said of `run` when it was trained."""
    output.print_metrics(results)
    tell_protocol(results)
    for text in run.meta().get("caveats") or ():
        tell_prose(f"note: {text}")


def tell_protocol(results: dict[str, Any]) -> None:
    """The protocol of results.json, without which no metric means anything."""
    protocol = results.get("protocol") or {}
    tell_prose("protocol: " + "; ".join(f"{name} {_told(value)}" for name, value in protocol.items()))


def _told(value: Any) -> str:
    """A value of the protocol; of a table of choices only those that were made."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {choice}" for name, choice in value.items() if choice is not None)
    return output.shown(value)


def _status_line(summary: RunSummary, state: dict[str, Any]) -> str:
    status = summary.status
    if status == "damaged":
        return f"damaged: {summary.problem}"
    if status == "crashed":
        return "crashed, can be resumed with `sracl resume`"
    if status == "failed":
        return f"failed: {state.get('error')}"
    if status == "running":
        left = output.duration(state.get("eta_seconds"))
        return f"running, pid {state.get('pid')}, {state.get('stage')}, {left} left"
    return status


def _print_course(history: RunHistory, meta: dict[str, Any]) -> None:
    if history.stages:
        output.tell()
        rows = [
            (name, record.get("status"), output.duration(record.get("seconds")))
            for name, record in history.stages.items()
        ]
        output.print_table(["stage", "status", "took"], rows)
    if history.epochs:
        output.tell()
        columns, headline = loss_names(history.epochs, meta), headline_of(meta)
        rows = [
            (
                from_one(record.get("epoch")),
                *(record.get(name) for name in columns),
                metric(record.get("valid"), headline),
                output.duration(record.get("seconds")),
                "best" if record is history.best else "",
            )
            for record in history.epochs
        ]
        output.print_table(["epoch", *columns, f"valid {headline_name(headline)}", "took", ""], rows)

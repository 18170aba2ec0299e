"""`sracl monitor`: a run on what happened after its training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sracl_core.cli import asking, output
from sracl_core.cli.data_look import DropEmptyOption, EventsOption, LogOptions, listed
from sracl_core.cli.option_groups import grouped
from sracl_core.cli.run_argument import RUNS_DIR, RunArgument, RunsDirOption, find_run
from sracl_core.words import counted


@grouped
def monitor(
    run: RunArgument,
    new: Annotated[list[Path], typer.Argument(metavar="FILE", help="Log of events since training.")],
    *,
    reading: LogOptions,
    events: EventsOption = None,
    drop_empty: DropEmptyOption = False,
    dataset: asking.MovedOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
) -> None:
    """Measure a run on events after its training, week by week, and say when to train anew.

    Each event is asked for after all that its person did before it. Of the log counts what the run's dataset
    keeps of its own: the same events, the same ratings. Told are HR and NDCG, the shares of events with
    unknown items and of unknown people, and how far the popularity of items and the mean of their texts have
    moved from the latest tenth of the training log.
    """
    directory = find_run(run, runs_dir)
    from sracl_core.explorer.loading import LoadedRun
    from sracl_core.service import monitoring

    loaded = LoadedRun.open(directory.path, dataset)
    options = reading.of(None, events=listed(events), drop_empty=drop_empty)
    raw = monitoring.read_events(new, loaded, options)
    for line in (*(taken.told() for taken in raw.taken), *raw.notes):
        output.say(line, quiet)
    with output.progress_display(quiet) as progress:
        found = monitoring.monitor(loaded, raw.interactions, progress)
    if found["earlier_events"]:
        early = counted(found["earlier_events"], "event is", "events are")
        output.say(f"{early} not after the run's log and left out", quiet)
    if found["duplicates"]:
        output.say(f"exact duplicates dropped: {found['duplicates']:,}", quiet)
    output.print_json(found) if as_json else _print(found)


def _print(found: dict[str, Any]) -> None:
    mask, _, metric = found["headline"].partition("/")
    hits = f"{mask}/HR@{metric.partition('@')[2]}"
    columns = ["week of", "events", "asked", hits, found["headline"], "error"]
    columns += ["unknown items", "unknown users", "popularity drift", "text drift"]
    rows = [
        [
            week["week"] or "all",
            *(f"{week[name]:,}" for name in ("events", "asked")),
            *(week.get(name) for name in (hits, found["headline"], "error")),
            *(f"{week[name]:.1%}" for name in ("unknown_items", "unknown_users")),
            *(_against(week, name) for name in ("popularity", "text")),
        ]
        for week in found["weeks"]
    ]
    test = ((found["test"] or {}).get(mask) or {}) if found["test"] else {}
    if test:
        own = [test.get(name.partition("/")[2]) for name in (hits, found["headline"])]
        rows.append(["its own test", "-", "-", *own, None, "-", "-", "-", "-"])
    output.print_table(columns, rows)
    output.say("drifts stand beside what chance alone gives; errors are standard errors")
    refresh = found["refresh"]
    if refresh["wanted"]:
        output.tell(f"train anew: {'; '.join(refresh['reasons'])}")
    else:
        output.tell("no reason to train anew")


def _against(week: dict[str, Any], name: str) -> str:
    value, noise = week[f"{name}_drift"], week[f"{name}_noise"]
    return "-" if value is None else f"{value:.3f} ({noise:.3f})"

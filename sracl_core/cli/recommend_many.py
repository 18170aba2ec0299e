"""`sracl recommend --all`, `--users` and `--histories`: a file of lists."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sracl_core.cli import output
from sracl_core.cli.processes import launch, launches
from sracl_core.cli.run_argument import find_run
from sracl_core.errors import REPEATED, InputError
from sracl_core.words import counted

if TYPE_CHECKING:
    from sracl_core.rules import Rules
    from sracl_core.service.batch import Written


@dataclass(frozen=True)
class ManyOptions:
    """For whom lists are made, where not for one, and where they go."""

    everybody: Annotated[bool, typer.Option("--all", help="Lists for every user, in the file --out.")] = False
    users: Annotated[
        Path | None,
        typer.Option("--users", help="Lists for the users of a file: one id a line, or a column of a table."),
    ] = None
    histories: Annotated[
        Path | None,
        typer.Option(
            "--histories",
            help="Lists for the people of a file: a table of users, items and times, or JSON lines "
            '{"user_id": ..., "history": [item, ...]}.',
        ),
    ] = None
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File of many lists: .parquet, .csv or .jsonl.")
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Of many lists: how many, and how long it takes; touch nothing.")
    ] = False
    processes: Annotated[
        int,
        typer.Option(
            "--processes",
            min=1,
            metavar="N",
            help="Share the people of --all out over N processes on this machine.",
        ),
    ] = 1


def recommend_many(
    run: str,
    runs_dir: Path,
    dataset: Path | None,
    many: ManyOptions,
    *,
    k: int,
    until: str,
    as_json: bool,
    quiet: bool,
    rules: Rules,
) -> None:
    """Lists for everybody, or for those in a file, in `many.out`; of a dry run their number."""
    if (out := many.out) is None:
        raise InputError("many lists need --out FILE.parquet, FILE.csv or FILE.jsonl")
    directory, files = find_run(run, runs_dir), (many.users, many.histories)
    from sracl_core.service import forms

    forms.form_of(out)
    if any(file is not None and out.exists() and file.exists() and out.samefile(file) for file in files):
        raise InputError(f"{out} is read here and would be written over; give another --out")
    if launches(many.processes) and not many.dry_run:
        raise typer.Exit(launch(many.processes, REPEATED))
    from sracl_core.device import use_threads
    from sracl_core.explorer.loading import LoadedRun
    from sracl_core.meeting import joined
    from sracl_core.service import asked, batch

    began = time.monotonic()
    with joined(REPEATED) as team:
        quiet = quiet or not team.first
        if team.size > 1:
            use_threads(team.threads(0))
        loaded = LoadedRun.open(directory.path, dataset)
        if many.histories is not None:
            people = asked.raw_histories(loaded.dataset, many.histories)
        elif many.users is not None:
            people = asked.some_users(loaded.dataset, loaded.histories, until, many.users)
        else:
            people = asked.every_user(loaded.dataset, loaded.histories, until)
        for note in people.notes:
            output.say(f"note: {note}", quiet)
        if many.dry_run:
            _print_plan(asdict(batch.plan_lists(loaded, people, k, out, rules)), out, many.processes, as_json)
            return
        with output.progress_display(quiet) as progress:
            written = batch.write_lists(loaded, people, k, out, progress, rules, team)
    if as_json and team.first:
        output.print_json({"out": str(out), "seconds": round(time.monotonic() - began, 2), **asdict(written)})
    _say(written, k, out, time.monotonic() - began, quiet)


def _print_plan(plan: dict[str, Any], out: Path, processes: int, as_json: bool) -> None:
    told = {
        "taken": ("there already", plan["taken"]),
        "seconds": ("about" if processes == 1 else "about, by one process", output.duration(plan["seconds"])),
    }
    output.print_plan({"out": str(out), **plan}, as_json, **told)


def _say(written: Written, k: int, out: Path, seconds: float, quiet: bool) -> None:
    def people(many: int) -> str:
        return counted(many, "person", "people")

    for note in written.notes:
        output.say(f"note: {note}", quiet)
    if written.taken:
        output.say(f"lists of {people(written.taken)} were there from a command that was interrupted", quiet)
    if written.popular:
        output.say(
            f"{people(written.popular)} without a known item got the most popular items (source: popular)",
            quiet,
        )
    if written.added:
        came = counted(written.added, "recommendation is", "recommendations are")
        output.say(f"{came} of items that came after training", quiet)
    if written.short:
        output.say(f"{people(written.short)} got fewer than {k} items: no more are left for them", quiet)
    taken = f"{people(written.people)} in {out} ({output.duration(seconds)})"
    output.say(f"{counted(written.rows, 'recommendation')} for {taken}", quiet)

"""`sracl items`: items that nobody has touched, added to a finished run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sracl_core.cli import asking, output
from sracl_core.cli.run_argument import RUNS_DIR, RunArgument, RunsDirOption, find_run
from sracl_core.errors import InputError

app = typer.Typer(no_args_is_help=True)


@app.command()
def add(
    run: RunArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Table of items: item_id, title, ...")],
    lift: Annotated[
        float | None,
        typer.Option(
            "--lift",
            help="How far all new items are raised, in standard deviations of a list's scores; 0 leaves them "
            "where the map puts them. Without it: what ranks old and new items best together.",
        ),
    ] = None,
    dataset: asking.MovedOption = None,
    encoder: asking.EncoderOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
) -> None:
    """Add items that nobody has touched: recommend, explore, export and serve then know them.

    What training learned of items is explained by their texts, as far as a linear map can, and the new ones
    get what the map says of theirs. Items that training knew are left as they are.
    """
    directory = find_run(run, runs_dir)
    from sracl_core.data.item_file import read_items
    from sracl_core.explorer.adding import add_items

    table, notes = read_items(file)
    for note in notes:
        output.say(note, quiet)
    done = add_items(directory.path, table, dataset, encoder, lift)
    if as_json:
        output.print_json(asdict(done))
    if done.known:
        output.say(f"{done.known:,} items are left as they are: training knew them", quiet)
    if done.without_text:
        first = ", ".join(done.without_text[:3])
        output.say(f"{len(done.without_text):,} items have no text and are left out ({first})", quiet)
    if done.unread_columns:
        output.say(
            f"columns that the run's items have not are not read: {', '.join(done.unread_columns)}", quiet
        )
    again = f", {done.again:,} in place of earlier ones" if done.again else ""
    output.say(f"{done.new:,} items added to {directory.name}{again}; {done.total:,} in all", quiet)
    if ranked := done.about.get("ranked"):
        names = ("held out", "held out, plain", "trained", "trained, plain")
        now, plain, trained, before = (f"{ranked[name]:.4f}" for name in names)
        how = f"ridge {done.about['ridge']:g}, scale {done.about['scale']:g}, lift {done.about['lift']:g}"
        output.say(
            f"map from text ({how}): mean reciprocal rank of items held out of it {now} ({plain} without "
            f"scale and lift), of the others {trained} ({before})",
            quiet,
        )


@app.command("list")
def list_(run: RunArgument, runs_dir: RunsDirOption = RUNS_DIR, as_json: output.JsonOption = False) -> None:
    """List the items that were added to a run."""
    directory = find_run(run, runs_dir)
    from sracl_core.training.added import read_added

    added = read_added(directory)
    rows = added.table.to_dicts() if added else []
    if as_json:
        output.print_json({"items": rows, "about": added.about if added else None})
    elif added:
        output.print_table(added.table.columns, [list(row.values()) for row in rows])
    else:
        output.say(f"nothing was added to {directory.name}; `sracl items add` adds items")


@app.command()
def remove(
    run: RunArgument,
    names: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Added items.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were added.")] = False,
    dataset: asking.MovedOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    quiet: output.QuietOption = False,
) -> None:
    """Take added items out again."""
    if bool(names) == everything:
        raise InputError("give the ids of added items, or --all")
    directory = find_run(run, runs_dir)
    from sracl_core.explorer.adding import remove_items

    left = remove_items(directory.path, None if everything else names, dataset)
    output.say(f"{left:,} added items are left in {directory.name}", quiet)

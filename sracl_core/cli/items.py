"""`sracl items`: what is known of a run's items, and those that nobody has touched, added to it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from sracl_core.cli import asking, output
from sracl_core.cli.run_argument import RUNS_DIR, RunArgument, RunsDirOption, find_run
from sracl_core.errors import InputError
from sracl_core.words import counted

if TYPE_CHECKING:
    from sracl_core.explorer.item_answers import Layout, Space

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
            "where the map puts them. Without it: as far as it costs the others little.",
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
    output.say("loading", quiet)
    from sracl_core.data.item_file import read_items
    from sracl_core.explorer.adding import add_items

    table, notes = read_items(file)
    for note in notes:
        output.say(note, quiet)
    with output.progress_display(quiet, asking.PATIENCE) as progress:
        done = add_items(directory.path, table, dataset, encoder, lift, progress)
    if as_json:
        output.print_json(asdict(done))
    if done.known:
        output.say(f"{counted(done.known, 'item is', 'items are')} known from training, and left so", quiet)
    if done.without_text:
        first = ", ".join(done.without_text[:3])
        lost = counted(len(done.without_text), "item has no text and is", "items have no text and are")
        output.say(f"{lost} left out ({first})", quiet)
    if done.unread_columns:
        output.say(
            f"columns that the run's items have not are not read: {', '.join(done.unread_columns)}", quiet
        )
    again = f", {done.again:,} in place of earlier ones" if done.again else ""
    output.say(f"{counted(done.new, 'item')} added to {directory.name}{again}; {done.total:,} in all", quiet)
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
    names: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Added items.")] = None,
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


@app.command()
def show(
    run: RunArgument,
    item: Annotated[str, typer.Argument(metavar="ID", help="An item of the run.")],
    k: asking.CountOption = 5,
    dataset: asking.MovedOption = None,
    encoder: asking.EncoderOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
) -> None:
    """Show an item: attributes, text, popularity, neighbors by text and by model, buyers, what follows it."""
    with output.progress_display(quiet, asking.PATIENCE) as progress:
        card = asking.open_explorer(run, runs_dir, dataset, encoder, progress).item(item, k)
    if as_json:
        output.print_json(asdict(card))
        return
    held = card.popularity
    place = f"{held.band}: rank {held.rank:,} of {held.items:,} by {held.training:,} training interactions"
    output.print_pairs({"item": card.item.item, **dict(card.attributes), "popularity": place})
    output.tell()
    output.tell(f"text ({card.text_kind}): {card.text}")
    for name, near in (("text", card.by_text), ("model", card.by_model)):
        output.tell()
        rows = [(one.item, one.title, one.similarity) for one in near]
        output.print_table([f"near by {name}", "title", "similarity"], rows)
    if card.no_text_vectors:
        output.say(f"note: {card.no_text_vectors}", quiet)
    output.tell()
    followers = [(one.item, one.title, one.times, one.share) for one in card.followed_by]
    output.print_table(["bought next", "title", "times", "share"], followers)
    output.tell()
    output.print_table(["user", "times", "part"], [(one.user, one.times, one.part) for one in card.users])
    output.say(
        f"{counted(held.users, 'user has', 'users have')} it; shown of the latest: {len(card.users):,}", quiet
    )


@app.command("map")
def map_(
    run: RunArgument,
    space: Annotated[
        str, typer.Option("--space", help="Near by text, or by the vectors of the model: text or model.")
    ] = "text",
    layout: Annotated[str, typer.Option("--layout", help="pca, or umap with the extra 'map'.")] = "pca",
    color: Annotated[str | None, typer.Option("--color", help="The attribute that is told as group.")] = None,
    dataset: asking.MovedOption = None,
    encoder: asking.EncoderOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
) -> None:
    """Place every item in the plane: on two principal components of the vectors, or by UMAP.

    The dashboard draws this map (v on the Explore screen).
    """
    with output.progress_display(quiet, asking.PATIENCE) as progress:
        explorer = asking.open_explorer(run, runs_dir, dataset, encoder, progress)
        ids = explorer.loaded.dataset.items.ids
        found = explorer.item_map(
            1, 1, space=cast("Space", space), layout=cast("Layout", layout), color=color, places_of=ids
        )
    if as_json:
        told = ("space", "layout", "explained", "color", "places")
        output.print_json({name: value for name, value in asdict(found).items() if name in told})
        return
    rows = [(one.item, one.x, one.y, one.group, one.title) for one in found.places]
    output.print_table(["item", "x", "y", found.color or "", "title"], rows)
    if found.explained:
        shares = " and ".join(f"{share:.1%}" for share in found.explained)
        output.say(f"the axes have {shares} of the variance", quiet)

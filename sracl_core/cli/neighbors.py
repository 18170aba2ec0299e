"""`sracl neighbors`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from sracl_core.cli import asking, output
from sracl_core.cli.run_argument import RUNS_DIR, RunArgument, RunsDirOption

if TYPE_CHECKING:
    from sracl_core.explorer.answers import ItemNeighbors, UserNeighbors


def neighbors(
    run: RunArgument,
    user: asking.UserOption = None,
    item: Annotated[str | None, typer.Option("--item", help="An item of the run's dataset.")] = None,
    history: asking.HistoryOption = None,
    k: asking.CountOption = 10,
    until: asking.UntilOption = None,
    dataset: asking.MovedOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
) -> None:
    """Show the semantic neighbors of a user or an item.

    For a user or a history: the training prefixes of other users whose text is nearest, what they
    share and what was bought next. For an item: the items whose texts are nearest.
    """
    asking.one_of(user=user, item=item, history=history)
    asking.require_users_end(until, user is not None)
    asking.split_ids(history)
    with output.progress_display(quiet, asking.PATIENCE) as progress:
        explorer = asking.open_explorer(run, runs_dir, dataset, progress=progress)
        items = asking.history_of(history, explorer)
        of_item = None if item is None else explorer.neighbors_of_item(item, k)
        end = until or "valid"
        of_user = None if item is not None else explorer.neighbors_of_user(user, items, k=k, until=end)
    for line in explorer.without_text():
        output.say(f"note: {line}", quiet)
    if of_item is not None:
        output.print_json(asdict(of_item)) if as_json else print_item_neighbors(of_item)
    if of_user is not None:
        output.print_json(asdict(of_user)) if as_json else print_user_neighbors(of_user)


def print_item_neighbors(found: ItemNeighbors) -> None:
    """The nearest items as a table."""
    output.tell(f"{found.item.item}  {found.item.title}")
    rows = [(near.item, near.title, near.similarity) for near in found.neighbors]
    output.print_table(["item", "title", "similarity"], rows)
    if not rows:
        output.say("it has no neighbors: the dataset holds no other item")


def print_user_neighbors(found: UserNeighbors) -> None:
    """The nearest prefixes as a table."""
    rows = [
        (
            near.user,
            near.similarity,
            near.weight,
            near.length,
            len(near.shared),
            near.next.item,
            near.next.title,
        )
        for near in found.neighbors
    ]
    columns = ["user", "similarity", "weight", "length", "shared", "bought next", "title"]
    output.print_table(columns, rows)
    if not rows:
        output.say("there are no neighbors: no other user has bought two items before the held-out ones")

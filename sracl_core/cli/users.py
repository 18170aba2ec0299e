"""`sracl users`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, cast

import typer

from sracl_core.cli import asking, output
from sracl_core.cli.run_argument import RUNS_DIR, RunArgument, RunsDirOption, find_runs
from sracl_core.words import counted

if TYPE_CHECKING:
    from sracl_core.explorer.answers import Order


def users(
    run: RunArgument,
    order: Annotated[
        str,
        typer.Option(
            "--sort",
            help="id; rank (of the test item, the best first); gain (of --against); length (of the history, "
            "the longest first); or random.",
        ),
    ] = "rank",
    reverse: Annotated[bool, typer.Option("--reverse", help="The other way round.")] = False,
    against: Annotated[
        str | None, typer.Option("--against", metavar="RUN", help="A second run; its ranks are shown, too.")
    ] = None,
    unmasked: Annotated[
        bool, typer.Option("--unmasked", help="Ranks among all items, those of the history included.")
    ] = False,
    contains: Annotated[str, typer.Option("--contains", help="Only users with this in their id.")] = "",
    seed: Annotated[int, typer.Option("--seed", help="Of the order 'random'.")] = 0,
    k: asking.CountOption = 20,
    dataset: asking.MovedOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    as_json: output.JsonOption = False,
) -> None:
    """List users by how well a run does for them, or how much better another does.

    The gain is the difference of 1 / log2(rank + 1), NDCG without a cut-off.
    """
    other = None if against is None else str(find_runs([run, against], runs_dir)[1].path)
    explorer = asking.open_explorer(run, runs_dir, dataset)
    found = explorer.users(contains, k, cast("Order", order), reverse, other, masked=not unmasked, seed=seed)
    if as_json:
        output.print_json(asdict(found))
        return
    columns = ["user", "interactions", "rank", *(["rank there"] if other else [])]
    rows = [
        (one.user, one.interactions, one.rank, *([one.other_rank] if other else [])) for one in found.users
    ]
    output.print_table(columns, rows)
    if found.no_ranks:
        output.say(f"note: {found.no_ranks}")
    output.say(f"{len(found.users):,} of {counted(found.total, 'user')}")

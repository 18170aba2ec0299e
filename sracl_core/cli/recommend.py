"""`sracl recommend`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from sracl_core.cli import asking, output
from sracl_core.cli.option_groups import grouped
from sracl_core.cli.recommend_many import ManyOptions, recommend_many
from sracl_core.cli.rule_options import RuleOptions
from sracl_core.cli.run_argument import RUNS_DIR, RunArgument, RunsDirOption
from sracl_core.errors import InputError
from sracl_core.words import counted

if TYPE_CHECKING:
    from sracl_core.explorer.answers import HeldCount, Recommendations


@grouped
def recommend(
    run: RunArgument,
    *,
    user: asking.UserOption = None,
    history: asking.HistoryOption = None,
    many: ManyOptions,
    k: asking.CountOption = 10,
    until: Annotated[
        str | None, typer.Option("--until", help=f"{asking.ENDS}, and test for many lists.")
    ] = None,
    narrowed: RuleOptions,
    text: Annotated[
        str | None,
        typer.Option("--more", "--text", metavar="TEXT", help="Steer the list towards this meaning."),
    ] = None,
    text_weight: Annotated[
        float | None, typer.Option("--text-weight", help="How far: 0 not at all, 1 the text alone; else 0.5.")
    ] = None,
    why: Annotated[bool, typer.Option("--why", help="Show what speaks for each item.")] = False,
    dataset: asking.MovedOption = None,
    encoder: asking.EncoderOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    as_json: output.JsonOption = False,
    quiet: output.QuietOption = False,
) -> None:
    """Recommend items for a user, a list of items, or everybody.

    Uses the best checkpoint of the run. For a user of the dataset the held-out items that the
    history does not reach are marked, so that hits can be seen. Many lists (--all, --users, --histories)
    go to a file, --out; what was finished of a killed command is taken up by the same command. They read
    the whole history (--until test) unless told otherwise.
    """
    if many.processes > 1 and not many.everybody:
        raise InputError("--processes shares out everybody's lists: give --all, or leave it out")
    for_many = {"all": many.everybody or None, "users": many.users, "histories": many.histories}
    asking.one_of(user=user, history=history, **for_many)
    asking.require_users_end(until, history is None and many.histories is None)
    rules = narrowed.rules()
    if user is None and history is None:
        if why or text is not None or text_weight is not None:
            raise InputError("--why, --more and --text-weight are for one list: give --user or --history")
        until = until or "test"
        told = {"as_json": as_json, "quiet": quiet}
        recommend_many(run, runs_dir, dataset, many, k=k, until=until, rules=rules, **told)
        return
    if many.out is not None or many.dry_run:
        name = "--out" if many.out is not None else "--dry-run"
        raise InputError(f"{name} takes many lists: give --all, --users or --histories")
    asking.split_ids(history)
    with output.progress_display(quiet, asking.PATIENCE) as progress:
        explorer = asking.open_explorer(run, runs_dir, dataset, encoder, progress)
        found = explorer.recommend(
            user=user,
            history=asking.history_of(history, explorer),
            k=k,
            rules=rules,
            until=until or "valid",
            text=text,
            text_weight=text_weight,
            why=why,
        )
    if as_json:
        output.print_json(asdict(found))
    else:
        print_recommendations(found)


def print_recommendations(found: Recommendations) -> None:
    """A list of items as a table, then the ranks of the held-out items and the reasons."""
    rows = [
        (item.rank, item.item, item.title, item.score, "seen" if item.seen else "", item.held_out or "")
        for item in found.items
    ]
    output.print_table(["rank", "item", "title", "score", "seen", "held out"], rows)
    for note in found.notes:
        output.say(f"note: {note}")
    if not rows:
        output.say("no item is left; loosen a rule (--exclude-seen no shows what is in the history, too)")
    for part, item in found.held_out.items():
        output.tell(f"held-out {part} item {item.item} ({item.title}) has rank {item.rank}")
    for reason in (item.why for item in found.items if item.why is not None):
        output.tell()
        output.tell(f"{reason.title}")
        for effect in reason.history[:3]:
            change = "the only item" if effect.effect is None else f"{effect.effect:+.3f}"
            output.tell(f"  {change}  {effect.title}")
        if reason.count is not None:
            output.tell(f"  {_counted(reason.count)}")
        for neighbor in reason.neighbors[:3]:
            when = "bought it next" if neighbor.next else "bought it"
            output.tell(f"  neighbor {neighbor.user} {when} (similarity {neighbor.similarity:.3f})")


def _counted(count: HeldCount) -> str:
    """What of a score is by count, in one line."""
    said = f"{count.part:+.3f}  of its score, since the whole history holds it {counted(count.times, 'time')}"
    if count.effect is None:
        return said
    return f"{said} ({count.older} of them older than what the encoder reads, {count.effect:+.3f} each)"

"""`sracl cache`: what is kept so that it need not be computed or paid for again, and clearing it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sracl_core.cli import output
from sracl_core.cli.run_argument import RUNS_DIR, RunsDirOption

if TYPE_CHECKING:
    from sracl_core.pipeline.caches import Entry

app = typer.Typer(invoke_without_command=True)


@app.callback()
def show(
    context: typer.Context, runs_dir: RunsDirOption = RUNS_DIR, as_json: output.JsonOption = False
) -> None:
    """Show what the cache holds: text vectors, neighbor tables, answers of language models.

    "runs" counts those in --runs-dir that were made with it. They keep what they need themselves; what is
    in the cache saves the next run the time. SRACL_CACHE_DIR names another folder.
    """
    if context.invoked_subcommand is not None:
        return
    from sracl_core.files import cache_folder
    from sracl_core.pipeline.caches import cached

    _print(cached(runs_dir), as_json)
    if not as_json:
        output.say(f"in {cache_folder()}; `sracl cache clear` removes what no run in {runs_dir} needed")


@app.command()
def clear(
    runs_dir: RunsDirOption = RUNS_DIR,
    needed: Annotated[bool, typer.Option("--needed", help="Also what runs were made with.")] = False,
    answers: Annotated[bool, typer.Option("--answers", help="Also answers, which were paid for.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go; touch nothing.")] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Remove what no run in --runs-dir was made with; answers of language models stay unless --answers.

    What was written to in the last two minutes stays.
    """
    from sracl_core.pipeline import caches

    found = caches.cached(runs_dir)
    chosen = caches.to_clear(found, needed=needed, answers=answers)
    if in_use := sum(entry.in_use for entry in found):
        output.say(f"written to in the last two minutes, and so staying: {in_use} of {len(found)}")
    size = _size(sum(entry.bytes for entry in chosen))
    if dry_run if as_json else chosen:
        _print(chosen, as_json)
    if dry_run or not chosen:
        output.say(f"{size} would be freed" if chosen else "nothing to remove")
        return
    if not yes and not output.agreed(f"remove these, {size}?"):
        output.say("nothing was removed")
        return
    freed = caches.clear(chosen)
    if as_json:
        output.print_json({"removed": [str(entry.path) for entry in chosen], "bytes": freed})
    else:
        output.say(f"{_size(freed)} are free")


def _print(entries: Sequence[Entry], as_json: bool) -> None:
    if as_json:
        output.print_json([_told(entry) for entry in entries])
        return
    now = time.time()
    columns = ["what", "name", "entries", "size", "written", "runs", "path"]
    rows = [
        (
            entry.kind,
            entry.name,
            entry.entries,
            _size(entry.bytes),
            f"{output.duration(max(0.0, now - entry.changed))} ago",
            len(entry.runs),
            str(entry.path),
        )
        for entry in entries
    ]
    output.print_table(columns, rows)


def _told(entry: Entry) -> dict[str, Any]:
    return {**vars(entry), "in_use": entry.in_use}


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"

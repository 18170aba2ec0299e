"""`sracl runs compare LIVE TONIGHT --refreshed`: may tonight's model go live?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from sracl_core.cli import output
from sracl_core.errors import InputError

if TYPE_CHECKING:
    from sracl_core.runs.directory import RunDirectory


def compare_refreshed(runs: Sequence[RunDirectory], as_json: bool) -> None:
    """Print both runs on the later one's test events; exits with 1 where it may not go live."""
    if len(runs) != 2:
        raise InputError("--refreshed compares two runs: the one that is live, and tonight's")
    from sracl_core.studies import refreshed

    with output.progress_display() as progress:
        found = refreshed.compare_refreshed(runs[0], runs[1], progress)
    if as_json:
        output.print_json(found)
    else:
        rows = [
            [
                *(test["metric"], test["mask"]),
                *found["metrics"][test["mask"]][test["metric"]],
                *(test["difference"], test["p_value"], test["users"]),
            ]
            for test in found["paired"]
        ]
        output.print_table(["test", "seen items", "live", "tonight", "difference", "p", "users"], rows)
    if found["unknown_targets"]:
        output.say(
            f"{found['unknown_targets']:,} test items are not known to {found['runs'][0]}: it misses them"
        )
    verdict = "may" if found["may_go_live"] else "may not"
    output.say(f"{found['runs'][1]} {verdict} go live: {found['why']}")
    if not found["may_go_live"]:
        raise typer.Exit(1)

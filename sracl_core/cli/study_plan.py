"""`compare --dry-run` and `ablate --dry-run`: what is there of each run, and what would be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sracl_core.cli import output
from sracl_core.errors import InputError

if TYPE_CHECKING:
    from sracl_core.studies.planning import Wanted


SEEDS_HELP = "How many seeds (3), or which, by comma (1,2,3; one: 42,)."


def seeds_asked(text: str) -> int | list[int]:
    """What --seeds says, by the same rule for every command."""
    try:
        found = [int(part) for part in text.removesuffix(",").split(",")]
    except ValueError as error:
        raise InputError(
            f"--seeds '{text}' is neither a number nor a list; write 3 for three of them, 1,2,3 for these, "
            "or 42, for that one"
        ) from error
    return found if "," in text else found[0]


def print_plan(
    wanted: Mapping[str, Sequence[Wanted]],
    runs_dir: Path,
    as_json: bool,
    kind: str,
    trials: Mapping[str, str] | None = None,
) -> None:
    """A row a run; `kind` is what the names are of, `trials` what comes first, by name."""
    from sracl_core.studies.minutes import minutes_at_most
    from sracl_core.studies.planning import plan_runs

    planned = iter(plan_runs([one for some in wanted.values() for one in some], runs_dir))
    rows = []
    for name, some in wanted.items():
        of_name = [next(planned) for _ in some]
        minutes = minutes_at_most(of_name, runs_dir)
        for one, most in zip(of_name, minutes, strict=True):
            what = (trials or {}).get(name, one.left)
            run = one.run.name if one.run else None
            rows.append((name, one.config.training.seed, what, one.extent.steps, most, run))
    columns = (kind, "seed", "what", "steps at most", "minutes at most", "run")
    if as_json:
        output.print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    times = [None if row[4] is None else output.duration(60.0 * row[4]) for row in rows]
    shown = [(*row[:4], time, row[5]) for row, time in zip(rows, times, strict=True)]
    output.print_table([name.replace("minutes", "time") for name in columns], shown)
    known: list[Any] = [row[4] for row in rows if row[4] is not None]
    if len(known) == len(rows):
        output.say(f"at most {output.duration(60.0 * sum(known))} of training, one after the other")
    else:
        output.say("times are a budget, or measured here on this data before; - is unknown")

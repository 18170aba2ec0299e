"""`sracl runs board` as a table."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sracl_core.cli import output
from sracl_core.studies.leaderboard import BoardRow

MOST_SETTINGS = 6


def print_board(metric: str, rows: Sequence[BoardRow], marked: str) -> None:
    """The rows, best first; the marked one has a star."""
    names = list(dict.fromkeys(name for row in rows for name in row.settings))
    shown = names[:MOST_SETTINGS]
    against = ["difference", "p"] if marked else []
    columns = ["run", "seeds", "dataset", metric, *against, "trained", "made", *map(_short, shown)]
    notes = any(row.note for row in rows)
    output.print_table(
        [*columns, *(["note"] if notes else [])], [_cells(row, shown, marked, notes) for row in rows]
    )
    if len({row.dataset for row in rows}) > 1:
        output.say("several datasets: only rows of one compare")
    if marked:
        output.say("p: paired randomization test over users against *, two-sided, Holm-corrected over rows")
    if more := names[MOST_SETTINGS:]:
        output.say(f"{len(more)} more settings differ: {', '.join(more)}; --json has them")


def _cells(row: BoardRow, settings: Sequence[str], marked: str, notes: bool) -> list[object]:
    against = [
        "-" if row.difference is None else f"{row.difference:+.1%}",
        "-" if row.p_value is None else f"{row.p_value:.4f}",
    ]
    return [
        f"* {row.name}" if marked in row.runs else row.name,
        len(row.runs),
        row.dataset,
        _measured(row),
        *(against if marked else []),
        output.duration(row.seconds),
        time.strftime("%Y-%m-%d %H:%M", time.gmtime(row.created)),
        *(output.shown(row.settings.get(name)) for name in settings),
        *([row.note.partition("\n")[0][:40]] if notes else []),
    ]


def _measured(row: BoardRow) -> str:
    if row.value is None:
        return row.status
    spread = "" if row.deviation is None else f" ± {row.deviation:.4f}"
    return f"{row.value:.4f}{spread}{' v' if row.part == 'valid' else ''}"


def _short(name: str) -> str:
    return name.removeprefix("objectives.").removeprefix("training.").removeprefix("model.")

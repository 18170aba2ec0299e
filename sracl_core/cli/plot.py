"""`sracl runs plot`: runs as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sracl_core.cli import output
from sracl_core.cli.run_argument import RUNS_DIR, RunsDirOption, find_runs
from sracl_core.errors import InputError, nearest


def plot(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="One run or more, of one dataset.")],
    runs_dir: RunsDirOption = RUNS_DIR,
    what: Annotated[
        str, typer.Option("--what", help="Of curves, groups and tail, by comma.")
    ] = "curves,groups,tail",
    out: Annotated[Path, typer.Option("--out", help="The picture: .png, .svg or .pdf.")] = Path("runs.svg"),
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Let seen items compete.")] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Draw runs: validation against minutes, metrics by group, and the long tail.

    The last shows what share of the places in lists the most popular items have, beside what they have of
    the training interactions. Needs matplotlib: pip install 'sracl-tui[plots]'.
    """
    from sracl_core.studies.plots import KINDS
    from sracl_core.studies.plots import plot as drawn_into

    kinds = list(dict.fromkeys(part.strip() for part in what.split(",")))
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"there is nothing '{kind}' to draw{nearest(kind, KINDS)}")
    mask = "unmasked" if unmasked else "masked"
    drawn = drawn_into(find_runs(runs, runs_dir), kinds, out, mask)
    if as_json:
        output.print_json({"file": str(out), "drawn": drawn})
    else:
        output.tell(f"{out}: {', '.join(drawn)}")

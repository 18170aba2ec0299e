"""The run that a command is about, as an argument."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sracl_core.cli import completion
from sracl_core.runs import finding

if TYPE_CHECKING:
    from sracl_core.runs.directory import RunDirectory

RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Run directory, its name or the end of it, or 'last'.",
        autocompletion=completion.runs,
    ),
]
RunsArgument = Annotated[
    list[str],
    typer.Argument(metavar="RUN", help="One run or more.", autocompletion=completion.runs),
]
RunsDirOption = Annotated[
    Path, typer.Option("--runs-dir", envvar="SRACL_RUNS_DIR", help="Folder that holds the runs.")
]
RUNS_DIR = finding.RUNS_DIR


def find_run(text: str, runs_dir: Path = RUNS_DIR) -> RunDirectory:
    """The run that `text` names. Raises RunError where there is none, or several."""
    from sracl_core.runs.directory import open_run

    return open_run(finding.find_run(text, runs_dir))


def find_runs(texts: Sequence[str], runs_dir: Path = RUNS_DIR) -> list[RunDirectory]:
    """The runs that are named, each once. Raises RunError as `find_run`, InputError for one named twice."""
    from sracl_core.errors import InputError

    named: dict[Path, str] = {}
    runs = [find_run(text, runs_dir) for text in texts]
    for text, run in zip(texts, runs, strict=True):
        place = run.path.resolve()
        if place in named:
            raise InputError(
                f"'{named[place]}' and '{text}' are one run, {run.name}; name another, or leave one out"
            )
        named[place] = text
    return runs

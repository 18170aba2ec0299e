"""What the commands that ask a finished run have in common."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sracl_core.cli import output
from sracl_core.cli.run_argument import find_run
from sracl_core.errors import InputError, UnknownIdError

if TYPE_CHECKING:
    from sracl_core.explorer import Explorer
    from sracl_core.progress import Progress
    from sracl_core.service.reloading import Source

UserOption = Annotated[str | None, typer.Option("--user", help="A user of the run's dataset.")]
HistoryOption = Annotated[
    str | None,
    typer.Option(
        "--history",
        metavar="ID,ID,...",
        help="Item ids of anybody, oldest first; ids with commas in them as a JSON list.",
    ),
]
CountOption = Annotated[int, typer.Option("--k", "-k", min=1, help="How many.")]
MovedOption = Annotated[
    Path | None, typer.Option("--dataset", help="Where the run's dataset lies now, when it was moved.")
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="NAME",
        help="The run's sentence encoder, where somebody else's run names one that you trust.",
    ),
]
PATIENCE = 2.0
"""Seconds of a question without a sign of life."""
MANY_TEXTS = 100
"""Fewer are encoded in no time."""
ENDS = (
    "End of the user's history: train (before the validation item), valid (before the test item) or "
    "test (all of it); else valid"
)
UntilOption = Annotated[str | None, typer.Option("--until", help=f"{ENDS}.")]


def open_explorer(
    run: str,
    runs_dir: Path,
    dataset: Path | None,
    text_encoder: str | None = None,
    progress: Progress | None = None,
) -> Explorer:
    """The run that `run` names, ready to be asked."""
    directory = find_run(run, runs_dir)
    _one_thread()
    # After the run was found: a typing error should not cost the second that torch takes.
    from sracl_core.explorer import Explorer

    return Explorer.open(directory.path, dataset, text_encoder, progress)


def beginnings(quiet: bool = False) -> Progress:
    """A Progress for a command that answers until it is ended: a line as a stage first begins."""
    told = set[str]()

    def progress(stage: str, done: int, total: int) -> None:
        if not done and stage not in told and (stage != "embed" or total >= MANY_TEXTS):
            told.add(stage)
            said = stage if total == 1 else f"{stage}: {output.amount(stage, total)}"
            output.say(said, quiet)

    return progress


def source_of(what: str, runs_dir: Path, dataset: Path | None, progress: Progress) -> Source:
    """The export or the run that `what` names, for questions of one history at a time."""
    _one_thread()
    from sracl_core.service.exported import is_export
    from sracl_core.service.reloading import Source

    path = Path(what) if is_export(Path(what)) else find_run(what, runs_dir).path
    return Source(path, dataset, progress)


def one_of(**given: object) -> None:
    """Raises InputError unless exactly one of the options was given."""
    names = " or ".join(f"--{name}" for name in given)
    if sum(value is not None for value in given.values()) != 1:
        raise InputError(f"give one of {names}")


def require_users_end(until: str | None, of_users: bool) -> None:
    """Raises InputError for an end of a user's history where no user's is read."""
    if until is not None and not of_users:
        raise InputError(
            "--until ends the history of a user of the dataset, and none is asked for; leave it out"
        )


def _one_thread() -> None:
    # One short history at a time: threads gain nothing, and beside a training that holds the cores
    # they wait for each other (470 ms a question on Beauty, 26 ms with one thread). It takes effect
    # only before numpy and torch are loaded.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")


def split_ids(text: str | None) -> list[str] | None:
    """The ids of "a,b,c", or of a JSON list where they hold commas; None stays None.

    Raises InputError when there is none.

    >>> split_ids("a, b c"), split_ids('["a,b", " c"]')
    (['a', 'b c'], ['a,b', ' c'])
    """
    if text is None:
        return None
    if (listed := _json_list(text)) is not None:
        return listed
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if not ids:
        raise InputError("the history is empty; give item ids, oldest first, with commas between them")
    return ids


def history_of(text: str | None, explorer: Explorer) -> list[str] | None:
    """`split_ids`; an UnknownIdError for one that is not there says how ids with commas are given."""
    names = split_ids(text)
    if text is None or names is None or _json_list(text) is not None:
        return names
    try:
        for name in names:
            explorer.loaded.dataset.items.index(name)
    except UnknownIdError as error:
        if "," not in text and text == text.strip():
            raise
        said = 'ids that hold commas, or blanks at their ends, are given as --history \'["a,b", "c"]\''
        raise UnknownIdError(f"{error}; {said}") from error
    return names


def _json_list(text: str) -> list[str] | None:
    if not text.lstrip().startswith("["):
        return None
    import json

    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return listed if listed and all(isinstance(name, str) for name in listed) else None

"""How a person names a run: a path, a folder under runs/, the end of its name, or "last"."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sracl_core.errors import RunError, nearest

if TYPE_CHECKING:
    from sracl_core.runs.directory import RunDirectory

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="Run directory, its name or the end of it, or 'last'.")
]
RunsDirOption = Annotated[
    Path, typer.Option("--runs-dir", envvar="SRACL_RUNS_DIR", help="Folder that holds the runs.")
]
RUNS_DIR = Path("runs")


def find_run(text: str, runs_dir: Path = RUNS_DIR) -> RunDirectory:
    """The run that `text` names. Raises RunError where there is none, or several."""
    from sracl_core.runs.directory import open_run

    if Path(text).exists() or "/" in text:
        return open_run(text)
    names = sorted(path.parent.name for path in runs_dir.glob("*/meta.json"))
    if text == "last" and names:
        return open_run(
            runs_dir / max(names, key=lambda name: (runs_dir / name / "meta.json").stat().st_mtime)
        )
    ending = [name for name in names if name == text or name.endswith(f"-{text}")]
    if len(ending) == 1:
        return open_run(runs_dir / ending[0])
    if ending:
        raise RunError(
            f"'{text}' fits {len(ending)} runs in {runs_dir}: {', '.join(ending)}; name one in full"
        )
    short = {name.split("-", 2)[-1]: name for name in names}
    raise RunError(
        f"there is no run '{text}' here or in {runs_dir}{nearest(text, [*short, *names])}; "
        "`sracl runs list` shows the runs"
    )

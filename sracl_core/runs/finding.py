"""How a person names a run: a path, a folder among the runs, the end of its name, or "last"."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from sracl_core import disk
from sracl_core.errors import RunError, nearest

RUNS_DIR = Path("runs")
STAMPED = re.compile(r"\d{8}-\d{6}-")
"""What the name of a run's folder begins with."""


def run_folders(runs_dir: Path) -> list[Path]:
    """The folders in `runs_dir` that were made as runs, however damaged they may be by now, by name."""
    if not runs_dir.is_dir():
        return []
    # Names compare in a fraction of the time of paths, and a list is looked through again and again.
    return sorted((folder for folder in runs_dir.iterdir() if is_run(folder)), key=lambda folder: folder.name)


def is_run(folder: Path) -> bool:
    """Whether `folder` was made as a run; one that is being made is none yet.

    Of a folder that others keep to themselves its name tells.
    """
    try:
        made = stat.S_ISREG(os.stat(f"{folder}/meta.json").st_mode)  # noqa: PTH116
    except PermissionError:
        made = STAMPED.match(folder.name) is not None
    except (OSError, ValueError):
        return False
    return made and not disk.is_scratch(folder)


def find_run(text: str, runs_dir: Path = RUNS_DIR) -> Path:
    """The folder of the run that `text` names. Raises RunError where there is none, or several."""
    if text and (Path(text).exists() or "/" in text):
        return Path(text)
    names = [folder.name for folder in run_folders(runs_dir)]
    if text == "last" and names:
        return runs_dir / max(names, key=lambda name: _changed(runs_dir / name / "meta.json"))
    fitting = [name for name in names if name == text] or [
        name for name in names if name.endswith(f"-{text}")
    ]
    if len(fitting) == 1:
        return runs_dir / fitting[0]
    if fitting:
        raise RunError(
            f"'{text}' fits {len(fitting)} runs in {runs_dir}: {', '.join(fitting)}; name one in full"
        )
    short = {name.split("-", 2)[-1]: name for name in names}
    raise RunError(
        f"there is no run '{text}' here or in {runs_dir}{nearest(text, [*short, *names])}; "
        "`sracl runs list` shows the runs"
    )


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0

"""How a person names a run: a path, a folder among the runs, the end of its name, or "last"."""

from __future__ import annotations

from pathlib import Path

from sracl_core.errors import RunError, nearest

RUNS_DIR = Path("runs")


def find_run(text: str, runs_dir: Path = RUNS_DIR) -> Path:
    """The folder of the run that `text` names. Raises RunError where there is none, or several."""
    if text and (Path(text).exists() or "/" in text):
        return Path(text)
    names = sorted(path.parent.name for path in runs_dir.glob("*/meta.json"))
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

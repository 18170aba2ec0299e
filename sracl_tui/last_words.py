"""What is said when the dashboard itself fails: three lines, and a file for whoever mends it."""

from __future__ import annotations

import platform
import time
import traceback
from pathlib import Path

from sracl_core.errors import SraclError
from sracl_core.plain import plain


def report_file() -> Path:
    """Where the last failure is described."""
    import platformdirs

    return Path(platformdirs.user_log_dir("sracl", appauthor=False)) / "dashboard-failure.txt"


def last_words(error: BaseException) -> str:
    """What ended the dashboard, what goes on, and where the rest can be read."""
    said = plain(" ".join(str(error).split()))[:300]
    go_on = "trainings go on: they are processes of their own; `sracl-tui` shows them again"
    if isinstance(error, SraclError):
        return f"error: {said}\n{go_on}"
    path = report_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_report(error), encoding="utf-8", errors="replace")
        where = f"what happened is described in {plain(str(path))}; please report it"
    except OSError as problem:
        where = f"{plain(str(path))} cannot be written: {problem.strerror or problem}"
    return (
        f"error: the dashboard ended by a fault of its own: {type(error).__name__}: {said}\n{go_on}\n{where}"
    )


def _report(error: BaseException) -> str:
    import textual

    head = [
        time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        f"Python {platform.python_version()}, Textual {textual.__version__}, {platform.platform()}",
        "",
    ]
    return "\n".join([*head, *traceback.format_exception(error)])

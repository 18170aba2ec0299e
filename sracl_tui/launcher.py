"""The `sracl-tui` command: reads its arguments and starts the dashboard, or serves it as a page.

Nothing heavy is imported before the arguments are understood; the first screen is up in well
under a second.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from sracl_core.errors import ConfigError
from sracl_core.plain import plain

USAGE_ERROR = 2


def parser() -> argparse.ArgumentParser:
    """The arguments of `sracl-tui`."""
    made = argparse.ArgumentParser(
        prog="sracl-tui",
        description="Watch, start and explore SRA-CL runs in the terminal.",
        epilog="Inside: F1 to F4 change the screen, ? shows every key, ctrl+q quits.",
    )
    made.add_argument(
        "run",
        nargs="?",
        metavar="RUN",
        help="run to open at once: its directory, its name or the end of it, or 'last'",
    )
    made.add_argument(
        "--runs-dir",
        type=Path,
        default=Path(os.environ.get("SRACL_RUNS_DIR", "runs")),
        help="folder that holds the runs (default: runs)",
    )
    made.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get("SRACL_DATA_DIR", "data")),
        help="folder that holds the prepared datasets (default: data)",
    )
    made.add_argument("--web", action="store_true", help="serve the dashboard as a page on this machine")
    made.add_argument("--version", action="store_true", help="print the version and exit")
    made.add_argument("--port", type=int, default=8000, help="port of --web (default: 8000)")
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Run the dashboard and exit; the console script `sracl-tui`."""
    sys.exit(run(list(sys.argv[1:] if argv is None else argv)))


def run(argv: list[str]) -> int:
    """Run the dashboard on `argv` and return the exit code."""
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else USAGE_ERROR
    if arguments.version:
        from importlib.metadata import version

        print(f"sracl-tui {version('sracl-tui')}")
        return 0
    opened = None
    if arguments.run:
        opened = _find_run(arguments.run, arguments.runs_dir)
        if opened is None:
            return USAGE_ERROR
    if arguments.web:
        return _serve(arguments)
    # Textual draws on stderr, as terminals' own programs do.
    if not (sys.stdin.isatty() and sys.stderr.isatty()) and "TEXTUAL_DRIVER" not in os.environ:
        print("error: sracl-tui needs a terminal; `sracl runs list` prints the runs", file=sys.stderr)
        return USAGE_ERROR
    if "TEXTUAL_DRIVER" not in os.environ:
        # Exported by some shells, they would hold the size against every resize of the terminal.
        for name in ("COLUMNS", "LINES"):
            os.environ.pop(name, None)
    from sracl_tui.app import Dashboard

    try:
        _check_settings()
        dashboard = Dashboard(arguments.runs_dir, arguments.data_dir, opened)
    except ConfigError as error:
        print(f"error: {plain(str(error))}", file=sys.stderr)
        return USAGE_ERROR
    dashboard.run()
    if dashboard.last_words:
        print(dashboard.last_words, file=sys.stderr)
    return dashboard.return_code or 0


def _check_settings() -> None:
    """Raise ConfigError for a settings file or variable that is wrong, before the screen is taken.

    Where there is none nothing is loaded, which would take longer than all else until the first screen.
    """
    from sracl_core.settings.surroundings import any_settings

    if any_settings(os.environ):
        from sracl_core.settings.layers import load_config

        load_config()


def _find_run(text: str, runs_dir: Path) -> Path | None:
    """The run that `text` names, as every `sracl` command finds it."""
    from sracl_core.errors import RunError
    from sracl_core.runs.finding import find_run

    try:
        path = find_run(text, runs_dir)
        if not (path / "meta.json").is_file():
            raise RunError(f"{path} is not a run directory; `sracl runs list` shows the runs")
    except RunError as error:
        print(f"error: {plain(str(error))}", file=sys.stderr)
        return None
    return path


def _serve(arguments: argparse.Namespace) -> int:
    try:
        from sracl_tui.web import serve
    except ImportError:
        print("error: --web needs textual-serve; pip install 'sracl-tui[web]'", file=sys.stderr)
        return USAGE_ERROR
    words = [sys.executable, "-m", "sracl_tui.launcher"]
    words += ["--runs-dir", str(arguments.runs_dir), "--data-dir", str(arguments.data_dir)]
    words += [arguments.run] if arguments.run else []
    return serve(shlex.join(words), arguments.port)


if __name__ == "__main__":
    main()

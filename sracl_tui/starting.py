"""Starting, resuming and ending trainings from the dashboard, and learning what became of them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path
from typing import IO, Any

from textual.app import App

from sracl_core.errors import SraclError
from sracl_tui.commands import CommandError, ask, error_line, start_detached
from sracl_tui.session import Session

LOOK_SECONDS = 0.3


def start_run(app: App[Any], session: Session, arguments: list[str]) -> None:
    """Start ``sracl train ARGUMENTS``, show its run as soon as it exists, and its error if it ends first.

    While another training that was started here goes on, this one waits for it: two of them share a
    machine badly, and two presses of a key rarely mean it.
    """
    asked = tuple(arguments)
    if asked in session.started or asked in session.waiting:
        app.notify(
            "this very run is in training: F3 shows it; another seed, name or setting makes another one",
            severity="warning",
            title="not started twice",
        )
        return
    session.waiting.append(asked)
    if session.started:
        app.notify(f"it waits for the training before it; {len(session.waiting)} in all", timeout=6)
        session.tell_runs()
    else:
        _start_next(app, session, follow=True)


def _start_next(app: App[Any], session: Session, follow: bool) -> None:
    """Start what has waited longest. follow: whether the person is shown it."""
    if session.started or not session.waiting:
        return
    asked = session.waiting.pop(0)
    session.tell_runs()
    known = {line.path for line in session.runs or ()}
    words = ["train", *asked, "--runs-dir", str(session.runs_dir)]
    _start(app, session, words, None, known, asked, follow)


def resume_run(app: App[Any], session: Session, path: Path) -> None:
    """Start ``sracl resume``, and show its error if it cannot go on."""
    session.killed.discard(path)
    _start(app, session, ["resume", str(path)], path, set(), (str(path),))


def stop_run(app: App[Any], session: Session, path: Path) -> None:
    """Ask a run for a checkpoint and an end."""

    async def stop() -> None:
        app.notify("asked to checkpoint and stop")
        try:
            await ask("stop", str(path), "--wait", "0")
        except CommandError as error:
            app.notify(str(error), severity="error", title="not stopped")
        session.look()

    app.run_worker(stop(), group="stop", exit_on_error=False)


def kill_run(app: App[Any], session: Session, path: Path) -> None:
    """End the process of a run at once, without a checkpoint."""
    from sracl_core.runs.directory import RunDirectory
    from sracl_core.runs.signaling import send

    session.killed.add(path)
    try:
        send(RunDirectory(path), signal.SIGKILL)
    except SraclError as error:
        session.killed.discard(path)
        app.notify(str(error), severity="error", title="not killed")
    session.look()


def _start(
    app: App[Any],
    session: Session,
    arguments: list[str],
    path: Path | None,
    known: set[Path],
    asked: tuple[str, ...],
    follow: bool = True,
) -> None:
    try:
        process, output = start_detached(arguments)
    except CommandError as error:
        app.notify(str(error), severity="error", title="not started", timeout=10)
        return
    session.started.add(asked)
    session.silent.add(asked)
    session.refused = ""
    session.tell_runs()
    app.notify("starting; the first sign of life takes some seconds", timeout=4)
    app.run_worker(
        _attend(app, session, process, output, path, known, asked, follow),
        group=f"start-{process.pid}",
        exit_on_error=False,
    )


async def _attend(
    app: App[Any],
    session: Session,
    process: subprocess.Popen[bytes],
    output: IO[bytes],
    path: Path | None,
    known: set[Path],
    asked: tuple[str, ...],
    follow: bool,
) -> None:
    """Wait until the process has a run that is alive, then until it ends; report an early end."""
    shown, found = False, path
    while process.poll() is None:
        found = path or await asyncio.to_thread(_run_of, session.runs_dir, process.pid, known)
        if found is not None and not shown:
            shown = True
            session.silent.discard(asked)
            session.look()
            session.tell_runs()
            if follow:
                session.choose_run(found)
            if follow and len(app.screen_stack) == 1:
                app.switch_mode("train")
        await asyncio.sleep(LOOK_SECONDS if not shown else 1.0)
    session.started.discard(asked)
    session.silent.discard(asked)
    session.look()
    if process.returncode not in (0, 129, 130, 143, -15) and found not in session.killed:
        output.seek(0)
        text = await asyncio.to_thread(output.read)
        said = error_line(text.decode("utf-8", "replace"), process.returncode)
        session.refused = "" if shown else said
        app.notify(
            said,
            severity="error",
            title="the training ended" if shown else "the training could not start",
            timeout=15,
        )
    output.close()
    session.tell_runs()
    _start_next(app, session, follow=False)


def _run_of(runs_dir: Path, pid: int, known: set[Path]) -> Path | None:
    """The run directory that the process `pid` has made."""
    from sracl_core.files import read_json
    from sracl_core.runs.finding import is_run

    try:
        folders = [folder for folder in runs_dir.iterdir() if folder not in known]
    except OSError:
        return None
    for folder in folders:
        if is_run(folder) and (read_json(folder / "state.json") or {}).get("pid") == pid:
            return folder
    return None

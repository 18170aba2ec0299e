"""A file in the person's own editor, in the terminal that the dashboard steps back from."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported


class EditorError(Exception):
    """The editor cannot be started here, or what it wrote is not wanted."""


def edit(app: App[Any], path: Path) -> None:
    """Wait until the person has left the editor. Raises EditorError."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    problem, code = "", 0
    try:
        words = shlex.split(editor)
        with app.suspend():
            # An error that leaves the block would leave the terminal to nobody.
            try:
                code = subprocess.run([*words, str(path)], check=False).returncode
            except (OSError, ValueError) as error:
                problem = getattr(error, "strerror", None) or str(error)
    except (SuspendNotSupported, ValueError) as error:
        problem = str(error) or "this terminal cannot be handed over"
    if problem:
        raise EditorError(f"the editor {editor} cannot be started: {problem}; $EDITOR names another")
    if code:  # as of vim's :cq, which throws away what was written
        raise EditorError(f"the editor {editor} ended with code {code}, so that nothing is taken over")

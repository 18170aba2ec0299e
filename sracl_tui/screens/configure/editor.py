"""A file in the person's own editor, in the terminal that the dashboard steps back from."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported


class EditorError(Exception):
    """There is no editor, or it cannot be started here."""


def edit(app: App[Any], path: Path) -> None:
    """Wait until the person has left the editor. Raises EditorError."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise EditorError("neither $VISUAL nor $EDITOR names an editor")
    try:
        with app.suspend():
            subprocess.run([*shlex.split(editor), str(path)], check=False)
    except (SuspendNotSupported, OSError, ValueError) as error:
        raise EditorError(f"{editor} cannot be started here: {error}") from error

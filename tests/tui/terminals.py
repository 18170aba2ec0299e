"""The dashboard in a real terminal: tmux starts it, types, and reads the screen."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMALL_MODEL = {
    "SRACL_MODEL__HIDDEN_SIZE": "16",
    "SRACL_MODEL__LAYERS": "1",
    "SRACL_MODEL__INNER_SIZE": "32",
    "SRACL_RETRIEVAL__K": "4",
    "SRACL_OBJECTIVES__SRACL__NEIGHBORS_PER_STEP": "1",
    "SRACL_TRAINING__BATCH_SIZE": "256",
    "SRACL_TRAINING__THREADS": "1",
}
"""So that an epoch of the sample is a matter of a second or two."""
TMUX = shutil.which("tmux")
SECONDS = 240.0


class Terminal:
    """A tmux server of its own, so that no setting of the person's takes part."""

    def __init__(self, folder: Path, columns: int = 120, rows: int = 40) -> None:
        self.folder = folder
        # A socket's path must be short, a test's folder is not.
        self._tmux = [str(TMUX), "-L", f"sracl-{os.getpid()}-{id(self)}", "-f", "/dev/null"]
        self._size = ("-x", str(columns), "-y", str(rows))

    def start(self, *arguments: str, **environment: str) -> None:
        """Run ``sracl-tui ARGUMENTS`` in `folder`."""
        settings = {**own_environment(self.folder), **environment}
        words = ["env", *(f"{name}={value}" for name, value in settings.items())]
        words += [sys.executable, "-m", "sracl_tui.launcher", *arguments]
        # The shell behind it keeps the screen when the dashboard ends.
        command = f"{shlex.join(words)}; echo ended with $?; exec sleep 600"
        self._run("new-session", "-d", "-s", "dashboard", *self._size, "-c", str(self.folder), command)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names, e.g. "Enter", "F5", "Tab"."""
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type `text` as it is."""
        self._run("send-keys", "-l", text)

    def screen(self) -> str:
        """What the terminal shows, a line a row."""
        return self._run("capture-pane", "-p")

    def cursor_row(self) -> str:
        """The line that holds the cursor, where typing goes."""
        row = int(self._run("display-message", "-p", "#{cursor_y}"))
        return self.screen().splitlines()[row]

    def until(self, *texts: str, seconds: float = SECONDS) -> str:
        """Wait until all of `texts` stand on the screen, and return it."""
        return self.wait(lambda screen: all(text in screen for text in texts), str(texts), seconds)

    def wait(self, what: Callable[[str], bool], words: str, seconds: float = SECONDS) -> str:
        """Wait until `what` holds of the screen, and return it."""
        end = time.monotonic() + seconds
        while not what(screen := self.screen()):
            assert time.monotonic() < end, f"did not come true in {seconds} s: {words}\n{screen}"
            time.sleep(0.2)
        return screen

    def pid(self) -> int:
        """The process of the dashboard."""
        shell = self._run("display-message", "-p", "#{pane_pid}").strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(children[0])

    def close(self) -> None:
        """Close the terminal window: what runs in it gets SIGHUP."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)

    def _run(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], capture_output=True, text=True, check=True).stdout


def own_environment(folder: Path) -> dict[str, str]:
    """Settings and caches below `folder`, a small model, one thread, a terminal with all colors."""
    places = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "CACHE", "DATA")}
    return {
        **places,
        **SMALL_MODEL,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
    }

"""Makes the pictures of the dashboard from a real run, by pressing the keys that a person presses:

    python docs/pictures/make.py RUN --runs-dir runs --data-dir data --user amber-badger

Call it where the folders lie, so that the pictures show relative paths. With two runs or more the
comparison is drawn too.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from sracl_tui.app import Dashboard
from sracl_tui.preferences import Preferences

SIZE = (120, 36)
PATIENCE = 600.0


class Photographer:
    """Presses keys, waits for words on the screen, writes SVG."""

    def __init__(self, pilot: Pilot[Any], out: Path) -> None:
        self.pilot = pilot
        self.out = out

    @property
    def screen(self) -> str:
        """What is drawn, as text."""
        strips = self.pilot.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    async def wait(self, *words: str, without: str = "\0") -> None:
        """Until all `words` stand on the screen, and `without` does not."""
        await self.until(lambda: all(word in self.screen for word in words) and without not in self.screen)

    async def until(self, what: Callable[[], Any]) -> None:
        """Until `what` is true."""
        end = time.monotonic() + PATIENCE
        while not what():
            if time.monotonic() > end:
                raise SystemExit(f"waited in vain for {PATIENCE:.0f} s; the screen shows\n{self.screen}")
            await asyncio.sleep(0.1)

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        await self.pilot.press(*keys)

    async def take(self, name: str) -> None:
        """Write the screen as ``name.svg``."""
        await self.pilot.pause(1.0)
        path = self.out / f"{name}.svg"
        path.write_text(self.pilot.app.export_screenshot(title="sracl-tui"), encoding="utf-8")
        print(f"{path}: {path.stat().st_size // 1024} kB")


async def photograph(app: Dashboard, out: Path, user: str, text: str) -> None:
    """All the pictures."""
    async with app.run_test(size=SIZE) as pilot:
        one = Photographer(pilot, out)
        await one.until(lambda: app.session.runs)
        await one.press("f1")
        await one.wait("Preview", without="reading")
        await one.take("data")
        await one.press("f2")
        await one.wait("Configure", "sracl train", "prefixes")
        await one.take("configure")
        await one.press("f3")
        await one.wait("finished", "NDCG")
        await one.take("train")
        await explore(one, app, user, text)
        await one.press("question_mark")
        await one.wait("Keys")
        await one.take("help")


async def explore(one: Photographer, app: Dashboard, user: str, text: str) -> None:
    """The pictures of Explore."""
    await one.press("f4")
    await one.wait("users ·")
    await one.until(lambda: app.screen.focused is not None)
    await one.press(*user, "enter")
    await one.wait("answered in", "score lost")
    await one.take("explore")
    await one.press("f", *text, "enter")
    await one.wait("steered", "exact search,", "answered in", "score lost")
    await one.press("f", "enter")  # Once more: the first text loads the text encoder.
    await one.wait("steered", "exact search,", "answered in", without="searching;")
    await one.take("explore-text")
    await one.press("f", "ctrl+u", "enter")
    if len(app.session.runs or ()) > 1:
        await one.press("c")
        await one.wait("Compare with")
        await one.press("enter")
        await one.wait(" in both")
        await one.take("explore-compare")
        await one.press("c")
    await one.press("v")
    await one.wait("Map of the items", "items shown", "enter opens")
    await one.take("explore-map")
    await one.press("escape")


def main() -> None:
    """Read the arguments, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"))
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--user", required=True)
    parser.add_argument("--text", default="a quiet evening with tea")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        preferences = Preferences(Path(folder) / "dashboard.json")
        app = Dashboard(chosen.runs_dir, chosen.data_dir, chosen.run, preferences)
        asyncio.run(photograph(app, chosen.out, chosen.user, chosen.text))


if __name__ == "__main__":
    main()

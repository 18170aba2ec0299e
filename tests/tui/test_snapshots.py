"""What the main screens draw of the recorded run, character by character.

`SRACL_SNAPSHOTS=write pytest tests/tui/test_snapshots.py` writes tests/tui/snapshots/ anew; read the
difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tui.dashboards import SIZES, dashboard, drawn, shows, until

pytestmark = pytest.mark.usefixtures("told", "dataset", "frozen")
SNAPSHOTS = Path(__file__).parent / "snapshots"
SCREENS = {
    "data": ("f1", ("✓ ready", "Overview")),
    "configure": ("f2", ("sracl train",)),
    "train": ("f3", ("✓ finished",)),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", SCREENS)
async def test_the_screen_reads_as_before(
    screen: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, there = SCREENS[screen]
    app = dashboard(Path())
    async with app.run_test(size=size) as pilot:
        await until(
            pilot, lambda: app.session.runs is not None and app.session.current in app.session.snapshots
        )
        await pilot.press(key)
        await until(pilot, shows(app, *there, "^q"))
        await until(pilot, lambda: "reading…" not in drawn(app) and "measuring" not in drawn(app))
        await _settled(pilot, app)
        text = "\n".join(line.rstrip() for line in drawn(app).splitlines()) + "\n"
    path = SNAPSHOTS / f"{screen}-{size[0]}x{size[1]}.txt"
    if os.environ.get("SRACL_SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


async def _settled(pilot: object, app: object) -> None:
    """Wait until the screen has stood still for a while."""
    seen: list[str] = []

    def still() -> bool:
        seen.append(drawn(app))
        return len(seen) > 8 and len(set(seen[-8:])) == 1

    await until(pilot, still)  # type: ignore[arg-type]

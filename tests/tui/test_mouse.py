"""From nothing to recommendations by mouse alone: the real app, the real commands, no key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from sracl_tui.app import Dashboard
from sracl_tui.preferences import Preferences
from tests.trained import Shop
from tests.tui.dashboards import drawn, shows, until
from tests.tui.terminals import SMALL_MODEL

SECONDS = 240.0


@pytest.mark.timeout(900)
async def test_from_nothing_to_recommendations(
    tmp_path: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**SMALL_MODEL, "SRACL_TRAINING__MAX_EPOCHS": "1"}
    for name, value in {**settings, "SRACL_CACHE_DIR": str(shop.base / "cache")}.items():
        monkeypatch.setenv(name, value)
    app = Dashboard(Path("runs"), Path("data"), None, Preferences(tmp_path / "dashboard.json"))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, shows(app, "● to prepare"), SECONDS)
        await click(pilot, "● to prepare")
        await until(pilot, shows(app, "✓ ready", "11,265"), SECONDS)
        await click(pilot, "✓ ready")
        await until(pilot, shows(app, "$ sracl train data/sample"), SECONDS)
        await click(pilot, "Run (F5)")
        await until(pilot, shows(app, "✓ finished", "epoch 1 of 1", "test unmasked NDCG@20"), SECONDS)
        await click(pilot, "F4 Explore")
        await until(pilot, shows(app, "1,200 users"), SECONDS)
        await click(pilot, "type a part of the id")
        await until(pilot, shows(app, "amber-badger"), SECONDS)
        await click(pilot, "amber-badger")
        await until(pilot, shows(app, "answered in", "Recommend"), SECONDS)


async def click(pilot: Pilot[Any], text: str) -> None:
    """Click where `text` stands on the screen."""
    for row, line in enumerate(drawn(pilot.app).splitlines()):
        if text in line:
            await pilot.click(offset=(line.index(text) + 1, row))
            return
    raise AssertionError(f"{text!r} is not on the screen:\n{drawn(pilot.app)}")

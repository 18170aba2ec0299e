"""The theme key, and the theme that it leaves behind."""

from __future__ import annotations

from pathlib import Path

from sracl_tui.themes import CYCLE
from tests.tui.dashboards import dashboard


async def test_the_theme_key_goes_round_every_theme_and_is_remembered(tmp_path: Path) -> None:
    app = dashboard(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        met = []
        for _ in CYCLE:
            await pilot.press("t")
            met.append(app.theme)
        assert set(met) == set(CYCLE)
        assert app.theme == CYCLE[0]
        await pilot.press("t", "t")
    assert dashboard(tmp_path).session.preferences["theme"] == CYCLE[2]

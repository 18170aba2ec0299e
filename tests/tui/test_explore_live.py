"""Explore on a run that was just trained on the sample, asked through the real explorer process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.widgets import Input

from sracl_tui.app import Dashboard
from sracl_tui.preferences import Preferences
from tests.trained import Shop
from tests.tui.dashboards import drawn, shows, until

USER = "amber-badger"


async def test_the_screen_says_what_the_command_line_says(
    tmp_path: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRACL_CACHE_DIR", str(shop.base / "cache"))
    asked = ["--user", USER, "--json"]
    told = json.loads(shop.sracl("recommend", shop.run, *asked, "-k", "20").stdout)
    all_of_it = ["--until", "test", "--exclude-seen", "no", "-k", "20"]
    everything = json.loads(shop.sracl("recommend", shop.run, *asked, *all_of_it).stdout)
    near = json.loads(shop.sracl("neighbors", shop.run, *asked).stdout)["neighbors"]
    app = Dashboard(shop.runs, tmp_path / "data", shop.run, Preferences(tmp_path / "dashboard.json"))
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await pilot.press("f4")
        await until(pilot, shows(app, "▸ loading"), 120)
        await until(pilot, shows(app, "amber-badger"), 240)
        await pilot.press(*USER, "enter")
        await until(
            pilot,
            shows(app, "1,200 users", "exact search", "answered in", "score lost without this purchase"),
            120,
        )
        for place, item in enumerate(told["items"][:5], start=1):
            mark = "★ " if item["held_out"] else ""
            await until(pilot, shows(app, f"{place:>3} {mark}{item['title'][:20]}", f"{item['score']:.3f}"))
        await until(pilot, shows(app, near[0]["user"], f"{near[0]['similarity']:.3f}"))
        rank = told["held_out"]["test"]["rank"]
        await until(pilot, shows(app, f"★ test: {'hit' if rank <= 20 else 'miss'}, rank {rank:,}"))
        await pilot.press("u", "i")
        await until(pilot, shows(app, "u: everything", "also bought before"), 120)
        for place, item in enumerate(everything["items"][:5], start=1):
            await until(pilot, shows(app, f"{place:>3} {item['title'][:20]}", f"{item['score']:.3f}"))
        marked = drawn(app).replace("also bought before", "").count("bought before")
        assert marked >= sum(item["seen"] for item in everything["items"][:5])
        await pilot.press("f", *"a tent in the mountains", "enter")
        await until(pilot, shows(app, "steered 0.5 by", "exact search,"), 240)
        assert app.screen.query_one("#text", Input).value == "a tent in the mountains"
        chosen = await until(pilot, lambda: app.screen.board.chosen()["text_similarity"], 120)
        await until(pilot, shows(app, f"text {chosen:.2f}"))

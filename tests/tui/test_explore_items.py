"""The item card, the map and the orders of users, on recorded answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from sracl_tui.preferences import Preferences
from sracl_tui.screens.explore.alignment import aligned, in_common
from sracl_tui.screens.explore.map import MapScreen
from sracl_tui.screens.explore.map_plot import MapPlot
from sracl_tui.widgets.row_list import RowList
from tests.tui.dashboards import dashboard, drawn, shows, until
from tests.tui.test_explore import HIT, MISS, TOLD, WIDE, opened, ready

pytestmark = pytest.mark.usefixtures("told")
CARD = TOLD["item"]


def listening(app: Any) -> list[dict[str, Any]]:
    """Every question to the explorer from now on."""
    asked: list[dict[str, Any]] = []
    ask = app.screen.client.ask

    async def listened(op: str, **arguments: Any) -> Any:
        asked.append({"op": op, **arguments})
        return await ask(op, **arguments)

    app.screen.client.ask = listened
    return asked


@pytest.mark.parametrize("size", [(160, 48), (100, 30), (80, 24)])
async def test_the_card_has_the_item(tmp_path: Path, frozen: Path, size: tuple[int, int]) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=size) as pilot:
        await opened(app, pilot)
        asked = listening(app)
        app.screen.board.go("recommended")
        await pilot.press("enter")
        await until(pilot, shows(app, CARD["item"]["title"], "brand", dict(CARD["attributes"])["brand"]))
        await until(pilot, lambda: app.focused is not None and app.focused.id == "by-text-rows")
        if size[0] > 100:
            held = CARD["popularity"]
            await until(pilot, shows(app, f"rank {held['rank']} of 399", "of the long tail", "●"))
            await until(pilot, shows(app, "Near by text", CARD["by_text"][0]["title"], "Near by the model"))
            await until(pilot, shows(app, CARD["by_model"][0]["title"], CARD["users"][0]["user"]))
            await until(pilot, shows(app, CARD["followed_by"][0]["title"], CARD["text"][:40]))
        await pilot.press("enter")
        await until(pilot, lambda: [one["item"] for one in asked[-1:]] == [CARD["by_text"][0]["item"]])
        await pilot.press("backspace")
        await until(pilot, lambda: asked[-1]["item"] == asked[0]["item"])
        await pilot.press("tab", "tab", "tab")
        await until(pilot, lambda: app.focused.id == "users-rows")
        await until(pilot, shows(app, CARD["users"][0]["user"][:8], "★ valid"))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.screen_stack[0])


@pytest.mark.parametrize("size", [(120, 30), (100, 30), (80, 24)])
async def test_the_map_shows_finds_and_opens(tmp_path: Path, frozen: Path, size: tuple[int, int]) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=size) as pilot:
        await opened(app, pilot)
        asked = listening(app)
        await pilot.press("v")
        await until(pilot, shows(app, "Map of the items by text", "399 items shown", "★", "◆", "⣿ Aquariums"))
        await until(pilot, shows(app, TOLD["items_at"]["items"][0]["title"], "enter opens", "←→↑↓ Move"))
        first = asked[0]
        plot = app.screen.query_one(MapPlot)
        assert (first["columns"], first["rows"]) == tuple(plot.size)
        assert {item["item"] for item in TOLD["recommend"]["items"]} <= set(first["places_of"])
        await pilot.press("plus")
        await until(pilot, lambda: asked[-2]["op"] == "item_map" and asked[-2]["window"])
        left, right, bottom, top = asked[-2]["window"]
        whole = TOLD["item_map"]["window"]
        assert right - left == pytest.approx(0.6 * (whole[1] - whole[0]))
        assert top - bottom == pytest.approx(0.6 * (whole[3] - whole[2]))
        for key, name, value in (("v", "space", "model"), ("c", "color", "brand"), ("u", "layout", "umap")):
            await pilot.press(key)
            await until(pilot, lambda n=name, v=value: any(one.get(n) == v for one in asked))
            assert app.screen._here["item"] in asked[-1].get("places_of", [app.screen._here["item"]])
        await pilot.press("slash", *"tea", "enter")
        await until(pilot, lambda: [one for one in asked if one["op"] == "items" and one["prefix"] == "tea"])
        await until(pilot, lambda: app.focused is plot)
        await pilot.click("#map-plot", offset=(3, 3))
        await until(pilot, lambda: plot.cursor == (3, 3))
        await until(pilot, lambda: isinstance(app.screen, MapScreen) and app.screen._here)
        await pilot.click("#map-plot", offset=(3, 3))
        await until(pilot, shows(app, "Near by text"))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is app.screen_stack[0])


async def test_users_in_another_order_and_the_next_miss(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await opened(app, pilot)
        asked = listening(app)
        await pilot.press("s")
        await until(pilot, shows(app, "worst rank first", f"rank {TOLD['users']['users'][0]['rank']} "))
        assert (asked[-1]["order"], asked[-1]["reverse"], asked[-1]["prefix"]) == ("rank", True, "")
        assert isinstance(app.focused, Input)
        await until(pilot, lambda: "F6 Sort" in drawn(app).splitlines()[-1])
        assert "/ User" not in drawn(app).splitlines()[-1], "no letter is a key while it is typed"
        await pilot.press("f6", "f6")
        await until(pilot, shows(app, "longest history first"))
        await pilot.press("escape", "m")
        await until(pilot, lambda: app.screen.query_one("#user", Input).value == MISS)
        went = next(one for one in asked if one["op"] == "next_user")
        assert {
            "kind": "miss",
            "after": HIT,
            "k": 20,
            "order": "length",
            "masked": True,
        }.items() <= went.items()
        await pilot.press("r")
        await until(pilot, lambda: [one for one in asked if one.get("kind") == "any"])
        assert [one for one in asked if one["op"] == "next_user"][-1]["order"] == "random"


async def test_a_steered_list_opens_at_its_top_and_says_what_moved(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await opened(app, pilot)
        app.screen.board.go("recommended")
        await pilot.press("end")
        await pilot.press("f", *"kitchen", "enter")
        await until(pilot, shows(app, "▲▼ vs the history alone"))
        rows = app.screen.query_one("#recommended-rows", RowList)
        assert rows.highlighted == 0
        best = TOLD["recommend_text"]["items"][0]
        gone = TOLD["ranking"][best["item"]] - best["rank"]
        assert f"▲{gone}" in drawn(app)
        await pilot.press("left", "enter")
        await until(pilot, shows(app, f"{HIT}  ›"))
        assert rows.highlighted == 0


async def test_a_weight_of_zero_is_not_remembered(tmp_path: Path, frozen: Path) -> None:
    Preferences(tmp_path / "dashboard.json").set("text_weight", 0.0)
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await ready(app, pilot)
        await pilot.press("escape")
        await until(pilot, shows(app, "text 0.5"))
        await pilot.press("[", "[", "[", "[")
        await until(pilot, shows(app, "text 0.1"))
        await pilot.press("[")
        await until(pilot, shows(app, "text 0.0"))
        assert Preferences(tmp_path / "dashboard.json")["text_weight"] == 0.1
        await pilot.press("f", *"kitchen", "enter")
        await until(pilot, shows(app, "text 0.1"))


def test_two_lists_stand_row_by_row() -> None:
    def listed(*names: str) -> dict[str, Any]:
        items = [
            {"item": name, "title": name.upper(), "rank": rank, "score": 1.0 / rank}
            for rank, name in enumerate(names, start=1)
        ]
        return {"items": items}

    first, second = listed("a", "b", "c"), listed("c", "d", "a")
    missed = [{"item": "h", "title": "H", "rank": 9, "score": None, "held_out": "test", "why": None}]
    here, there = {"a": 1, "b": 2, "c": 3, "d": 7, "h": 9}, {"c": 1, "d": 2, "a": 3, "b": 40, "h": 5}
    left, right = aligned(first, missed, second, here, there, by_second=False)
    assert [name for name, _ in left] == [name for name, _ in right] == ["a", "b", "c", "d", "h"]
    told = [" ".join(line.plain.split("\n")[0].split()) for _, line in right]
    assert told == ["3 A ▼2", "40 B ▼38", "1 C ▲2", "2 D ▲5", "5 ★ H ▲4"]
    assert [line.plain.split()[0] for _, line in left] == ["1", "2", "3", "7", "9"]
    assert "not in this list" in left[3][1].plain
    other, _ = aligned(first, missed, second, here, there, by_second=True)
    assert [name for name, _ in other] == ["c", "d", "a", "b", "h"]
    assert in_common(first, second) == "2 in both"

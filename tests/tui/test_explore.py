"""Explore on recorded answers: what a person reads off the screen, and what the keys do."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from sracl_core.files import read_json, write_json
from sracl_tui import commands
from sracl_tui.app import Dashboard
from sracl_tui.preferences import Preferences
from sracl_tui.widgets.row_list import RowList
from tests.tui.dashboards import FIXTURES, SIZES, dashboard, drawn, new_run, recorded, shows, until

TOLD = json.loads((FIXTURES / "answers.json").read_text(encoding="utf-8"))
HIT, MISS = TOLD["known"][:2]
WIDE = (120, 40)

pytestmark = pytest.mark.usefixtures("told")


async def ready(app: Dashboard, pilot: Pilot[Any]) -> None:
    """Explore, with its explorer loaded."""
    await pilot.press("f4")
    await until(pilot, lambda: app.screen.client.state == "ready")
    await until(pilot, lambda: app.screen.focused.id == "user")


async def opened(app: Dashboard, pilot: Pilot[Any], user: str = HIT) -> None:
    """Explore, at `user`."""
    await ready(app, pilot)
    await pilot.press(*user, "enter")
    await until(pilot, lambda: app.screen.board.chosen()["why"])
    await until(pilot, shows(app, user))


async def turned(app: Dashboard, pilot: Pilot[Any], name: str) -> None:
    """Go right until the panel `name` is reached."""
    for _ in range(6):
        if app.screen.board.at == name:
            return
        await pilot.press("right")
    raise AssertionError(f"{name} cannot be reached by the arrow keys")


def first_words(title: str) -> str:
    """What is left of a title however narrow its column is."""
    return title[:12]


@pytest.mark.parametrize("size", SIZES)
async def test_a_person_types_a_user_and_reads_the_answers(
    tmp_path: Path, frozen: Path, size: tuple[int, int]
) -> None:
    app = dashboard(tmp_path, frozen)
    history, near, found = TOLD["history"], TOLD["neighbors_of_user"], TOLD["recommend"]
    async with app.run_test(notifications=True, size=size) as pilot:
        await ready(app, pilot)
        await pilot.press(*HIT[:7])
        await until(pilot, shows(app, f"{HIT} ", " items"))
        await pilot.press("backspace", *HIT[6:], "enter")
        await until(pilot, lambda: app.screen.board.chosen()["why"])
        await turned(app, pilot, "history")
        await until(pilot, shows(app, "★ ", first_words(history["items"][-2]["title"])))
        await turned(app, pilot, "neighbors")
        first = near["neighbors"][0]
        await until(pilot, shows(app, first["user"], f"{first['similarity']:.3f} w {first['weight']:3.0%}"))
        await until(pilot, shows(app, f"{len(first['shared'])} shared  next {first['next']['title']}"[:21]))
        await turned(app, pilot, "recommended")
        best = found["items"][0]
        await until(pilot, shows(app, f"  1 {'★ ' if best['held_out'] else ''}{first_words(best['title'])}"))
        await until(pilot, shows(app, f"{best['score']:.3f}", "hit, rank"))
        await turned(app, pilot, "why")
        strongest = best["why"]["history"][0]
        await until(pilot, shows(app, "score lost without", f"+{strongest['effect']:.2f}"))
        await until(pilot, shows(app, first_words(strongest["title"])))


async def test_the_wide_screen_says_all_of_it_at_once(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await opened(app, pilot)
        await until(pilot, shows(app, "1,200 users", "399 items", "exact search", "answered in 10 ms"))
        await until(pilot, shows(app, "u: all but test · = shared", "◆ bought it · w weight"))
        assert app.screen.board.region.width == app.size.width
        await until(pilot, shows(app, first_words(TOLD["history"]["profile"])))
        bought = TOLD["recommend"]["items"][0]["why"]["neighbors"]
        await until(
            pilot,
            shows(
                app,
                f"◆ {bought[0]['user']}",
                f"{len(bought)} near neighbor{'s' * (len(bought) != 1)} bought it",
            ),
        )
        await pilot.press("p")
        await until(pilot, shows(app, "profile, from titles", "esc closes"))
        await pilot.press("escape")


async def test_enter_walks_to_a_neighbor_and_backspace_comes_back(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    friend = TOLD["neighbors_of_user"]["neighbors"][1]["user"]
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await opened(app, pilot)
        await pilot.press("left", "down", "enter")
        await until(pilot, shows(app, f"{HIT}  ›  {friend}"))
        assert app.screen.query_one("#user", Input).value == friend
        await pilot.press("backspace")
        await until(pilot, lambda: f"›  {friend}" not in drawn(app))
        assert app.screen.query_one("#user", Input).value == HIT
        await pilot.press("backspace")
        await until(pilot, shows(app, HIT))


async def test_the_mouse_alone_walks_too(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    friend = TOLD["neighbors_of_user"]["neighbors"][1]["user"]
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await ready(app, pilot)
        at = [entry["user"] for entry in TOLD["users"]["users"]].index(HIT)
        await until(pilot, lambda: app.screen.query_one("#suggestions").region.height > at + 2)
        await pilot.pause()
        assert await pilot.click("#suggestions", offset=(4, 1 + at))
        await until(pilot, lambda: app.screen.board.chosen()["why"])
        await until(pilot, lambda: app.screen.query_one("#neighbors-rows").region.height > 4)
        assert await pilot.click("#neighbors-rows", offset=(4, 2))
        await until(pilot, lambda: app.screen.query_one("#neighbors-rows", RowList).highlighted == 1)
        assert "›" not in drawn(app), "the first click chooses"
        assert await pilot.click("#neighbors-rows", offset=(4, 2))
        await until(pilot, shows(app, f"{HIT}  ›  {friend}"))


async def test_a_missed_held_out_item_comes_last_and_is_explained(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    held = TOLD["recommend_2"]["held_out"]["test"]
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await opened(app, pilot, MISS)
        await until(pilot, shows(app, f"miss, rank {held['rank']}"))
        await until(pilot, lambda: app.screen.query_one("#recommended-rows", RowList).option_count == 21)
        await pilot.press("end")
        await until(pilot, shows(app, f"{held['rank']:>3} ★ {held['title']}"[:30], "  missed"))
        await until(pilot, shows(app, f"Why not {held['title']}"[:30]))
        await until(pilot, shows(app, first_words(TOLD["why_2"]["history"][0]["title"])))


async def test_what_is_by_count_is_said_where_a_run_counts(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await ready(app, pilot)
        ask = app.screen.client.ask

        async def counting(op: str, **arguments: Any) -> Any:
            result, spent = await ask(op, **arguments)
            if op == "recommend":
                best = result["items"][0]
                count = {"times": 7, "older": 4, "part": 1.56, "effect": 0.09}
                result["items"][0] = {**best, "why": {**best["why"], "count": count}}
            return result, spent

        app.screen.client.ask = counting
        await pilot.press(*HIT, "enter")
        said = "+1.56 of the score: bought 7 times, 4 before these"
        await until(pilot, shows(app, "score lost without this purchase", said))


async def test_free_text_searches_and_steers_by_the_weight_that_is_set(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    asked: list[dict[str, Any]] = []
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await opened(app, pilot)
        ask = app.screen.client.ask

        async def listening(op: str, **arguments: Any) -> Any:
            asked.append({"op": op, **arguments})
            return await ask(op, **arguments)

        app.screen.client.ask = listening
        await pilot.press("f", *"kitchen", "enter")
        best = TOLD["search"]["results"][0]
        await until(
            pilot, shows(app, "Items by meaning", first_words(best["title"]), f"{best['similarity']:.3f}")
        )
        await until(pilot, shows(app, "steered 0.5 by “kitchen”"))
        steered = TOLD["recommend_text"]["items"][0]
        await until(pilot, shows(app, f"{steered['score']:.3f}  ", f"text {steered['text_similarity']:.2f}"))
        await pilot.press("]", "]")
        await until(pilot, shows(app, "steered 0.7 by “kitchen”"))
        await until(pilot, lambda: [one for one in asked if one.get("text_weight") == 0.7])
        await pilot.press("f", "ctrl+u", "enter")
        await until(pilot, lambda: "Items by meaning" not in drawn(app) and "steered" not in drawn(app))
    assert Preferences(tmp_path / "dashboard.json")["text_weight"] == 0.7


async def test_a_list_is_called_steered_once_it_is(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    loaded = asyncio.Event()
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await opened(app, pilot)
        await until(pilot, shows(app, "answered in"))
        ask = app.screen.client.ask

        async def slow(op: str, **arguments: Any) -> Any:
            if op == "recommend":
                await loaded.wait()
            return await ask(op, **arguments)

        app.screen.client.ask = slow
        await pilot.press("f", *"kitchen", "enter")
        await until(pilot, shows(app, "steering by “kitchen”…"))
        await pilot.pause(0.3)
        assert "steered" not in drawn(app)
        assert "answered in" not in drawn(app)
        loaded.set()
        await until(pilot, shows(app, "steered 0.5 by “kitchen”", "answered in"))
        assert "steering" not in drawn(app)


@pytest.mark.parametrize("size", SIZES)
async def test_the_reason_of_an_end_is_readable(
    tmp_path: Path, frozen: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    reason = f"{'folder/' * 12}model.pt is missing"
    monkeypatch.setattr(commands, "sracl", lambda *args: recorded(reason))
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=size) as pilot:
        await pilot.press("f4")
        await until(pilot, shows(app, "✗ the explorer has ended: nothing", "is missing", "F5 starts"))


async def test_what_why_is_for_is_said_in_full(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=(100, 30)) as pilot:
        await ready(app, pilot)
        await until(pilot, shows(app, "Choose a user; then each recommendation is explained here."))


async def test_free_text_without_a_user_shows_the_items(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await ready(app, pilot)
        await pilot.press("escape", "f", *"kitchen", "enter")
        await until(pilot, shows(app, first_words(TOLD["search"]["results"][0]["title"])))
        await pilot.press("enter")
        await until(pilot, shows(app, "Near by text", TOLD["item"]["item"]["title"]))
        await pilot.press("escape")
        await until(pilot, shows(app, "Found"))


async def test_an_unknown_user_is_refused_and_nothing_is_lost(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await opened(app, pilot)
        await pilot.press("slash", "ctrl+u", *"nobody")
        await until(pilot, shows(app, "no user has this in the id", "0 users"))
        await pilot.press("enter")
        await until(pilot, shows(app, "'nobody' is not among the dataset's 1,200"))
        await pilot.press("escape", "u")
        await until(pilot, shows(app, "u: everything"))
        assert first_words(TOLD["recommend"]["items"][0]["title"]) in drawn(app)


async def test_enter_before_the_suggestions_takes_what_was_typed(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await ready(app, pilot)
        await until(pilot, lambda: app.screen.query_one("#suggestions", RowList).option_count > 1)
        field = app.screen.query_one("#user", Input)
        with field.prevent(Input.Changed):
            field.value = MISS
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.question.user == MISS)


@pytest.mark.parametrize("keys", [(*MISS, "enter"), ("escape", "m")])
async def test_who_is_chosen_while_the_model_loads_comes_after_it(
    tmp_path: Path, frozen: Path, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    loaded = tmp_path / "loaded"
    monkeypatch.setenv("SRACL_TEST_THINKS", "0.3")
    wait = f"import os, sys, time\nwhile not os.path.exists({str(loaded)!r}): time.sleep(0.02)\n"
    wait += "os.execv(sys.argv[1], sys.argv[1:])"
    monkeypatch.setattr(commands, "sracl", lambda *args: [sys.executable, "-c", wait, *recorded(*args)])
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await pilot.press("f4")
        await until(pilot, shows(app, "loading the model"))
        await pilot.press(*keys)
        loaded.touch()
        await until(pilot, shows(app, "answered in"))
        assert app.screen.question.user == (MISS if "enter" in keys else TOLD["next_user"]["user"])
        assert not app.screen.query_one("#suggestions").display


async def test_what_is_typed_at_once_is_of_the_screen_that_was_asked_for(
    tmp_path: Path, frozen: Path
) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await until(pilot, lambda: app.session.runs)
        for key in ("f4", *MISS, "enter"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, shows(app, "answered in"))
        assert (app.current_mode, app.screen.question.user) == ("explore", MISS)


async def test_a_dead_explorer_is_shown_and_mended_by_a_key(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await opened(app, pilot)
        first = app.screen.client._process.pid
        os.kill(first, signal.SIGKILL)
        await until(pilot, shows(app, "✗ the explorer has ended", "F5 starts it again"))
        await pilot.press("slash", "a")
        await pilot.pause(0.3)
        assert app.screen.client.state == "dead", "typing does not start it again and again"
        await pilot.press("f5")
        await until(pilot, shows(app, HIT, "answered in"))
        assert app.screen.client._process.pid != first


async def test_a_run_that_ended_in_its_first_epoch_is_told_as_one_and_asked_later(
    tmp_path: Path, frozen: Path
) -> None:
    state = json.loads((frozen / "state.json").read_text())
    (frozen / "state.json").write_text(json.dumps(state | {"status": "stopped"}))
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await pilot.press("f4")
        await until(pilot, shows(app, "no model to ask; F3, then R, trains it on", "F5 looks again"))
        assert "the explorer has ended" not in drawn(app)
        assert "Miss" not in drawn(app).splitlines()[-1]
        (frozen / "checkpoints" / "best").mkdir(parents=True)
        await pilot.press("f3", "f4")
        await until(pilot, lambda: app.screen.client.facts.get("users") == 1_200)


async def test_what_only_counts_is_not_asked_and_not_chosen_first(tmp_path: Path, frozen: Path) -> None:
    floor = shutil.copytree(frozen, frozen.with_name("20260101-140000-item-knn"))
    meta = read_json(floor / "meta.json") or {}
    write_json(floor / "meta.json", meta | {"created": meta["created"] + 7200})
    state = json.loads((floor / "state.json").read_text())
    (floor / "state.json").write_text(json.dumps(state | {"epoch": None}))
    app = dashboard(tmp_path)
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await until(pilot, lambda: app.session.current == frozen)
        app.session.choose_run(floor)
        await pilot.press("f4")
        await until(pilot, shows(app, "item-knn counts and learns nothing, so there is no model to ask"))
        await until(pilot, shows(app, "F3 chooses another run"))


async def test_a_run_that_cannot_be_asked_says_why(
    tmp_path: Path, frozen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = dashboard(tmp_path, frozen)
    with monkeypatch.context() as patch:
        patch.setattr(commands, "sracl", lambda *args: recorded("nothing"))
        async with app.run_test(notifications=True, size=WIDE) as pilot:
            await pilot.press("f4")
            await until(pilot, shows(app, "the explorer has ended", "nothing was recorded for nothing"))
            patch.setattr(commands, "sracl", recorded)
            await pilot.press("f5")
            await until(pilot, lambda: app.screen.client.facts.get("users") == 1_200)


async def test_a_run_without_neighbors_still_recommends(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    lonely = next(iter(TOLD["refused"])).split()[1]
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await opened(app, pilot)
        await pilot.press("left", "end", "enter")
        await until(pilot, shows(app, f"{HIT}  ›  {lonely}"))
        await until(pilot, shows(app, "this run has no neighbors"))
        await until(pilot, shows(app, first_words(TOLD["recommend_2"]["items"][0]["title"])))


@pytest.mark.parametrize("size", SIZES)
async def test_two_runs_side_by_side(tmp_path: Path, frozen: Path, size: tuple[int, int]) -> None:
    other = frozen.with_name("20260101-130000-other")
    shutil.copytree(frozen, other)
    far = shutil.copytree(frozen, frozen.with_name("20260101-140000-far"))
    meta = read_json(far / "meta.json") or {}
    write_json(far / "meta.json", meta | {"dataset": meta["dataset"] | {"name": "elsewhere"}})
    new_run(tmp_path, "early")
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=size) as pilot:
        await opened(app, pilot)
        await until(pilot, lambda: app.session.runs and len(app.session.runs) == 4)
        await pilot.press("c")
        await until(pilot, shows(app, "Compare with", "other"))
        assert "early" not in app.screen.query_one(RowList).as_text(), "there is no model to ask yet"
        assert "elsewhere" not in drawn(app), "other data has other users"
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.board.second.found)
        await turned(app, pilot, "recommended")
        await until(pilot, shows(app, "→ sample", "hit, rank"))
        await turned(app, pilot, "second")
        await until(pilot, shows(app, "→ other", "20 in both"))
        await pilot.press("end")
        first, second = (app.screen.board.panel(name).rows for name in ("recommended", "second"))
        await until(pilot, lambda: second.scroll_y > 0)
        await until(pilot, lambda: first.scroll_y == second.scroll_y or not first.is_on_screen)
        await pilot.press("c")
        await until(pilot, lambda: "→ other" not in drawn(app) and "in both" not in drawn(app))


async def test_answers_can_be_taken_away(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await opened(app, pilot)
        await pilot.press("e")
        await until(pilot, shows(app, "written: "))
        table = (tmp_path / "exports" / f"sample-{HIT}.csv").read_text().splitlines()
        assert table[0] == "rank,item,title,score,seen,held_out,neighbors"
        assert table[1].startswith(f"1,{TOLD['recommend']['items'][0]['item']},")
        whole = json.loads((tmp_path / "exports" / f"sample-{HIT}.json").read_text())
        assert whole["history"] == TOLD["history"]
        assert whole["recommendations"] == TOLD["recommend"]
        await pilot.press("y")
        await until(pilot, shows(app, "copied, also in"))
        copied = next(tmp_path.rglob("copied.txt")).read_text()
        assert TOLD["recommend"]["items"][0]["title"] in copied


async def test_another_run_keeps_the_user(tmp_path: Path, frozen: Path) -> None:
    other = frozen.with_name("20260101-130000-other")
    shutil.copytree(frozen, other)
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=WIDE) as pilot:
        await opened(app, pilot)
        first = app.screen.client._process
        app.session.choose_run(other)
        await until(pilot, shows(app, "other · 1,200 users"))
        await until(pilot, lambda: first.returncode is not None)
        await until(pilot, shows(app, HIT, "answered in"))

"""Curves, glyphs, rows, preferences: the parts of the dashboard that need no screen."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.style import Style
from textual.visual import RenderOptions

from sracl_core.runs.records import as_csv
from sracl_core.runs.usage import Usage
from sracl_core.runs.writer import RunWriter
from sracl_tui.content import Content, hints, in_parts
from sracl_tui.deliver import write_export
from sracl_tui.glyphs import padded_bar, to_ascii
from sracl_tui.preferences import Preferences
from sracl_tui.screens.explore.list_view import recommendation_row
from sracl_tui.screens.explore.map_view import legend
from sracl_tui.screens.explore.view import count_note, history_rows
from sracl_tui.screens.train import curves
from sracl_tui.screens.train.chart_settings import ChartSettings
from sracl_tui.screens.train.run_header import figures, identity
from sracl_tui.screens.train.view import Tile, tiles
from sracl_tui.view_models import RunSnapshot
from sracl_tui.watcher import RunFollower
from sracl_tui.widgets.mode_bar import Fitting
from sracl_tui.widgets.row_list import RowList
from sracl_tui.widgets.split_line import SplitLine
from tests.tui.dashboards import epoch, new_run, steps

finite = st.floats(-1e6, 1e6)


DRAWN = {
    34: """
Tea                     ━━━━ +3.31
A title of twenty lett… ━    −0.02
    10 purchases, 4 neighbors
""",
    30: """
Tea                      +3.31
A title of twenty lette… −0.02
    10 purchases, 4 neighbors
""",
    20: """
Tea            +3.31
A title of tw… −0.02
    10, 4
""",
}


@pytest.mark.parametrize("width", DRAWN)
def test_titles_go_before_bars_and_bars_are_all_there_or_none(width: int) -> None:
    words = [Content("    10 purchases, 4 neighbors"), Content("    10, 4")]
    rows = [
        SplitLine(("Tea", "+3.31", "━━━━ ")),
        SplitLine(("A title of twenty letters", "−0.02", "━    "), (words, "")),
    ]
    RowList().show([(str(at), row) for at, row in enumerate(rows)])
    how = RenderOptions(lambda _: Style(), {})
    drawn = [strip.text for row in rows for strip in row.render_strips(width, None, Style(), how)]
    assert [text.rstrip() for text in drawn] == DRAWN[width].strip().splitlines()


@pytest.mark.parametrize("title", ["tab\tin\ttitle", "zero\u200dwidth\u200djoin"])
def test_what_a_terminal_draws_otherwise_than_it_is_measured_breaks_no_row(title: str) -> None:
    row = SplitLine((Content.assemble((title, "bold")), "0.00"))
    (drawn,) = row.render_strips(24, None, Style(), RenderOptions(lambda _: Style(), {}))
    seen = drawn.text.replace("\u200c", "")
    assert seen.endswith(" 0.00")
    assert len(seen) == 24


def test_of_parts_those_are_drawn_that_have_room() -> None:
    note = in_parts(hints("esc closes", "tab next list", "? help"))
    room = {width: note.truncate(width, ellipsis=True).plain for width in (40, 35, 26, 12, 6)}
    assert list(room.values()) == [
        "esc closes · tab next list · ? help", "esc closes · tab next list · ? help",
        "esc closes · tab next list", "esc closes", "esc c…",
    ]  # fmt: skip
    live = Fitting("▶ running a long name", "▶ running", "▶")
    drawn = [
        live.render_strips(width, 1, Style(), RenderOptions(lambda _: Style(), {}))[0].text
        for width in (23, 12, 1)
    ]
    assert drawn == ["  ▶ running a long name", "   ▶ running", "▶"]


def test_the_map_names_what_it_colors_a_line_each() -> None:
    groups = [{"name": name, "shown": 12} for name in ("two\nlines", "宽" * 40, "", "other")]
    drawn = legend({"color": "brand", "groups": groups}, {"tea": "history"}, None)
    how = RenderOptions(lambda _: Style(), {})
    strips = [strip.text for strip in drawn.render_strips(18, None, Style(), how)]
    assert [text[-2:] for text in strips[2:6]] == ["12"] * 4, "no name takes the room of its number"
    assert strips[2].startswith("⣿ two␊lines")
    assert strips[0].startswith("● history"), "what is marked stands where no number of groups hides it"
    assert len(strips) == 6 == drawn.get_height({}, 18)


@given(st.lists(finite, min_size=1, max_size=400), st.integers(1, 60))
def test_reducing_keeps_ends_and_extremes(values: list[float], columns: int) -> None:
    x, y = np.arange(len(values), dtype=float), np.array(values)
    small_x, small_y = curves.reduced(x, y, columns)
    assert len(small_x) <= max(2 * columns + 2, min(len(x), 2 * columns))
    assert (small_y.min(), small_y.max()) == (y.min(), y.max())
    assert (small_x[0], small_x[-1]) == (x[0], x[-1])
    assert all(y[int(at)] == held for at, held in zip(small_x, small_y, strict=True))


@given(st.lists(finite, min_size=1, max_size=80), st.integers(1, 30))
def test_moving_mean_against_the_slow_way(values: list[float], window: int) -> None:
    slow = [float(np.mean(values[max(0, at - window + 1) : at + 1])) for at in range(len(values))]
    assert curves.moving_mean(np.array(values), window) == pytest.approx(slow, rel=1e-6, abs=1e-3)


def test_a_hundred_thousand_points_are_reduced_in_a_blink(tmp_path: Path) -> None:
    x = np.arange(100_000, dtype=float)
    y = np.sin(x / 1000)
    y[77_777] = 50.0
    small_x, small_y = curves.reduced(x, y, 100)
    assert len(small_x) <= 202
    assert 50.0 in small_y


def test_curves_of_a_run_on_each_axis(tmp_path: Path) -> None:
    run = new_run(tmp_path, training={"max_epochs": 4})
    with RunWriter(run) as writer:
        writer.state(total_steps=40)
        steps(writer, 1, 20, inter=0.0)
        steps(writer, 21, 21, loss=math.nan, inter=0.0)
        epoch(writer, 0, 0.10)
        epoch(writer, 1, 0.15)
        epoch(writer, 2, 0.17, best=False)
        snapshot = RunFollower(run.path).poll()
    assert snapshot is not None
    by_step = curves.step_curves(snapshot, curves.losses(snapshot), "step", 1)
    assert [curve.name for curve in by_step] == ["total", "next item", "intra"], (
        "a part that is always 0 is none"
    )
    assert [curve.name for curve in curves.step_curves(snapshot, [curves.SPEED], "step", 1)] == ["examples"]
    assert by_step[0].x[-1] == 20, "the point that is not a number is left out"
    assert curves.step_curves(snapshot, curves.losses(snapshot), "epoch", 1)[0].x[9] == 1.0
    assert curves.step_curves(snapshot, curves.losses(snapshot), "time", 1)[0].x[-1] == 10.0
    masked = curves.metric_curves(snapshot, "NDCG", "masked", "epoch")
    assert [(c.letter, c.name) for c in masked] == [("A", "NDCG@20"), ("B", "NDCG@10")]
    assert masked[0].x.tolist() == [1.0, 2.0, 3.0]
    assert masked[0].best == 1, "the chosen epoch, also where another one has a higher value"
    unchosen = replace(snapshot, epochs=snapshot.epochs[2:])
    assert curves.metric_curves(unchosen, "HR", "masked", "step")[0].best is None


def test_encoding_says_how_many_texts_how_fast_and_how_long() -> None:
    state = {"stage": "embed", "done": 3000, "total": 12101, "eta_seconds": 130.0}
    run = RunSnapshot(path=Path("runs/one"), status="running", state=state)
    said = figures(run).plain
    assert "left embed 2 min 10 s   done 3,000 of 12,101 texts, 70 a second" in said
    assert "texts" not in figures(replace(run, state={**state, "stage": "neighbors"})).plain
    assert (
        "done 5 of 12,101 texts"
        in figures(replace(run, state={**state, "done": 5, "eta_seconds": None})).plain
    )


def test_of_a_team_it_is_said_how_many_train_and_how_many_are_here() -> None:
    alone = RunSnapshot(path=Path("runs/one"), status="running", usage=Usage(1.5, 300 << 20, 1))
    assert "uses 1.5 cores, 300 MiB" in figures(alone).plain
    team = replace(alone, state={"processes": 4}, usage=Usage(3.0, 900 << 20, 2))
    assert "uses 4 processes, 3.0 cores, 900 MiB (of 2 here)" in figures(team).plain
    assert "uses 4 processes" in figures(replace(team, usage=None)).plain
    here = replace(team, usage=Usage(3.0, 900 << 20, 4))
    assert figures(here).plain.endswith("uses 4 processes, 3.0 cores, 900 MiB")


def test_a_floor_cannot_be_explored() -> None:
    run = RunSnapshot(path=Path("runs/one"), status="finished", settings={"model": {"name": "sasrec"}})
    assert identity(run).plain.endswith("F4 explores it")
    assert "F4" not in identity(replace(run, settings={"model": {"name": "markov"}})).plain


def snapshot(name: str, names: list[str], identity: str = "one") -> RunSnapshot:
    meta = {
        "dataset": {"identity": identity},
        "protocol": {"split": "temporal"},
        "headline": f"masked/{names[0]}",
    }
    valid = {"masked": dict.fromkeys(names, 0.1)}
    return RunSnapshot(Path(name), "finished", meta=meta, epochs=({"epoch": 0, "step": 1, "valid": valid},))


def test_runs_are_drawn_together_at_a_cut_off_that_all_have() -> None:
    how = ChartSettings("epoch", 1, False, "masked", "HR")
    first = snapshot("first", ["NDCG@10", "NDCG@20"])

    def headline(other: RunSnapshot) -> Tile:
        return next(tile for tile in tiles([first, other], how) if tile.id == "tile-headline")

    assert (headline(first).title, headline(first).note) == ("Validation NDCG@20, masked", "x: epoch")
    small = headline(snapshot("small", ["NDCG@5", "NDCG@10"]))
    assert small.title == "Validation NDCG@10, masked"
    assert len(small.curves) == 2
    none = headline(snapshot("none", ["NDCG@5"]))
    assert not none.curves
    assert "no cut-off in common" in none.note
    assert "NOT COMPARABLE: dataset" in headline(snapshot("strange", ["NDCG@20"], "other")).note


@given(st.text(max_size=60))
def test_ascii_keeps_the_columns(text: str) -> None:
    from rich.cells import cell_len

    shown = to_ascii(text)
    assert shown.isascii()
    assert len(shown) == cell_len(text) or any(not character.isprintable() for character in text)


@given(st.floats(-1, 2), st.integers(0, 40))
def test_a_bar_fills_its_columns(share: float, width: int) -> None:
    assert len(padded_bar(share, width)) == width


def test_effects_stand_beside_the_items_that_were_read() -> None:
    items = [{"item": f"i{n}", "title": f"T{n}", "part": "train"} for n in range(4)]
    items.append({"item": "i4", "title": "T4", "part": "test"})
    why = {"history": [{"position": 1, "effect": 0.5}, {"position": 0, "effect": -0.2}]}
    rows = [line.plain for _, line in history_rows({"items": items}, {"train", "valid"}, why, {"i2"})]
    assert "held out" in rows[0]
    assert "+0.50" in rows[1], "position 1 of two that were read is the latest item"
    assert rows[2].startswith("= T2")
    assert "−0.20" in rows[2]
    assert "0.20" not in rows[3]
    counted = {**why, "item": "i0", "count": {"times": 1, "older": 1, "part": 0.7, "effect": 0.7}}
    rows = [line.plain for _, line in history_rows({"items": items}, {"train", "valid"}, counted, set())]
    assert ["+0.70" in row for row in rows] == [False, False, False, False, True]


def test_older_purchases_that_are_counted_speak_for_an_item() -> None:
    why = {"history": [{"effect": 0.5}, {"effect": 0.0}], "neighbors": []}
    item = {"item": "a", "title": "A", "rank": 1, "score": 1.0, "why": why}
    assert "from 1 purchase" in recommendation_row(item, Content("")).plain
    assert count_note(why) == count_note({"count": None}) == ""
    for effect, said in ((0.3, "from 5 purchases"), (0.001, "from 1 purchase ")):
        why["count"] = {"times": 4, "older": 4, "part": 2.0, "effect": effect}
        assert said in recommendation_row(item, Content("")).plain + " "


def test_preferences_survive_and_refuse_nonsense(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "dashboard.json"
    assert Preferences(path).set("theme", "sracl-light")
    assert Preferences(path)["theme"] == "sracl-light"
    path.write_text('{"theme": 3, "smoothing": 25, "other": 1}')
    again = Preferences(path)
    assert (again["theme"], again["smoothing"]) == ("sracl-dark", 25)
    path.write_text("no json")
    assert Preferences(path)["theme"] == "sracl-dark"


def test_preferences_without_permission_say_so(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder is wanted")
    preferences = Preferences(blocked / "dashboard.json")
    assert not preferences.set("theme", "sracl-light")
    assert "not remembered" in preferences.problem
    assert preferences["theme"] == "sracl-light"


def test_export_writes_both_forms(tmp_path: Path) -> None:
    table, document = write_export(tmp_path / "out", "a b/c", [{"x": 1, "y": "é,"}], {"all": [1]})
    assert table.name == "a-b-c.csv"
    assert table.read_text(encoding="utf-8").splitlines() == ["x,y", '1,"é,"']
    assert document.read_text(encoding="utf-8").startswith("{")
    assert as_csv([]) == ""
    assert as_csv([{"x": 1}, {"y": 2}]) == "x,y\n1,\n,2\n"

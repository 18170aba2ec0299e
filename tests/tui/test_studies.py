"""Groups of a finished run, and comparisons that fill while they are looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sracl_core.runs.writer import RunWriter
from sracl_core.studies.filling import FOLDER, write_filling
from sracl_tui.screens.train.studies import read_studies, studies_of, studies_text
from tests.tui.dashboards import dashboard, drawn, epoch, new_run, shows, until

pytestmark = pytest.mark.usefixtures("told")

GROUPS = """
Test, seen items masked
by       group        users   HR@20  NDCG@20
history  1 to 5         700  0.1200   0.0500
target   tail         1,500  0.0200   0.0080
target   new in test      0       -        -
"""
LISTS = """
What the lists of 20 items show
seen items  coverage   head   gini  novelty  diversity
unmasked       50.0%  61.0%  0.700    9.500      0.620
"""
FILLED = """
compare  sample  validation unmasked/NDCG@20  1 of 3 runs done
method               mean  runs
sasrec (baseline)  0.2750  ✓ 0.3000  ▶ 0.2500 epoch 1
item-knn                -  · waits
"""


async def test_groups_of_a_finished_run(tmp_path: Path, frozen: Path) -> None:
    app = dashboard(tmp_path, frozen)
    async with app.run_test(notifications=True, size=(130, 40)) as pilot:
        await until(pilot, shows(app, "✓ finished"))
        await pilot.press("g")
        await until(pilot, shows(app, "Groups of", *GROUPS.strip().splitlines(), *LISTS.strip().splitlines()))
        await pilot.press("escape")
        await until(pilot, lambda: "Groups of" not in drawn(app))


async def test_a_comparison_fills_while_it_is_looked_at(tmp_path: Path) -> None:
    about = {"kind": "compare", "dataset": "sample", "baseline": "sasrec", "metric": "unmasked/NDCG@20"}
    path = tmp_path / "runs" / FOLDER / "compare-1.json"
    done, live = new_run(tmp_path, "sasrec-42"), new_run(tmp_path, "sasrec-43")
    with RunWriter(done) as writer:
        epoch(writer, 0, 0.3)
        writer.state(status="finished")
    app = dashboard(tmp_path)
    with RunWriter(live) as writer:
        async with app.run_test(notifications=True, size=(130, 40)) as pilot:
            await until(pilot, lambda: app.session.runs)
            await pilot.press("f3", "c")
            await until(pilot, shows(app, "No comparison or study"))
            write_filling(path, about, {"sasrec": [done.name, None], "item-knn": [None]})
            await until(pilot, shows(app, "✓ 0.3000  · waits"))
            writer.state(epoch=0)
            epoch(writer, 0, 0.25)
            write_filling(path, about, {"sasrec": [done.name, live.name], "item-knn": [None]})
            await until(pilot, shows(app, "▶ 0.2500 epoch 1"))
            runs = app.session.runs or ()
            text = studies_text(read_studies(tmp_path / "runs"), runs, 70).plain
            await pilot.press("escape")
            await until(pilot, lambda: "Comparisons and studies" not in drawn(app))
            write_filling(path, about, {"sasrec": [done.name, live.name]})
            writer.state(status="finished")
            await until(pilot, shows(app, "a study has ended", "compare sample: 2 runs done"))
            assert "a training has ended" not in drawn(app), "a study has many of them"
    write_filling(path, about, {"sasrec": [done.name, live.name], "item-knn": [None]})
    assert text.strip() == FILLED.strip()
    assert studies_of(tmp_path / "runs", runs) == {done.name: "", live.name: ""}
    write_filling(path, {**about, "most": 2}, {"sasrec": [done.name]})
    assert studies_of(tmp_path / "runs", runs) == {done.name: ""}, "there will be another"
    write_filling(path, about, {"sasrec": [done.name]})
    assert studies_of(tmp_path / "runs", runs) == {done.name: "compare sample: 1 run done"}
    write_filling(path, about, {"sasrec": [done.name, live.name], "item-knn": [None]})
    # Where a row has no room, its runs go on below themselves.
    narrow = studies_text(read_studies(tmp_path / "runs"), runs, 50).plain
    assert f"✓ 0.3000\n{' ' * 27}▶ 0.2500 epoch 1\n" in narrow
    # A name leaves room for the figures.
    write_filling(path, about, {"sasrec+sracl:objectives.sracl.neighbor_states=cached": [done.name]})
    narrow = studies_text(read_studies(tmp_path / "runs"), runs, 50).plain
    assert "sasrec+sr…r_states=cached  0.3000  ✓ 0.3000\n" in narrow
    # Of a trial the settings that are not the same in all of them.
    tried: dict[str, Any] = {
        "trial 0": {"model.dropout": 0.2, "model.layers": 2},
        "trial 1": {"model.layers": 2},
    }
    tuned = {**about, "kind": "tune", "tried": {**tried, "trial 2": 3}}
    write_filling(path, tuned, {"trial 0": [done.name], "trial 1": [live.name], "trial 2": [None]})
    assert (
        "trial 0  0.3000  ✓ 0.3000  dropout 0.2\n"
        in studies_text(read_studies(tmp_path / "runs"), runs, 70).plain
    )


def test_a_damaged_file_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "compare-3.json").write_text('{"rows": [3, {"name": 4, "runs": [null, "gone"]}]}')
    assert "waits  · waits" in studies_text(read_studies(tmp_path), (), 70).plain

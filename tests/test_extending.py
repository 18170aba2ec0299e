"""docs/extending.md as it stands: a package outside of the project, found by entry points, trained with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from sracl_core import methods
from sracl_core.errors import ConfigError

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
USE = """
import asyncio, json, random, time
from pathlib import Path
from safetensors.torch import load_file
from sracl_core import load_config, prepare, train
from sracl_core.data.prepare import PrepareOptions
from sracl_core.settings.known import settings
from sracl_core.runs.keeping import metrics_of
from sracl_core.runs.catalog import list_runs
from sracl_core.runs.trackers import tracker
from sracl_core.runs.tracking import Tracking
from sracl_core.studies.leaderboard import leaderboard
from sracl_tui.app import Dashboard
from sracl_tui.preferences import Preferences
from sracl_tui.screens.configure.form import FormModel
from sracl_tui.screens.data.import_entries import CHOICES
from sracl_tui.screens.train import view
from sracl_tui.watcher import RunFollower

random.seed(0)
items = [f"i{n}" for n in range(12)]
log = Path("log.pairs")
log.write_text("\\n".join(f"u{u}>{item}" for u in range(30) for item in random.sample(items, 7)))
prepare(log, Path("data"), PrepareOptions(k_core=1))
sets = [
    "model.name=average", "model.decay=0.5", "model.item_init=random", "dataset.split=last_two",
    "objectives.centered.weight=0.1", "objectives.sracl.weight=0", "training.max_epochs=2",
    "training.threads=1", "training.monitor=masked/TOP@5",
]
events = []
run = train("data", sets=sets, name="toy", on_event=events.append)
epochs = [event for event in events if event["event"] == "epoch"]
form = FormModel()
form.enter("model.name", "average")
follower = RunFollower(run.path)
snapshot = follower.poll()
how = view.ChartSettings("step", 1, False, "masked", "TOP")
charts = [curve.name for tile in view.tiles([snapshot], how) for curve in tile.curves]
_, board = leaderboard(list_runs(run.path.parent))
rows, whole = view.export(snapshot)
async def shown():
    # What the fifth tab is called, and what its key shows.
    app = Dashboard(run.path.parent, Path("."), None, Preferences(Path("dashboard.json")))
    async with app.run_test() as pilot:
        await pilot.press("5")
        end = time.monotonic() + 60
        while app.current_mode != "board" or not app.screen.query("KeyLine"):
            assert time.monotonic() < end
            await pilot.pause(0.05)
        return [str(one.render()) for one in app.screen.query("Static")]

last = run.checkpoints / "last"
objectives, moments = (load_file(last / f"{name}.safetensors") for name in ("objectives", "optimizer"))
tracking = Tracking(run, tracker("text"))
tracking.poll()
tracking.close()
print(json.dumps({
    "parts": sorted(set(epochs[-1]) & {"next_item", "centered"}),
    "kept": sorted(objectives),
    "moments": sorted(moments),
    "state": bool(objectives["centered.mean_D"].any()),
    "losses": [event["loss"] for event in epochs],
    "test": run.results()["test"]["masked"],
    "split": run.results()["protocol"]["split"],
    "users": run.meta()["dataset"]["users"],
    "settings": [key for key in settings("average") if "decay" in key or "centered" in key],
    "unknown": "model.heads" in settings("average"),
    "screen": asyncio.run(shown()),
    "reader": "pairs" in Path("data/dataset.json").read_text(),
    "form": [key in form.known for key in ("model.decay", "objectives.centered.sample", "model.heads")],
    "import": [name for name, _ in CHOICES[0].others],
    "charts": charts,
    "csv": list(rows[0]),
    "tracked": (run.path / "points.txt").read_text(),
    "measured": metrics_of(list_runs(run.path.parent)),
    "board": board[0].value,
}))
"""


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guide's files in a folder of their own, with the metadata that an install would write."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "toy").mkdir()
    (folder / "toy" / "__init__.py").touch()
    for language, name, code in re.findall(r"```(\w+)\n# (\S+).*?\n(.*?)```", GUIDE, re.DOTALL):
        if language == "python":
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(code, encoding="utf-8")
        assert len(code.splitlines()) < 40, name
    groups = re.findall(r'entry-points\."(.*?)"\]\n(\w+) = "(.*?)"', GUIDE)
    info = folder / "toy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    points = [f"[{group}]\n{name} = {value}\n" for group, name, value in groups]
    (info / "entry_points.txt").write_text("".join(points))
    assert len(points) == 7
    return folder


def test_a_package_outside_adds_one_of_each_kind(outside: Path, tmp_path: Path) -> None:
    paths = os.pathsep.join([str(outside), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", USE],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths, "SRACL_CACHE_DIR": str(tmp_path / "cache")},
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["parts"] == ["centered", "next_item"]
    assert {"centered.map.weight", "centered.mean_D"} <= set(found["kept"])
    assert "objectives.centered.map.weight|exp_avg" in found["moments"]
    assert found["state"], "an epoch's start has made it"
    assert found["losses"][1] < found["losses"][0]
    assert set(found["test"]) >= {"TOP@5", "NDCG@20"}
    assert 0 <= found["test"]["TOP@5"] <= found["test"]["HR@5"]
    assert (found["split"], found["reader"], found["users"]) == ("last_two", True, 30)
    assert set(found["settings"]) >= {"model.decay", "objectives.centered.sample"}
    assert not found["unknown"]
    assert {"5 Board", "a screen of another package"} <= set(found["screen"])
    assert (found["form"], "pairs" in found["import"]) == ([True, True, False], True)
    assert {"centered", "TOP@5"} <= set(found["charts"])
    assert {"centered", "masked/TOP@5"} <= set(found["csv"])
    assert "'epoch/centered': " in found["tracked"]
    assert "'valid/masked/TOP@5': " in found["tracked"]
    assert "masked/TOP@20" in found["measured"]
    assert found["board"] == found["test"]["TOP@5"]


@pytest.mark.parametrize(
    ("name", "package", "said"),
    [
        ("train", "toy.board", "sracl.screens: train = toy.board: 'train' is there already; give it another"),
        ("mine", "sracl_core.nowhere", "mine = sracl_core.nowhere cannot be used: No module named"),
        ("mine", "sracl_core.plain", "cannot be used: .* has no attribute 'PLACE'; mend or uninstall it"),
    ],
)
def test_a_package_that_cannot_be_used_is_named(
    name: str, package: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint(name, package, "sracl.screens")
    monkeypatch.setattr(methods, "_every_point", lambda: EntryPoints([point]))
    with pytest.raises(ConfigError, match=said):
        methods.held("sracl_tui.screens", "sracl.screens", "PLACE", folders=True)

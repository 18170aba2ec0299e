"""The process that draws: no torch in it, and quickly there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

VISIT_ALL = """
import asyncio, importlib, json, pkgutil, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from tests.tui.dashboards import dashboard, recorded, shows, until
import sracl_tui
from sracl_tui import commands
commands.sracl = recorded

async def visit():
    app = dashboard(Path("."), Path({run!r}))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, shows(app, "finished", "total"))
        for key, text in (("f1", "Datasets"), ("f2", "sracl train"), ("f4", "Recommend"), ("f3", "Runs")):
            await pilot.press(key)
            await until(pilot, shows(app, text))
            await pilot.press("escape", "question_mark")
            await pilot.pause()
            await pilot.press("escape")

def loaded():
    return sorted({{name.partition(".")[0] for name in sys.modules}})

asyncio.run(visit())
visited = loaded()
for module in pkgutil.walk_packages(sracl_tui.__path__, "sracl_tui."):
    importlib.import_module(module.name)
print(json.dumps([visited, loaded()]))
"""
FIRST_SCREEN = """
import asyncio, sys, time
begun = time.process_time()
import textual.app, textual.widgets
yardstick = time.process_time() - begun
begun = time.process_time()
from pathlib import Path
from sracl_tui.app import Dashboard
from sracl_tui.preferences import Preferences

async def show():
    app = Dashboard(Path("runs"), Path("data"), None, Preferences(Path("dashboard.json")))
    async with app.run_test(size=(120, 40)) as pilot:
        while not app.screen.query("#data-rows"):
            await pilot.pause()
        print(time.process_time() - begun, yardstick)

asyncio.run(show())
"""


def test_no_screen_loads_torch(frozen: Path, dataset: Path) -> None:
    code = VISIT_ALL.format(tests=str(Path(__file__).parent), run=str(frozen))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    visited, every = map(set, json.loads(done.stdout.splitlines()[-1]))
    heavy = {"torch", "transformers", "sentence_transformers", "hnswlib"}
    assert {"textual", "numpy", "sracl_tui"} <= visited
    assert not visited & {*heavy, "polars", "scipy"}
    assert not every & heavy, "no module of the dashboard does"


def test_the_first_screen_costs_little() -> None:
    """Against the import of Textual in the same process, of which it is 2 to 3.5 times."""
    done = subprocess.run([sys.executable, "-c", FIRST_SCREEN], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    took, yardstick = map(float, done.stdout.split())
    assert took < 10 * yardstick

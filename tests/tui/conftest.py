"""Dashboards on run directories that never leave the test's own folder."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot, WaitForScreenTimeout

from sracl_tui import commands
from tests.trained import Shop, shared_shop
from tests.tui.dashboards import FIXTURES, ROOT, recorded


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run coroutine tests; saves a plugin."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the person's own settings and caches."""
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key or a click waits for all widgets to be at rest, but no test fails because they were not.

    One that is removed meanwhile never answers, and on a busy machine none may in half a minute. What a test
    wants to see it waits for by itself.
    """
    at_rest = Pilot._wait_for_screen

    async def patient(pilot: Pilot[Any], timeout: float = 30.0) -> bool:
        try:
            return await at_rest(pilot, timeout)
        except WaitForScreenTimeout:
            return True

    monkeypatch.setattr(Pilot, "_wait_for_screen", patient)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A finished run of the sample; with several test processes they share one."""
    base = tmp_path_factory.getbasetemp()
    return shared_shop((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shop")


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """A finished run of the sample, recorded once, in tmp_path/runs."""
    target = tmp_path / "runs" / "20260101-120000-sample"
    shutil.copytree(FIXTURES / "run", target)
    return target


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """The manifest of the prepared sample: all that the list of datasets reads."""
    target = tmp_path / "data" / "sample"
    target.mkdir(parents=True)
    shutil.copy(FIXTURES / "dataset.json", target / "dataset.json")
    return target


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers of `sracl` and of the explorer as they were recorded, without their start-up time."""
    monkeypatch.setattr(commands, "sracl", recorded)

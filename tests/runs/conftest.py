"""A run directory to write into."""

from __future__ import annotations

from pathlib import Path

import pytest

from sracl_core.runs.directory import RunDirectory, create_run
from sracl_core.settings.models import RunConfig


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    config = RunConfig.model_validate({"dataset": {"path": "data/shop"}})
    return create_run(tmp_path / "runs", None, config, {"dataset": {"name": "shop"}})

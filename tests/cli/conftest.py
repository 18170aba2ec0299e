from __future__ import annotations

import os

import pytest

from tests.trained import Shop, shared_shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A finished run of the sample; with several test processes they share one."""
    base = tmp_path_factory.getbasetemp()
    return shared_shop((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shop")

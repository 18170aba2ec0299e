from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.reliability.jobs import Bench, bench


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("bench")) as made:
        yield made

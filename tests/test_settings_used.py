"""Every setting reaches a consumer: none may be read by nobody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sracl_core.config_layers import settings

CORE = Path(__file__).parents[1] / "sracl_core"
NOT_CONSUMERS = {"config.py", "config_layers.py"}


def source() -> str:
    files = [path for path in CORE.rglob("*.py") if path.name not in NOT_CONSUMERS]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


@pytest.mark.parametrize("key", sorted(settings()))
def test_a_setting_is_read_somewhere(key: str) -> None:
    name = key.rsplit(".", 1)[-1]
    assert re.search(rf"\.{name}\b", source()), f"nothing reads {key}"

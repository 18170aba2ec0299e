"""Every setting reaches a consumer: none may be read by nobody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sracl_core.settings.layers import settings

CORE = Path(__file__).parents[1] / "sracl_core"
FILES = [path.read_text(encoding="utf-8") for path in CORE.rglob("*.py") if path.parent.name != "settings"]


def is_read(key: str) -> bool:
    """As `section.name`, or as `config.name` where the section, or its class, is named in the same file."""
    section, name = key.split(".")[-2:]
    whole = re.compile(rf"\b{section}\.{name}\b")
    short = re.compile(rf"\b(config|settings)\.{name}\b")
    kind = re.compile(rf"\.{section}\b|\b{section.title().replace('_', '')}Config\b")
    return any(whole.search(text) or (short.search(text) and kind.search(text)) for text in FILES)


@pytest.mark.parametrize("key", sorted(settings()))
def test_a_setting_is_read_somewhere(key: str) -> None:
    assert is_read(key), f"nothing reads {key}"


def test_a_setting_that_nobody_reads_is_noticed() -> None:
    invented = ["rate", "shape", "limit", "history", "recall", "rows", "status"]
    sections = {key.rpartition(".")[0] for key in settings()}
    assert not [
        f"{section}.{name}" for section in sections for name in invented if is_read(f"{section}.{name}")
    ]

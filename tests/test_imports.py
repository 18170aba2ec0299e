"""What may be loaded by what, and that the public names are whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sracl_core

ROOT = Path(__file__).resolve().parents[1]


def loaded_by(statement: str) -> set[str]:
    """The top-level modules in a fresh process after `statement`."""
    code = f"{statement}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import sracl_core", {"torch", "numpy", "polars", "pydantic", "yaml"}),
        ("import sracl_core.cli.main", {"torch", "numpy", "polars", "yaml"}),
        ("import sracl_core.runs.reader, sracl_core.runs.history", {"torch", "polars", "numpy"}),
        ("import sracl_core.settings.layers", {"torch", "polars", "numpy"}),
        ("import sracl_core.cli.train, sracl_core.cli.runs, sracl_core.cli.explore", {"torch", "polars"}),
    ],
)
def test_a_light_import_stays_light(statement: str, unwanted: set[str]) -> None:
    assert not loaded_by(statement) & unwanted


def test_the_public_names_are_whole() -> None:
    assert sorted(sracl_core.__all__) == sracl_core.__all__ == dir(sracl_core)
    for name in sracl_core.__all__:
        assert getattr(sracl_core, name).__name__ == name
    source = Path(sracl_core.__file__).read_text()
    for name in sracl_core.__all__:
        assert f"import {name} as {name}" in source


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = sracl_core.nonsense


def test_no_object_is_known_by_attributes_that_python_3_12_does_not_see() -> None:
    """From 3.12 on `isinstance` of a Protocol sees no weights and buffers of a torch module."""
    sources = [path for folder in ("sracl_core", "sracl_tui") for path in (ROOT / folder).rglob("*.py")]
    assert [path.name for path in sources if "runtime_checkable" in path.read_text()] == []

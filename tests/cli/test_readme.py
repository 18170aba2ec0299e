"""What the README shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from sracl_core.cli.main import COMMANDS
from tests.trained import ROOT, Shop

README = (ROOT / "README.md").read_text()


def test_the_python_example_runs(shop: Shop) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    run = re.search(r'Explorer\.open\("(.*?)"\)', example)
    assert run is not None
    code = example.replace(run[1], str(shop.run))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=shop.environment(),
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    metric, *rest = done.stdout.splitlines()
    assert 0 < float(metric) < 1
    assert any("(384,)" in line for line in rest)


def test_every_command_that_it_names_exists() -> None:
    named = set(re.findall(r"\bsracl ([a-z]+)", README))
    assert named >= {"data", "train", "resume", "recommend", "neighbors"}
    assert named <= set(COMMANDS)


@pytest.mark.parametrize("document", ["README.md", "benchmarks/README.md", "docs"])
def test_the_rows_of_a_table_have_as_many_cells_as_its_head(document: str) -> None:
    place = ROOT / document
    uneven, tables = [], 0
    for path in sorted(place.glob("*.md")) if place.is_dir() else [place]:
        width = 0
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            cells = len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", line))) if line.startswith("|") else 0
            tables += cells > 0 == width
            uneven += [f"{path.name}:{number}"] if cells and width and cells != width else []
            width = cells and (width or cells)
    assert not uneven
    assert tables

"""What the README shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys

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

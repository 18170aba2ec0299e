"""A method and a dataset of one's own, by the steps of docs/comparison.md, as they stand there."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tomllib
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")


def written(folder: Path) -> None:
    """The guide's indented files, and the metadata that `pip install -e .` would write."""
    _, *files = re.split(r"^    # (\S+)$", GUIDE, flags=re.MULTILINE)
    names = files[::2]
    assert names == ["my_floor/__init__.py", "my_floor/floor.py", "pyproject.toml"]
    for name, text in zip(names, files[1::2], strict=True):
        lines = list(takewhile(lambda line: not line or line.startswith("    "), text.splitlines()))
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("\n".join(line[4:] for line in lines))
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]  # without which pip installs nothing
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    points = [
        f"[{group}]\n" + "".join(f"{one} = {value}\n" for one, value in found.items())
        for group, found in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(points))


def test_the_steps_of_the_guide_give_a_table(tmp_path: Path) -> None:
    written(tmp_path)
    draw = random.Random(0)
    lines = [f"u{user},i{draw.randrange(12)},{at}" for user in range(20) for at in range(6)]
    (tmp_path / "my.csv").write_text("\n".join(["user_id,item_id,timestamp", *lines]))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    env |= {"SRACL_CACHE_DIR": str(tmp_path / "cache"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    steps = re.findall(r"`sracl (data prepare my\.csv .*?|compare data/mine [^.].*?)`", GUIDE)
    assert len(steps) == 2
    for step in steps:
        done = subprocess.run(
            [sys.executable, "-m", "sracl_core.cli.main", *step.split()],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=env,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
    assert re.search(r"^my_floor .*\n?", done.stdout, re.MULTILINE)

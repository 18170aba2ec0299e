"""requirements-hashed.txt: every package that is installed, at the version that was tried, by its hash."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)


def named(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def pins(name: str) -> dict[str, str]:
    return {named(package): version for package, version in PINNED.findall((ROOT / name).read_text())}


def test_what_is_hashed_is_what_was_tried() -> None:
    tried, hashed = pins("constraints.txt"), pins("requirements-hashed.txt")
    wrong = {name for name in hashed.keys() & tried.keys() if hashed[name] != tried[name]}
    assert not wrong, "make hashes"


def test_every_dependency_is_hashed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(text for extra in extras for text in extra)]
    names = {named(found[0]) for text in wanted if (found := re.match(r"[A-Za-z0-9_.-]+", text))}
    assert names <= pins("requirements-hashed.txt").keys(), "make hashes"


def test_every_entry_has_a_hash() -> None:
    entries = re.split(r"(?m)^(?=\S)", (ROOT / "requirements-hashed.txt").read_text())
    bare = [entry for entry in entries if entry.strip() and "--hash=sha256:" not in entry]
    assert not bare
    assert not re.search(r"sha256:(?![0-9a-f]{64}\b)", "".join(entries))


@pytest.mark.parametrize("name", ["constraints.txt", "requirements-hashed.txt"])
def test_versions_are_exact(name: str) -> None:
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and line[0] not in "# "]
    assert [line for line in lines if not PINNED.match(line)] == []

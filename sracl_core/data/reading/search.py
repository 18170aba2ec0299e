"""Finds a format's files among the paths that a person named."""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sracl_core.data.dataset import INTERACTIONS, MANIFEST
from sracl_core.data.reading.base import COMPRESSED
from sracl_core.data.reading.peek import text_start
from sracl_core.errors import DataError

DEPTH = 4
"""So many folders below one that is named are looked into: parts lie in year=2020/month=01/day=31."""


def files_in(paths: list[Path]) -> list[Path]:
    """The files named, and those in the folders named and in folders below them, by name."""
    found: list[Path] = []
    for path in paths:
        found += [path] if path.is_file() else map(Path, _below(str(path), DEPTH))
    return sorted(file for file in found if not file.name.startswith("."))


def _below(folder: str, depth: int) -> list[str]:
    with os.scandir(folder) as entries:  # which knows what each is; a log may lie in thousands of folders
        inside = [entry for entry in entries if not entry.name.startswith(".")]
    if depth < DEPTH and {INTERACTIONS, MANIFEST} <= {entry.name for entry in inside}:
        return []  # what was made of the files around it
    found = [entry.path for entry in inside if entry.is_file()]
    for entry in inside if depth else ():
        if entry.is_dir(follow_symlinks=False):
            found += _below(entry.path, depth - 1)
    return found


def distinct(paths: Iterable[Path]) -> list[Path]:
    """The paths without those that name a file a second time, however they are written."""
    return list({path.resolve(): path for path in reversed(list(paths))}.values())[::-1]


def named(paths: list[Path], pattern: str) -> Path | None:
    """The one file whose name fits the pattern, in any case, compressed or not."""
    matches = [
        file
        for file in files_in(paths)
        if any(fnmatch.fnmatch(file.name.lower(), pattern + ending) for ending in ("", *COMPRESSED))
    ]
    if len(matches) > 1:
        raise DataError(f"{matches[0]} and {matches[1]} are both '{pattern}'; name the one to read")
    return matches[0] if matches else None


def first_object(path: Path) -> dict[str, Any]:
    """The first object of a file of JSON, {} where there is none."""
    for line in text_start(path).splitlines()[:1]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}
    return {}


def json_with(paths: list[Path], keys: set[str]) -> list[Path]:
    """The files of JSON lines whose first object has all of the keys."""
    return [
        file
        for file in files_in(paths)
        if {".json", ".jsonl", ".ndjson"} & {suffix.lower() for suffix in file.suffixes}
        and keys <= first_object(file).keys()
    ]

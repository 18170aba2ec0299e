"""Finds a format's files among the paths that a person named."""

from __future__ import annotations

import fnmatch
import json
import zlib
from itertools import islice
from pathlib import Path
from typing import Any

import zstandard

from sracl_core.data.readers.text import decompressed
from sracl_core.errors import DataError

SNIFF = 1 << 20


def files_in(paths: list[Path]) -> list[Path]:
    """The files named, and those in the folders named and one folder deeper, by name."""
    found: list[Path] = []
    for path in paths:
        if path.is_file():
            found.append(path)
        else:
            found += [file for file in (*path.glob("*"), *path.glob("*/*")) if file.is_file()]
    return sorted(file for file in found if not file.name.startswith("."))


def named(paths: list[Path], pattern: str) -> Path | None:
    """The one file whose name fits the pattern, in any case, compressed or not."""
    matches = [
        file
        for file in files_in(paths)
        if any(fnmatch.fnmatch(file.name.lower(), pattern + ending) for ending in ("", ".gz", ".zst"))
    ]
    if len(matches) > 1:
        raise DataError(f"{matches[0]} and {matches[1]} are both '{pattern}'; name the one to read")
    return matches[0] if matches else None


def first_object(path: Path) -> dict[str, Any]:
    """The first line of a file of JSON lines, {} where that is no object."""
    try:
        with decompressed(path) as file:
            head = file.read(SNIFF)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError):
        return {}
    for line in islice(head.decode("utf-8-sig", "replace").splitlines(), 1):
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

"""Hashes that tell whether a file, or a JSON object by a checksum of its own, is as it was written."""

from __future__ import annotations

import json
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

SEAL = "sha256"


def sealed(value: dict[str, Any]) -> dict[str, Any]:
    """`value`, which holds only what JSON knows, with its seal.

    >>> unsealed(sealed({"step": 3}))
    {'step': 3}
    """
    return {**value, SEAL: _seal(value)}


def unsealed(value: dict[str, Any]) -> dict[str, Any] | None:
    """What was sealed, None where it has changed since; what bears no seal as it is.

    >>> unsealed({**sealed({"step": 3}), "step": 4}) is None
    True
    """
    if SEAL not in value:
        return value
    content = {name: held for name, held in value.items() if name != SEAL}
    return content if _seal(content) == value[SEAL] else None


def file_hash(path: Path, kind: str = "sha256") -> str:
    """Hash of all of a file, hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return file_digest(file, kind).hexdigest()


def _seal(value: dict[str, Any]) -> str:
    return sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

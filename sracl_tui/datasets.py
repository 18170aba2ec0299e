"""The datasets that lie prepared in a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class DatasetLine:
    """A dataset in the list. `key` tells it from all others; `folder` is where it lies prepared."""

    key: str
    name: str
    state: str
    folder: Path | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The folder's name where it says more than the dataset's own."""
        return "" if self.folder is None or self.folder.name == self.name else self.folder.name

    @property
    def label(self) -> str:
        """The name, which need not be unique, with the place, which is."""
        return f"{self.name} ({self.place})" if self.place else self.name


def prepared(data_dir: Path) -> list[DatasetLine]:
    """The prepared datasets in `data_dir`; each says its counts in a small file."""
    found = []
    try:
        manifests = sorted(data_dir.glob("*/dataset.json"))
    except OSError:
        return []
    for manifest in manifests:
        folder = manifest.parent
        try:
            values = json.loads(manifest.read_text(encoding="utf-8"))
            name, counts = str(values["name"]), dict(values["counts"])
        except (OSError, ValueError, KeyError, TypeError):
            found.append(DatasetLine(str(folder), folder.name, "damaged", folder))
            continue
        found.append(DatasetLine(str(folder), name, "ready", folder, counts))
    return found

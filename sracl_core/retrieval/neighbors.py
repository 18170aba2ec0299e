"""Tables of nearest neighbors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sracl_core.config import RetrievalConfig
from sracl_core.retrieval.exact import exact_rows
from sracl_core.runs.events import Progress


@dataclass(frozen=True)
class NeighborTable:
    """ids int32 [n, k] row numbers, -1 where fewer exist; scores float32 [n, k] cosine, falling."""

    ids: NDArray[np.int32]
    scores: NDArray[np.float32]
    method: str
    recall: float | None
    hash: str

    def save(self, folder: Path) -> None:
        """Write ids.npy, scores.npy and table.json into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "ids.npy", self.ids)
        np.save(folder / "scores.npy", self.scores)
        facts = {"method": self.method, "recall": self.recall, "hash": self.hash}
        (folder / "table.json").write_text(json.dumps(facts))

    @classmethod
    def load(cls, folder: Path) -> NeighborTable:
        """Open what `save` wrote, by memory map."""
        facts = json.loads((folder / "table.json").read_text())
        ids, scores = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("ids", "scores"))
        return cls(ids, scores, **facts)


def find_neighbors(
    vectors: NDArray[np.float32],
    k: int,
    config: RetrievalConfig,
    groups: NDArray[np.integer] | None = None,
    seed: int = 0,
    threads: int = 0,
    progress: Progress | None = None,
) -> NeighborTable:
    """The k nearest others of every vector."""
    k = min(k, len(vectors) - 1)

    def told(done: int, total: int) -> None:
        if progress:
            progress("neighbors", done, total)

    ids, scores = exact_rows(vectors, np.arange(len(vectors)), k, groups, told)
    digest = hashlib.blake2b(ids.tobytes() + scores.tobytes(), digest_size=16).hexdigest()
    return NeighborTable(ids, scores, "exact", 1.0, digest)

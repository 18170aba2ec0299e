"""UMAP in a process of its own: it takes minutes, in which other questions are answered."""

from __future__ import annotations

import importlib.util
import multiprocessing
import time
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from sracl_core.errors import InputError, NotReady, SraclError

SEED = 42
LEAST = 16
"""With fewer items than neighbors UMAP has nothing to lay out."""

Vectors = NDArray[np.float32]


class UmapLayout:
    """The items of `vectors` [N, E] in the plane; work begins at once, and ends with this process.

    Raises InputError where UMAP is not installed, or has too few items.
    """

    def __init__(self, vectors: Vectors) -> None:
        if importlib.util.find_spec("umap") is None:
            raise InputError(
                "UMAP is not installed: `pip install 'sracl-tui[map]'`, or stay with the principal components"
            )
        if len(vectors) < LEAST:
            raise InputError(
                f"UMAP needs at least {LEAST} items, there are {len(vectors)}; stay with layout=pca"
            )
        # A fork would copy the locks of torch's threads.
        fresh = multiprocessing.get_context("spawn")
        self._answer, theirs = fresh.Pipe(duplex=False)
        self._process = fresh.Process(target=_work, args=(theirs, np.array(vectors)), daemon=True)
        self._process.start()
        theirs.close()
        self._began = time.monotonic()
        self._n_items = len(vectors)
        self._found: Vectors | str | None = None

    def result(self, wait: bool) -> Vectors:
        """float32 [N, 2]. Without `wait` raises NotReady while it is at work; SraclError if it failed."""
        if self._found is None:
            if not wait and not self._answer.poll():
                spent = time.monotonic() - self._began
                raise NotReady(f"UMAP is laying out {self._n_items:,} items, {spent:.0f} s so far; ask again")
            try:
                self._found = self._answer.recv()
            except EOFError:
                self._found = "its process has ended without a word"
            self._process.join()
        if isinstance(self._found, str):
            raise SraclError(f"UMAP could not lay out the items: {self._found}")
        return self._found


def _work(answer: Connection, vectors: Vectors) -> None:
    try:
        import umap

        model = umap.UMAP(n_components=2, metric="cosine", random_state=SEED, n_jobs=1)
        answer.send(np.asarray(model.fit_transform(vectors), dtype=np.float32))
    except BrokenPipeError:  # whoever asked has gone
        pass
    except Exception as error:
        answer.send(f"{type(error).__name__}: {error}")

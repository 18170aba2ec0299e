"""Texts through a model of sentence-transformers: little padding, and on a CPU a batch on each core."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sracl_core.device import in_threads

_READ_AT_ONCE = 1024


def forward(
    model: Any, texts: Sequence[str], batch_size: int, *, sort: bool = True
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Batches of rows [B] of `texts` and their vectors of length 1, float32 [B, D]; the longest texts first.

    Texts of as many word pieces share a batch: by their letters a fifth of what is computed would be
    padding. Two batches on two cores take less time than one after the other on both, and every product is
    computed by one thread, so that a vector depends on its batch but not on the machine's cores.
    sort: off for a model that computes no padding.
    """
    order = np.argsort(-_pieces(model, texts), kind="stable") if sort else np.arange(len(texts))
    batches = np.split(order, range(batch_size, len(order), batch_size)) if len(order) else []

    def vectors(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = model.encode(
            [texts[row] for row in rows],
            batch_size=batch_size,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return found

    threads = 0 if model.device.type == "cpu" else 1
    yield from zip(batches, in_threads(vectors, batches, threads), strict=True)


def _pieces(model: Any, texts: Sequence[str]) -> NDArray[np.int64]:
    """Word pieces of each text that the model reads; letters, where it does not tell."""
    found = np.array([len(text) for text in texts], dtype=np.int64)
    for start in range(0, len(texts), _READ_AT_ONCE):
        mask = model.preprocess(list(texts[start : start + _READ_AT_ONCE])).get("attention_mask")
        if mask is not None:
            found[start : start + _READ_AT_ONCE] = mask.sum(dim=1).numpy()
    return found

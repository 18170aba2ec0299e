"""Items whose texts have the same words: what a vector of meaning smooths over, a brand or a shade."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from sracl_core.data.related import KEPT, Related, strongest
from sracl_core.progress import Progress

ROWS_AT_ONCE = 512
COMMON, RARE, MOST = 0.1, 20, 1000
"""What stands in a larger share of the texts says nothing, though `RARE` texts may have it; what stands
in more than `MOST` costs too much: the work grows with the texts, not with their square."""


def same_words(texts: Sequence[str], progress: Progress | None = None) -> Related:
    """The items nearest by the cosine of the tf-idf of words and pairs of words, each of two texts or more.

    Args:
        texts: of items 1..N.
    """
    words_NW = _weighed(texts)
    return _nearest(words_NW, words_NW, 0, progress)


def near_words(texts: Sequence[str], more: Sequence[str]) -> Related:
    """The items 1..N of `texts` that are nearest to each of `more`, as in `same_words` of all of them."""
    words_NW = _weighed([*texts, *more])
    return _nearest(words_NW[len(texts) :], words_NW[: len(texts)], len(texts), None)


def _weighed(texts: Sequence[str]) -> sparse.csr_array:
    """tf-idf, float32 [texts, words], rows of length 1."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # half a second, which few commands need

    most = min(max(int(COMMON * len(texts)), RARE), MOST)
    counts = TfidfVectorizer(sublinear_tf=True, min_df=2, max_df=most, ngram_range=(1, 2), dtype=np.float32)
    try:
        return sparse.csr_array(counts.fit_transform(texts))
    except ValueError:  # no word is in two texts
        return sparse.csr_array((len(texts), 1), dtype=np.float32)


def _nearest(
    asked_RW: sparse.csr_array, words_NW: sparse.csr_array, first: int, progress: Progress | None
) -> Related:
    """The rows of `words_NW` nearest to each that is asked; row `first` of all is the first that is asked."""
    words_WN = words_NW.T.tocsr()
    found = []
    for start in range(0, asked_RW.shape[0], ROWS_AT_ONCE):
        near_RN = (asked_RW[start : start + ROWS_AT_ONCE] @ words_WN).tocsr()
        found.append(strongest(_trimmed(near_RN, first + start)))
        if progress:
            progress("words", min(start + ROWS_AT_ONCE, asked_RW.shape[0]), asked_RW.shape[0])
    return Related(*(np.concatenate([getattr(part, name) for part in found]) for name in ("items", "shares")))


def _trimmed(near_RN: sparse.csr_array, start: int) -> sparse.coo_array:
    """Each row's largest entries with all that equal the last of them, and none for the item itself."""
    row = np.repeat(np.arange(near_RN.shape[0]), np.diff(near_RN.indptr))
    near_RN.data[row + start == near_RN.indices] = 0.0
    least = np.zeros(near_RN.shape[0], dtype=near_RN.dtype)
    for place, (begin, end) in enumerate(itertools.pairwise(near_RN.indptr)):
        if end - begin > KEPT:
            least[place] = np.partition(near_RN.data[begin:end], -KEPT)[-KEPT]
    kept = (near_RN.data >= least[row]) & (near_RN.data > 0)
    return sparse.coo_array((near_RN.data[kept], (row[kept], near_RN.indices[kept])), near_RN.shape)

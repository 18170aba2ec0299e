"""One sentence encoder in each process of a team."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sracl_core.errors import SraclError
from sracl_core.notices import warn
from sracl_core.team import Team

if TYPE_CHECKING:
    from sracl_core.progress import Progress
    from sracl_core.semantics.encode import TextEncoder


class SharedEncoder:
    """`encoder` of process 0, and in the others the one of the same name, if it is the same.

    at_once: groups of texts that are encoded at the same time. A process that has not the encoder, such as
    a machine without its folder, encodes none, and a warning says so.
    """

    def __init__(self, encoder: TextEncoder, batch_size: int, team: Team) -> None:
        self.encoder, self.batch_size, self.team = encoder, batch_size, team
        self._able = [True]
        if team.size > 1 and encoder.slow:
            facts = (encoder.name, encoder.fingerprint)
            self._able = team.spread(_has, facts, [()] * team.size, lambda *_: True)
            if lacking := [str(rank) for rank, able in enumerate(self._able) if not able]:
                warn(
                    f"process {', '.join(lacking)} has not the sentence encoder {encoder.name} of process 0; "
                    "the others encode the texts"
                )
        self.at_once = sum(self._able)

    def encode(self, groups: Sequence[Sequence[str]], progress: Progress) -> list[NDArray[np.float32]]:
        """Vectors of each of at most `at_once` groups of texts, float32 [n, D].

        progress: of the texts of one group, told where it is encoded alone.
        """
        if self.at_once == 1:
            return [self.encoder.encode(texts, self.batch_size, progress) for texts in groups]
        given = iter(groups)
        each = [next(given, ()) if able else () for able in self._able]
        facts, own = (self.encoder.name, self.batch_size), self.encoder.encode
        found = self.team.spread(_encoded, facts, each, lambda _, size, texts: own(texts, size))
        return [vectors for vectors, texts in zip(found, each, strict=True) if len(texts)]


@cache
def _encoder_here(name: str) -> TextEncoder:
    from sracl_core.semantics.encode import load_encoder

    return load_encoder(name)


def _has(name: str, fingerprint: str, _: tuple[()]) -> bool:
    try:
        return _encoder_here(name).fingerprint == fingerprint
    except SraclError:
        return False


def _encoded(name: str, batch_size: int, texts: Sequence[str]) -> NDArray[np.float32]:
    return _encoder_here(name).encode(texts, batch_size) if texts else np.empty((0, 0), np.float32)

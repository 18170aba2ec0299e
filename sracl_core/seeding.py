"""One seed becomes a separate generator for each use of chance.

A stream is named, so drawing more numbers in one place never shifts another: switching an
objective off leaves the order of the batches as it was. Training names the step in the stream, so
a resumed run needs no generator's state to go on as if it had never stopped.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream `names` under `seed`; stable across machines and versions."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A numpy generator for the stream `names`, e.g. ``generator(42, "batches", epoch)``."""
    return np.random.Generator(np.random.SFC64(derive_seed(seed, *names)))

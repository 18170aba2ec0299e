"""One seed becomes a separate generator for each use of chance.

A stream is named, so drawing more numbers in one place never shifts another: switching an
objective off leaves the order of the batches as it was.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np


def derive_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream `names` under `seed`; stable across machines and versions."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A numpy generator for the stream `names`, e.g. ``generator(42, "batches", epoch)``."""
    return np.random.Generator(np.random.SFC64(derive_seed(seed, *names)))


def state_of(rng: np.random.Generator) -> dict[str, Any]:
    """The state of a generator made here, as plain JSON values."""
    state = dict(rng.bit_generator.state)
    inner = state["state"]["state"]
    return {**state, "state": {"state": [int(word) for word in inner]}}


def restore(rng: np.random.Generator, state: dict[str, Any]) -> None:
    """Put a generator back to a state that `state_of` returned."""
    words = np.asarray(state["state"]["state"], dtype=np.uint64)
    rng.bit_generator.state = {**state, "state": {"state": words}}

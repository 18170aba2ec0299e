"""Dropout whose masks come from a named generator, and cost little on a CPU.

torch draws one double per element for a mask, which took half of a training step here. A byte
per element, drawn 8 at a time, is about 20 times cheaper; the rate is then a multiple of 1/256
(0.5 and 0.25 exactly, 0.1 as 26/256), and kept elements are scaled by the exact inverse.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

STEPS = 256


class MaskSource:
    """Draws dropout masks; owned by an encoder, shared by its layers. Training sets `rng` at each step."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def draw(self, shape: torch.Size, rate: float, like: Tensor) -> Tensor:
        """A tensor of `shape` that holds 0 with probability `rate`, else 1 / (1 - rate).

        On cuda and mps torch's own generator, seeded at every step, draws it.
        """
        if like.device.type != "cpu":
            return nn.functional.dropout(torch.ones(shape, device=like.device, dtype=like.dtype), rate)
        dropped = max(1, round(rate * STEPS))
        count = shape.numel()
        words = self.rng.integers(0, 2**64, size=(count + 7) // 8, dtype=np.uint64)
        kept = words.view(np.uint8)[:count] >= dropped
        mask = np.multiply(kept, np.float32(STEPS / (STEPS - dropped)))
        return torch.from_numpy(mask).view(shape).to(like.dtype)


class Dropout(nn.Module):
    """Zeroes elements with probability `rate` while training; the identity otherwise."""

    def __init__(self, rate: float, source: MaskSource) -> None:
        super().__init__()
        self.rate = rate
        self.source = source

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as `x`."""
        if not self.training or self.rate == 0.0:
            return x
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.rate)  # one call in place of three
        return x * self.source.draw(x.shape, self.rate, x)

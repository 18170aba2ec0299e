"""An exponential moving average of the weights, which is what gets evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Keeps ``average = decay * average + (1 - decay) * weights``, the decay warming up with steps.

    Args:
        module: whose parameters are averaged.
        decay: in [0, 1); 0 keeps no average and leaves everything as it is.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = module
        self.decay = decay
        self.values = {n: p.detach().clone() for n, p in module.named_parameters()} if decay else {}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Fold in the weights after optimizer step number `step` (from 1)."""
        if not self.decay:
            return
        decay = min(self.decay, (1.0 + step) / (10.0 + step))
        torch._foreach_lerp_(list(self.values.values()), list(self.module.parameters()), 1.0 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the module holds the average; after, its own weights again."""
        parameters = dict(self.module.named_parameters())
        own = {name: parameters[name].detach().clone() for name in self.values}
        self._put(parameters, self.values)
        try:
            yield
        finally:
            self._put(parameters, own)

    @torch.no_grad()
    def _put(self, parameters: dict[str, nn.Parameter], values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            parameters[name].copy_(value)

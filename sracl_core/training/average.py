"""An exponential moving average of the weights, which is what gets evaluated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

CLOCK, ROW_CLOCKS = "|clock", "|row_clocks"


class WeightAverage:
    """Keeps ``average = decay * average + (1 - decay) * weights``, the decay warming up with steps.

    Of a `lazy` weight a row is brought up to date before it changes (`settle`) and when the average is
    read: over steps d_1 .. d_k in which a row w stands still, its average a becomes w + d_1 ... d_k (a - w).
    A clock sums the logarithms of the decays, and each row notes it when it is settled.

    Args:
        module: whose parameters are averaged.
        decay: in [0, 1); 0 keeps no average and leaves everything as it is.
        lazy: name of a parameter of which few rows change in a step.
    """

    def __init__(self, module: nn.Module, decay: float, lazy: str | None = None) -> None:
        self.module = module
        self.decay = decay
        self.values = {n: p.detach().clone() for n, p in module.named_parameters()} if decay else {}
        self.lazy = lazy if decay else None
        self._clock = 0.0
        # Only where rows are lazy: mps, which has no float64, has no lazy rows either.
        rows = self.values[self.lazy] if self.lazy else torch.empty(0)
        self._row_clocks = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)

    @torch.no_grad()
    def settle(self, rows: Tensor | None = None) -> None:
        """Bring rows (int64 [R], distinct; None: all) of the lazy weight up to date; they may change then."""
        if self.lazy is None:
            return
        weights, values = self.module.get_parameter(self.lazy), self.values[self.lazy]
        if rows is None:
            kept = torch.exp(self._clock - self._row_clocks).to(values.dtype)[:, None]
            values.sub_(weights).mul_(kept).add_(weights)
            self._row_clocks.fill_(self._clock)
            return
        now = weights.index_select(0, rows)
        kept = torch.exp(self._clock - self._row_clocks.index_select(0, rows)).to(values.dtype)[:, None]
        values.index_copy_(0, rows, values.index_select(0, rows).sub_(now).mul_(kept).add_(now))
        self._row_clocks.index_fill_(0, rows, self._clock)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Fold in the weights after optimizer step number `step` (from 1).

        Every row of the lazy weight that the step changed was settled before it.
        """
        if not self.decay:
            return
        decay = min(self.decay, (1.0 + step) / (10.0 + step))
        self._clock += math.log(decay)
        parameters = dict(self.module.named_parameters())
        names = [name for name in self.values if name != self.lazy]
        if names:
            own, folded = ([held[name] for name in names] for held in (self.values, parameters))
            torch._foreach_lerp_(own, folded, 1.0 - decay)

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint holds: the values as they are, and how far each row of the lazy weight is."""
        if self.lazy is None:
            return self.values
        clock = torch.tensor(self._clock, dtype=torch.float64)
        return {**self.values, CLOCK: clock, ROW_CLOCKS: self._row_clocks}

    @torch.no_grad()
    def load(self, saved: dict[str, Tensor]) -> None:
        """Go on from what `state` gave; without clocks every row is up to date."""
        for name, value in self.values.items():
            value.copy_(saved[name])
        if self.lazy is not None and CLOCK in saved:
            self._clock = float(saved[CLOCK])
            self._row_clocks.copy_(saved[ROW_CLOCKS])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the module holds the average; after, its own weights again."""
        self.settle()
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

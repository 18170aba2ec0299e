"""Adam that updates of a large table the rows alone that a step has read."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

LAZY_ROWS = 65_536
"""From how many items on `training.item_adam=auto` takes the lazy update."""


class LazyAdam(torch.optim.Adam):
    """torch's Adam, and for a weight whose gradient is sparse its lazy form (`torch.optim.SparseAdam`).

    There a row without a gradient keeps its value and both its moments, where Adam would go on to move
    it by momentum and let the moments decay; the bias correction counts all steps. A row that has a
    gradient in every step is updated as Adam updates it. The time of a step grows with the rows that it
    has read, not with the table. No weight decay: it would have to reach every row.
    """

    # torch wraps these for its compiler, which it loads for that: seconds before the first step, and nothing
    # here is compiled.
    add_param_group = inspect.unwrap(torch.optim.Adam.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Adam.zero_grad)
    _adam_step = inspect.unwrap(torch.optim.Adam.step)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step on the gradients that are there; a sparse one is coalesced, and let go."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None and weight.grad.is_sparse:
                    self._step_rows(weight, group)
                    weight.grad = None
        return self._adam_step(closure)

    def _step_rows(self, weight: Tensor, group: dict[str, Any]) -> None:
        if group["weight_decay"]:
            raise ValueError("a sparse gradient and a weight decay do not go together")
        assert weight.grad is not None
        gradient = weight.grad.coalesce()
        rows, values = gradient.indices()[0], gradient.values()
        (beta1, beta2), state = group["betas"], self.state[weight]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=weight.device)
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
        state["step"] += 1
        first = state["exp_avg"].index_select(0, rows).lerp_(values, 1.0 - beta1)
        second = state["exp_avg_sq"].index_select(0, rows).mul_(beta2)
        second.addcmul_(values, values, value=1.0 - beta2)
        state["exp_avg"].index_copy_(0, rows, first)
        state["exp_avg_sq"].index_copy_(0, rows, second)
        number = state["step"].double()
        size = (second / (1.0 - beta2**number)).sqrt_().add_(group["eps"])
        move = (first / (1.0 - beta1**number)).div_(size).mul_(-group["lr"])
        weight.index_add_(0, rows, move.to(weight.dtype))

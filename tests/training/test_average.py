from __future__ import annotations

import torch
from torch import nn

from sracl_core.training.average import WeightAverage


def test_average_follows_its_definition_and_gives_weights_back() -> None:
    module = nn.Linear(3, 2)
    average = WeightAverage(module, 0.9)
    expected = module.weight.detach().clone()
    for step in range(1, 40):
        with torch.no_grad():
            module.weight.add_(0.1)
        average.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * module.weight.detach()
    own = module.weight.detach().clone()
    with average.applied():
        torch.testing.assert_close(module.weight.detach(), expected)
    assert module.weight.detach().equal(own)


def test_no_decay_keeps_no_copy() -> None:
    module = nn.Linear(3, 2)
    average = WeightAverage(module, 0.0)
    average.update(1)
    assert average.values == {}
    with average.applied():
        pass

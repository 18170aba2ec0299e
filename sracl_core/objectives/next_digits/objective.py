"""Cross-entropy of the next item's digits."""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor

from sracl_core.errors import ConfigError
from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.next_digits import Settings
from sracl_core.objectives.world import World


class HasDigits(Protocol):
    """What the objective asks of an encoder beside the usual."""

    codebook: int
    digits_NM: Tensor

    def digit_log_probabilities(self, states_RD: Tensor) -> Tensor:
        """float32 [R, M, codebook] of states [R, D]."""


def build(settings: Settings, world: World) -> NextDigits:
    """The loss, which has nothing to set but its weight."""
    return NextDigits()


class NextDigits(Objective):
    """A softmax over the values of each digit, far smaller than one over all items."""

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`. Raises ConfigError for an encoder whose items have no digits."""
        if not hasattr(encoder, "digit_log_probabilities"):
            raise ConfigError(
                f"objectives.next_digits needs a backbone whose items have digits, and "
                f"{type(encoder).__name__} has none; take model.name=rpg"
            )
        digits = cast(HasDigits, encoder)

        def finish(anchors_BD: Tensor, _: list[Tensor]) -> LossParts:
            targets_B = torch.from_numpy(batch.targets_B).to(anchors_BD.device)
            wanted_BM = (digits.digits_NM[targets_B] - 1) % digits.codebook
            told_BM = digits.digit_log_probabilities(anchors_BD).gather(2, wanted_BM[:, :, None])
            return {"next_digits": -told_BM.mean()}

        return Request(finish)

"""CLAE: contrast with an adversarial view, a step away in the direction that the contrast likes least.

Ho and Vasconcelos, "Contrastive Learning with Adversarial Examples", NeurIPS 2020 (arXiv 2010.12050), for
sequences: the views of a prefix are its states x and x+ under two dropout masks, the step is taken from x:

    x_adv = x + step * sign(dL(x, x+) / dx),   the weight times (L(x, x+) + adversarial * L(x_adv, x+))

where L is InfoNCE over the batch. The direction is a constant to what is learned. Published for images: step
0.03, both losses alike; it takes one more backward pass through the contrast, and none through the encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from sracl_core.objectives.contrast import ContrastSettings
from sracl_core.settings.section import Weight
from sracl_core.settings.space import Range


class Settings(ContrastSettings):
    """Both contrasts and the step between them."""

    weight_by_name: ClassVar[float] = 0.1
    read_by: ClassVar[Mapping[str, str]] = {"step": "adversarial"}
    step: Annotated[float, Field(gt=0.0), Range(0.003, 0.3, log=True)] = Field(
        0.03, description="How far each component of a state is moved (epsilon)."
    )
    adversarial: Weight = Field(1.0, description="Share of the contrast of the moved state.")

    def sequences_per_anchor(self, k: int) -> int:
        """The prefix once more."""
        return 1

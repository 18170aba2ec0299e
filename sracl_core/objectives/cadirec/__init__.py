"""CaDiRec: contrast of views whose substitutes a diffusion model made to fit their context.

Cui et al., "Context Matters: Enhancing Sequential Recommendation with Context-aware Diffusion-based
Contrastive Learning", CIKM 2024 (arXiv 2405.09369). At a share of positions the item's embedding e is
noised to the level t,

    x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) noise,   a_t = 1 - sqrt(t / T + 0.0001),
    x_0 = e + sqrt(1 - a_0) noise of its own

and a Transformer that reads both ways, told t, predicts x_0 from it and the clean embeddings around. It
learns from the cross-entropy of finding the item by that prediction among all (rounding); item embeddings
are the encoder's. Each of two views takes there one of the items nearest to the prediction, drawn for
itself, and the views are contrasted.

As published for Beauty: contrast 0.1 and rounding 0.2 (`denoising` times the weight here), a tenth of
positions, 1000 levels, 2 layers with dropout 0.2, and no squared error, which the paper's loss has. The
paper samples in 5 steps; its code trains with views of the one step that the loss takes, as
`sampling_steps=1` does. Positions have embeddings here in place of relative attention, and the contrast
moves item embeddings too.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from sracl_core.objectives.contrast import ContrastSettings
from sracl_core.settings.section import Positive, Share, Sizes, Weight
from sracl_core.settings.space import Range


class Settings(ContrastSettings):
    """The contrast, the diffusion beside it, and its model."""

    weight_by_name: ClassVar[float] = 0.1
    denoising: Annotated[Weight, Range(0.5, 5.0, log=True)] = Field(
        2.0, description="Share of finding the item by its denoised embedding."
    )
    squared: Weight = Field(0.0, description="Share of the squared error of the denoised embedding.")
    share: Annotated[Share, Range(0.05, 0.5)] = Field(
        0.1, description="Chance that an item is replaced in the views."
    )
    candidates: Positive = Field(10, description="Items nearest to the prediction of which a view takes one.")
    levels: Positive = Field(1000, description="Levels of noise (T).")
    sampling_steps: Positive = Field(
        1, description="Predictions, each from a lower level, before items are taken; the first one learns."
    )
    layers: Positive = Field(2, description="Layers of the diffusion's Transformer.")
    heads: Positive = Field(2, description="Its attention heads; a divisor of the hidden size.")
    inner_size: Positive = Field(128, description="Width of its feed-forward layer.")
    dropout: Share = Field(0.2, description="Dropout in it.")

    @property
    def reads_every_item(self) -> bool:
        """Rounding scores all items."""
        return self.denoising > 0

    def misfit(self, sizes: Sizes) -> str:
        """Heads that do not divide what they read."""
        if sizes.hidden_size % self.heads == 0:
            return ""
        return (
            f"objectives.cadirec.heads {self.heads} is no divisor of model.hidden_size {sizes.hidden_size}; "
            "set one that is"
        )

    def sequences_per_anchor(self, k: int) -> int:
        """Two views, and the noised sequence."""
        return 3

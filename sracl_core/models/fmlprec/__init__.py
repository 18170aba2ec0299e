"""FMLP-Rec: learned filters over the frequencies of a sequence, and no attention.

Zhou et al., "Filter-enhanced MLP is All You Need for Sequential Recommendation", WWW 2022 (arXiv
2202.13556). Each layer takes the Fourier transform of the states over the window, multiplies it by a learned
complex filter, and transforms back (equations 3 to 5):

    Y = LayerNorm(X + Dropout(F^-1(W * F(X)))),   then a feed-forward layer with residual and LayerNorm.

Published: 2 layers, d 64, inner size 256, window of 50 padded on the left, dropout 0.5, Adam 0.001, batch
256, one negative an example (`objectives.next_item.loss=bce`).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sracl_core.settings.section import Backbone, Positive
from sracl_core.settings.space import Range


class Settings(Backbone):
    """A backbone of filters."""

    whole_window: ClassVar[bool] = True

    name: Literal["fmlprec"] = Field("fmlprec", description="Backbone.")
    layers: Annotated[Positive, Range(1, 3)] = Field(2, description="Filter layers.")
    inner_size: Positive = Field(256, description="Width of the feed-forward layer.")

    @property
    def floats_per_token(self) -> int:
        """Of each layer: the transform, its product and its inverse, feed-forward and dropout masks."""
        return self.layers * (10 * self.hidden_size + 3 * self.inner_size)

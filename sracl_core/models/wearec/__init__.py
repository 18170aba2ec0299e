"""WEARec: filters that fit themselves to each sequence, beside a wavelet for what is brief.

Xu et al., "Wavelet Enhanced Adaptive Frequency Filter for Sequential Recommendation", AAAI 2026 (arXiv
2511.07028). In each layer and head two views of the window are mixed:

    (w, b) = (w0 (1 + a), b0 + c),  where (a, c) = MLP(mean of X over the window)
    G = F^-1(w * F(X) + b),         one weight and one bias a frequency, the same for a head's components
    H = the inverse Haar transform of X with its details multiplied by learned weights
    Y = LayerNorm(X + Dropout(alpha * G + (1 - alpha) * H)),   then feed-forward with residual and LayerNorm

Published: 2 layers, d 64, inner size 256, window of 50 padded on the left, dropout 0.5, batch 256, full
softmax; on Beauty rate 0.0005, alpha 0.2, 8 heads.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from sracl_core.settings.section import Backbone, Positive
from sracl_core.settings.space import Choices, Range


class Settings(Backbone):
    """A backbone of adaptive filters and wavelets."""

    whole_window: ClassVar[bool] = True

    name: Literal["wearec"] = Field("wearec", description="Backbone.")
    layers: Annotated[Positive, Range(1, 3)] = Field(2, description="Layers.")
    heads: Annotated[Positive, Choices((2, 4, 8))] = Field(
        8, description="Filters side by side; a divisor of the hidden size."
    )
    inner_size: Positive = Field(256, description="Width of the feed-forward layer.")
    alpha: Annotated[float, Field(ge=0.0, le=1.0), Range(0.1, 0.9)] = Field(
        0.2, description="Share of the filter; the rest is the wavelet's."
    )

    @property
    def floats_per_token(self) -> int:
        """Of each layer: transform, product and inverse, wavelet, feed-forward and dropout masks."""
        return self.layers * (14 * self.hidden_size + 3 * self.inner_size)

    @model_validator(mode="after")
    def _fits_together(self) -> Settings:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}")
        if self.max_length < 2:
            raise ValueError("max_length 1 leaves nothing to filter; take 2 or more")
        return self

"""BSARec: in each layer a filter that keeps low frequencies, beside self-attention.

Shin et al., "An Attentive Inductive Bias for Sequential Recommendation beyond the Self-Attention", AAAI 2024
(arXiv 2312.10325). Each layer mixes both (equations 4 to 7), with one learned weight a component:

    low = the lowest frequencies of X alone, high = X - low
    Y = alpha * LayerNorm(X + Dropout(low + beta^2 * high)) + (1 - alpha) * SelfAttention(X)

and goes on with a feed-forward layer. Published: 2 layers, d 64, window of 50 padded on the left,
dropout 0.5, Adam, batch 256, full softmax; on Beauty rate 0.0005, alpha 0.7, c 5, 1 head. As in its code,
`c` counts frequencies of both signs: c // 2 + 1 of the real transform are kept.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from sracl_core.settings.section import Backbone, Positive, Share
from sracl_core.settings.space import Choices, Range


class Settings(Backbone):
    """A backbone of filters and attention."""

    whole_window: ClassVar[bool] = True

    name: Literal["bsarec"] = Field("bsarec", description="Backbone.")
    layers: Annotated[Positive, Range(1, 3)] = Field(2, description="Layers.")
    heads: Annotated[Positive, Choices((1, 2, 4))] = Field(
        1, description="Attention heads; a divisor of the hidden size."
    )
    inner_size: Positive = Field(256, description="Width of the feed-forward layer.")
    attention_dropout: Annotated[Share, Range(0.0, 0.6)] = Field(
        0.5, description="Dropout on attention weights."
    )
    alpha: Annotated[float, Field(ge=0.0, le=1.0), Range(0.1, 0.9)] = Field(
        0.7, description="Share of the filter; the rest is self-attention's."
    )
    c: Annotated[Positive, Choices((3, 5, 7, 9))] = Field(
        5, description="Lowest frequencies that the filter keeps whole, both signs counted."
    )

    @property
    def floats_per_token(self) -> int:
        """Of each layer: filter, attention over the window, feed-forward and dropout masks."""
        attention = 3 * self.heads * self.max_length
        return self.layers * (14 * self.hidden_size + 3 * self.inner_size + attention)

    @model_validator(mode="after")
    def _fits_together(self) -> Settings:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}")
        if self.c // 2 >= self.max_length // 2:
            raise ValueError(
                f"c {self.c} keeps every frequency of a window of max_length {self.max_length}, which leaves "
                "nothing to filter; take a smaller c"
            )
        return self

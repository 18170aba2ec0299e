"""BERT4Rec: a Transformer that reads both ways, and fills in masked items.

Sun et al., "BERT4Rec: Sequential Recommendation with Bidirectional Encoder Representations from
Transformer", CIKM 2019 (arXiv 1904.06690). It learns to fill in items that were masked (see
`objectives.masked_item`); asked for the next item, it fills in a mask after the last. An item's score is

    GELU(h W + b) E^T + c        (equation 7; a LayerNorm after GELU, as in its code)

where h is the state at the mask, E the item embeddings and c a number an item. The mask has an embedding of
its own, and a window of `max_length` items one position more for it. Every state sees the whole sequence, so
that a prefix's cannot be read off a longer one.

Published code for Beauty: 2 layers, 2 heads, d 64, inner size 256, window 50, dropout 0.5 (attention 0.2),
batch 256, rate 0.0001 falling to 0 over 400,000 steps, 0.6 of the items masked.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from sracl_core.settings.section import Backbone, Positive, Share
from sracl_core.settings.space import Choices, Range


class Settings(Backbone):
    """A backbone that reads both ways."""

    main: ClassVar[str] = "masked_item"

    name: Literal["bert4rec"] = Field("bert4rec", description="Backbone.")
    layers: Annotated[Positive, Range(1, 3)] = Field(2, description="Transformer layers.")
    heads: Annotated[Positive, Choices((1, 2, 4))] = Field(
        2, description="Attention heads; a divisor of the hidden size."
    )
    inner_size: Positive = Field(256, description="Width of the feed-forward layer.")
    attention_dropout: Annotated[Share, Range(0.0, 0.6)] = Field(
        0.2, description="Dropout on attention weights."
    )

    @property
    def floats_per_token(self) -> int:
        """Of each layer: keys, values, queries, attention, feed-forward and their dropout masks."""
        return self.layers * (10 * self.hidden_size + 3 * self.inner_size + 3 * self.heads * self.max_length)

    @model_validator(mode="after")
    def _heads_divide(self) -> Settings:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}")
        return self

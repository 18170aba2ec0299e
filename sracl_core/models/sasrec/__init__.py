"""SASRec: a causal Transformer read at its last position.

Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018 (arXiv 1808.09781).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from sracl_core.settings.section import Backbone, Positive, Share
from sracl_core.settings.space import Choices, Range


class Settings(Backbone):
    """The backbone of the SRA-CL paper."""

    has_states: ClassVar[bool] = True
    name: Literal["sasrec"] = Field("sasrec", description="Backbone.")
    layers: Annotated[Positive, Range(1, 3)] = Field(2, description="Transformer layers.")
    heads: Annotated[Positive, Choices((1, 2, 4))] = Field(
        2, description="Attention heads; a divisor of the hidden size."
    )
    inner_size: Positive = Field(256, description="Width of the feed-forward layer.")
    attention_dropout: Annotated[Share, Range(0.0, 0.6)] = Field(
        0.5, description="Dropout on attention weights."
    )

    @property
    def floats_per_token(self) -> int:
        """Of each layer: keys, values, queries, attention, feed-forward and their dropout masks."""
        return self.layers * (10 * self.hidden_size + 3 * self.inner_size)

    @model_validator(mode="after")
    def _heads_divide(self) -> Settings:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}")
        return self

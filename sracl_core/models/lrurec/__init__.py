"""LRURec: linear recurrent units, trained in parallel and served one step an event.

Yue et al., "Linear Recurrent Units for Sequential Recommendation", WSDM 2024 (arXiv 2310.02367). A layer
keeps 2 d complex numbers,

    h_t = lambda * h_{t-1} + gamma * (B x_t + b),   y_t = LayerNorm(x_t + Dropout(Re(C h_t + c))),

lambda inside the unit circle, and goes on with a feed-forward layer. It has no positions: lambda alone knows
how long ago an item was. Since the recurrence is linear, powers of lambda replace its steps in training; an
encoder's `update` takes one more item from what it keeps, at the same cost for any history.

Published: 2 layers, d 64, inner size 256, |lambda| from 0.8 to 0.99 at the start, gamma from
sqrt(1 - |lambda|^2), dropout 0.2, AdamW 0.001 with decay 0.01, batch 128, window 50, all positions of a
sequence learned at once. Here items have no bias of their own.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from sracl_core.settings.section import Backbone, Positive
from sracl_core.settings.space import Range

Radius = Annotated[float, Field(gt=0.0, lt=1.0)]


class Settings(Backbone):
    """A backbone of linear recurrences."""

    has_states: ClassVar[bool] = True
    name: Literal["lrurec"] = Field("lrurec", description="Backbone.")
    layers: Annotated[Positive, Range(1, 3)] = Field(2, description="Recurrent layers.")
    inner_size: Positive = Field(256, description="Width of the feed-forward layer.")
    least_radius: Annotated[Radius, Range(0.1, 0.9)] = Field(
        0.8, description="Smallest |lambda| at the start: the shortest memory."
    )
    most_radius: Radius = Field(0.99, description="Largest |lambda| at the start: the longest memory.")

    @property
    def floats_per_token(self) -> int:
        """Of each layer: complex inputs and states at each doubling, feed-forward and dropout masks."""
        doublings = (self.max_length - 1).bit_length()
        return self.layers * ((6 + 4 * (1 + doublings)) * self.hidden_size + 4 * self.inner_size)

    @model_validator(mode="after")
    def _ring(self) -> Settings:
        if self.least_radius >= self.most_radius:
            raise ValueError(f"least_radius {self.least_radius} is not below most_radius {self.most_radius}")
        return self

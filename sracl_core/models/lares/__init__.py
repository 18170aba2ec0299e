"""LARES: a recommender that thinks for a few steps more, in states and without new weights.

Liu et al., "LARES: Latent Reasoning for Sequential Recommendation", 2025 (arXiv 2505.16865). A Transformer
reads the prefix to states H; then one more block is applied k times, at all positions,

    T_0 = H,   T_i = core(LayerNorm(W [T_(i-1); H])),   i = 1 .. k

and the last state of T_k ranks. The core is the same at each step, so that k is no part of what is learned:
the encoder's `steps` can be set to another number when it is asked. Its paper learns two alignments of states
beside; the first, of prefixes with one target, is `objectives.duorec` with `unsupervised=0` here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sracl_core.models import sasrec
from sracl_core.settings.section import Positive
from sracl_core.settings.space import Range


class Settings(sasrec.Settings):
    """A SASRec with a block that is applied again and again."""

    name: Literal["lares"] = Field("lares", description="Backbone.")  # type: ignore[assignment]
    layers: Annotated[Positive, Range(1, 3)] = Field(1, description="Transformer layers before the core.")
    core_layers: Positive = Field(1, description="Transformer layers of the core.")
    steps: Annotated[Positive, Range(1, 6)] = Field(4, description="Times that the core is applied (k).")

    @property
    def floats_per_token(self) -> int:
        """As SASRec's, for each layer as often as it is applied."""
        applied = self.layers + self.core_layers * self.steps
        return applied * (10 * self.hidden_size + 3 * self.inner_size)

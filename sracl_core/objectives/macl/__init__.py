"""MACL: contrast of views by text, in which pairs count by how alike they are.

Zhang et al., "Rethinking Contrastive Learning in Session-based Recommendation" (arXiv 2506.05044): a view
replaces items by near ones, or the whole session by a near one, where near is said by what describes items;
and pairs weigh by their use. With z_ij the similarity of the states i and j over the temperature, and c_ij
the cosine of their texts, at least 0, the loss of a state i whose partner is p is

    L_i = -log( exp(z_ip) / (exp(z_ip) + sum_j w_ij exp(z_ij)) ),   w_ij = (1 - c_ij) * n * soft_j(h z_ij)

where soft_j is a softmax over the n negatives j and h the hardness: hard ones count more, and such as say the
same less. L is the mean of L_i with weights c_ip exp(-h z_ip): a partner counts by how much it says the same,
and more where the encoder does not see it yet. The weights are constants to what is learned.

The paper's idea is kept. Its equation of the weights could not be read: this one is ours, as are all numbers.
Its graph encoder and its images are not here; texts alone say what is near.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sracl_core.objectives.contrast import ContrastSettings
from sracl_core.settings.section import Need, Share, Weight
from sracl_core.settings.space import Range


class Settings(ContrastSettings):
    """Views of either kind, and how much pairs differ in weight."""

    weight_by_name: ClassVar[float] = 0.1
    parts: ClassVar[tuple[str, ...]] = ("items", "sessions")
    read_by: ClassVar[Mapping[str, str]] = {"substitute": "items"}
    similarity: Literal["cosine", "dot"] = Field("cosine", description="Similarity in InfoNCE.")
    temperature: Annotated[float, Field(gt=0.0), Range(0.05, 2.0, log=True)] = Field(
        0.1, description="Divides the similarity."
    )
    items: Weight = Field(1.0, description="Share of the contrast with a view of near items.")
    sessions: Weight = Field(1.0, description="Share of the contrast with a near prefix.")
    substitute: Annotated[Share, Range(0.05, 0.6)] = Field(
        0.2, description="Share of a view's items replaced by a near one."
    )
    hardness: Annotated[Weight, Range(0.05, 1.0)] = Field(
        0.3, description="How much more a pair counts that the encoder gets wrong; 0: all alike."
    )

    @property
    def needs(self) -> frozenset[Need]:
        """What prefixes say, and what is near of either kind."""
        found: set[Need] = {"prefix_vectors"}
        if self.items:
            found.add("item_neighbors")
        if self.sessions:
            found.add("prefix_neighbors")
        return frozenset(found)

    def sequences_per_anchor(self, k: int) -> int:
        """A view of each kind."""
        return bool(self.items) + bool(self.sessions)

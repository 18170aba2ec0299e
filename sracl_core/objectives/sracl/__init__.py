"""SRA-CL: contrast between users and within a user, by what texts call near.

Cui et al., "Semantic Retrieval Augmented Contrastive Learning for Sequential Recommendation",
NeurIPS 2025 (arXiv 2503.04162): alpha * L_inter + beta * L_intra.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sracl_core.settings.section import Need, ObjectiveSettings, Share, Weight
from sracl_core.settings.space import Range


class Settings(ObjectiveSettings):
    """L_inter and L_intra; a weight of 0 switches a part off."""

    parts: ClassVar[tuple[str, ...]] = ("alpha", "beta")
    read_by: ClassVar[Mapping[str, str]] = {
        "synthesizer": "alpha",
        "synthesizer_dropout": "alpha",
        "neighbor_states": "alpha",
        "neighbors_per_step": "alpha",
        "substitution": "beta",
    }
    weight: Weight = Field(1.0, description="Of both parts together; 0 switches both off.")
    alpha: Annotated[Weight, Range(0.01, 0.5, log=True)] = Field(
        0.1, description="Weight of L_inter (between users)."
    )
    beta: Annotated[Weight, Range(0.01, 0.5, log=True)] = Field(
        0.1, description="Weight of L_intra (within a user)."
    )
    similarity: Literal["cosine", "dot"] = Field("cosine", description="Similarity in InfoNCE.")
    temperature: Annotated[float, Field(gt=0.0), Range(0.05, 1.0, log=True)] = Field(
        0.1, description="Divides the similarity."
    )
    synthesizer: Literal["learned", "mean"] = Field(
        "learned", description="How neighbors' states are mixed into one positive."
    )
    synthesizer_dropout: Share = Field(
        0.5, description="Chance that a neighbor is left out of a mix; one of them always stays."
    )
    neighbor_states: Literal["live", "cached"] = Field(
        "live",
        description="live: neighbors are encoded in the step, with gradient. cached: their states from the "
        "epoch's start, without gradient.",
    )
    neighbors_per_step: Annotated[int, Field(ge=0)] = Field(
        0, description="Neighbors drawn from the k at each step; 0 takes all k."
    )
    substitution: Annotated[Share, Range(0.05, 0.6)] = Field(
        0.2, description="Share of a view's items replaced by a neighbor."
    )

    @property
    def needs(self) -> frozenset[Need]:
        """Near prefixes (and their vectors, where weights are learned) and near items."""
        found: set[Need] = set()
        if self.alpha:
            found |= {"prefix_neighbors"}
            if self.synthesizer == "learned":
                found |= {"prefix_vectors"}
        if self.beta:
            found |= {"item_neighbors"}
        return frozenset(found)

    @property
    def unread(self) -> dict[str, str]:
        """Also the dropout of weights that are not learned."""
        of_learned = {} if self.synthesizer == "learned" else {"synthesizer_dropout": "synthesizer=learned"}
        return of_learned | super().unread

    def sequences_per_anchor(self, k: int) -> int:
        """Two views, and the neighbors where they are encoded live."""
        live = (self.neighbors_per_step or k) if self.neighbor_states == "live" else 0
        return (2 if self.beta else 0) + (live if self.alpha else 0)

    def floats_per_prefix(self, hidden_size: int) -> int:
        """A state, where those of neighbors are cached."""
        return hidden_size if self.alpha and self.neighbor_states == "cached" else 0

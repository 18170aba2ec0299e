"""CoSeRec: contrast of two views made with correlated items.

Liu et al., "Contrastive Self-supervised Sequential Recommendation with Robust Augmentation"
(arXiv 2108.06479), sections 4.2 and 4.3: two views, each by one operator drawn for each sequence; short
sequences get only those that leave most of them. As published: a weight of 0.1, short up to 12 items,
insert 0.5, substitute 0.05, crop 0.2, mask 0.7, reorder 0.2, dot product, temperature 1.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from sracl_core.objectives.contrast import ContrastSettings
from sracl_core.settings.section import Share
from sracl_core.settings.space import Range


class Settings(ContrastSettings):
    """The five operators, and what they call correlated."""

    weight_by_name: ClassVar[float] = 0.1
    short: Annotated[int, Field(ge=0)] = Field(
        12, description="Sequences of up to so many items get only substitute, insert and mask."
    )
    substitute: Annotated[Share, Range(0.05, 0.9)] = Field(
        0.05, description="Share of items replaced by their most correlated one."
    )
    insert: Annotated[Share, Range(0.05, 0.9)] = Field(
        0.5, description="Share of items before which the most correlated one is put."
    )
    mask: Annotated[Share, Range(0.05, 0.9)] = Field(
        0.7, description="Share of a sequence's items that a masked view leaves blank."
    )
    crop: Annotated[Share, Range(0.05, 0.9)] = Field(
        0.2, description="Share of a sequence that a cropped view keeps."
    )
    reorder: Annotated[Share, Range(0.05, 0.9)] = Field(
        0.2, description="Share of a sequence that a reordered view shuffles."
    )
    warm_up: Annotated[int, Field(ge=0)] = Field(
        10, description="Epochs before the model's own item embeddings say as well what is correlated."
    )

    def sequences_per_anchor(self, k: int) -> int:
        """Two views."""
        return 2

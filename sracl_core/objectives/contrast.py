"""What objectives that contrast states can be told alike."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sracl_core.settings.section import ObjectiveSettings, Share, Weight
from sracl_core.settings.space import Range


class ContrastSettings(ObjectiveSettings):
    """How two states are compared: by default as most papers do, by their dot product as it is."""

    weight: Annotated[Weight, Range(0.01, 1.0, log=True)] = Field(
        0.0, description="Its share of the loss; 0 switches it off."
    )
    similarity: Literal["cosine", "dot"] = Field("dot", description="Similarity in InfoNCE.")
    temperature: Annotated[float, Field(gt=0.0), Range(0.05, 2.0, log=True)] = Field(
        1.0, description="Divides the similarity."
    )


Crop = Annotated[Share, Range(0.1, 0.9), Field(description="Share of a sequence that a cropped view keeps.")]
Mask = Annotated[
    Share, Range(0.1, 0.9), Field(description="Share of a sequence's items that a masked view leaves blank.")
]
Reorder = Annotated[
    Share, Range(0.1, 0.9), Field(description="Share of a sequence that a reordered view shuffles.")
]


class ViewSettings(ContrastSettings):
    """Two random views of each prefix, by one of three operators each; see `augment.random_operators`."""

    crop: Crop = 0.6
    mask: Mask = 0.3
    reorder: Reorder = 0.6

    def sequences_per_anchor(self, k: int) -> int:
        """The views."""
        return 2

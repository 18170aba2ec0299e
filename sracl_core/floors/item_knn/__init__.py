"""Items that the same users had as the history's items (item-kNN, cosine).

Sarwar et al., "Item-based Collaborative Filtering Recommendation Algorithms", WWW 2001; with the decay as
in Jannach and Ludewig, "When Recurrent Neural Networks meet the Neighborhood", RecSys 2017.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sracl_core.settings.section import Floor, Positive
from sracl_core.settings.space import Range


class Settings(Floor):
    """Neighbors by co-occurrence."""

    name: Literal["item_knn"] = Field("item_knn", description="Floor.")
    neighbors: Annotated[Positive, Range(10, 1000, log=True)] = Field(
        100, description="Nearest items that each item of a history speaks for."
    )
    decay: Annotated[float, Field(gt=0.0, le=1.0), Range(0.2, 1.0)] = Field(
        1.0, description="Weight of an item of the history relative to the one after it; 1 is no decay."
    )

"""Items whose texts are near those of the history: no interaction of anybody else is read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sracl_core.settings.section import Floor, Need
from sracl_core.settings.space import Range


class Settings(Floor):
    """The mean of the history's text vectors against those of all items."""

    name: Literal["text_knn"] = Field("text_knn", description="Floor.")
    decay: Annotated[float, Field(gt=0.0, le=1.0), Range(0.2, 1.0)] = Field(
        1.0, description="Weight of an item of the history relative to the one after it; 1 is no decay."
    )

    @property
    def needs(self) -> frozenset[Need]:
        """The items' texts."""
        return frozenset({"item_vectors"})

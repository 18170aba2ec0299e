"""What objectives that contrast states can be told alike."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sracl_core.settings.section import ObjectiveSettings


class ContrastSettings(ObjectiveSettings):
    """How two states are compared: by default as most papers do, by their dot product as it is."""

    similarity: Literal["cosine", "dot"] = Field("dot", description="Similarity in InfoNCE.")
    temperature: Annotated[float, Field(gt=0.0)] = Field(1.0, description="Divides the similarity.")

"""ICLRec: contrast with the intent of a sequence, one of K clusters found anew each epoch.

Chen et al., "Intent Contrastive Learning for Sequential Recommendation", WWW 2022 (arXiv 2202.02519),
sections 4.2 to 4.4: the weight times (two views against each other + each view against the centroid of
its sequence, where the negatives are the batch's centroids of other intents). As published: weights of
0.1, 256 intents, mean-pooled states, crop 0.2, mask 0.7, reorder 0.2, dot product, temperature 1.

Its public code computes something else than the paper says, and what it published comes from that
(`compare=padded`): padding's states count like those of items, views are compared by all states at once,
centroids have length 1, other views are negatives of a view beside all centroids, also those of its own
intent, and the two views' losses are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from sracl_core.objectives.contrast import Crop, Mask, Reorder, ViewSettings
from sracl_core.settings.section import Sizes, Weight
from sracl_core.settings.space import Choices


class Settings(ViewSettings):
    """Both parts, the clusters, and the operators that make views."""

    weight_by_name: ClassVar[float] = 0.1
    parts: ClassVar[tuple[str, ...]] = ("instances", "intents")
    read_by: ClassVar[Mapping[str, str]] = {"clusters": "intents"}
    instances: Weight = Field(1.0, description="Share of two views of a sequence against each other.")
    intents: Weight = Field(1.0, description="Share of each view against its sequence's centroid.")
    clusters: Annotated[int, Field(ge=2), Choices((64, 128, 256, 512))] = Field(
        256, description="Intents (K), at most the users."
    )
    pooling: Literal["mean", "last"] = Field(
        "mean", description="What stands for a sequence: the mean of its states, or the last one."
    )
    compare: Literal["pooled", "padded"] = Field(
        "pooled",
        description="What stands for a sequence: its items' states pooled, as in the paper; padded: all "
        "states of a padded row, as in its public code, for backbone sasrec alone.",
    )
    crop: Crop = 0.2
    mask: Mask = 0.7
    reorder: Reorder = 0.2

    @model_validator(mode="after")
    def _code_has_means(self) -> Settings:
        if self.pooling == "last":
            self.refuse_unread(("compare",), "pooling", "mean")
        return self

    @property
    def reads_padding(self) -> bool:
        """The padded views."""
        return self.compare == "padded"

    def misfit(self, sizes: Sizes) -> str:
        """More intents than users, and states that the backbone has not."""
        if self.intents and self.clusters > sizes.users:
            return (
                f"objectives.iclrec.clusters {self.clusters} is more than the {sizes.users} users whose "
                "sequences are clustered; lower it"
            )
        if self.pooling == "mean" and not sizes.states:
            return (
                "objectives.iclrec.pooling=mean cannot be had of a backbone that has no state after each "
                "item; set it to last"
            )
        if self.compare == "padded" and sizes.backbone != "sasrec":
            return (
                "objectives.iclrec.compare=padded cannot be had of a backbone whose padding has no states; "
                "set it to pooled, or model.name to sasrec"
            )
        return ""

"""Next item: cross-entropy of the state against the item embeddings (L_rec)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from sracl_core.settings.section import Need, ObjectiveSettings, Positive, Share, Sizes, Weight
from sracl_core.settings.space import Range


class Settings(ObjectiveSettings):
    """L_rec, against every item or against sampled ones.

    bce is the loss of SASRec's own paper (arXiv 1808.09781, section 3.6): -log sigmoid(score of the target)
    - log(1 - sigmoid(score of one item that the user has never had)), a prefix. sequences are the examples of
    that paper, and of CoSeRec's and ICLRec's code; all states of a batch count alike.
    """

    main: ClassVar[bool] = True
    weight: Weight = Field(1.0, description="Its share of the loss; 0 switches it off.")
    loss: Literal["full", "sampled", "bce"] = Field(
        "full",
        description="Softmax over every item, or over the target and sampled negatives. bce: yes or no to "
        "the target and to one sampled item.",
    )
    examples: Literal["prefixes", "sequences"] = Field(
        "prefixes",
        description="prefixes: each is an example, whose last state predicts. sequences: each user's items, "
        "from the end in windows of model.max_length, are one, of which every state predicts; fewer steps.",
    )
    smoothing: Annotated[Share, Range(0.0, 0.4)] = Field(
        0.0,
        description="Not with loss=bce: share of a target that its nearest items by text get.",
    )
    neighbor_targets: Annotated[Share, Range(0.0, 0.4)] = Field(
        0.0,
        description="Not with loss=bce: share of a target that what followed near prefixes gets, by text.",
    )
    residual: bool = Field(
        False,
        description="loss=full: what model.evidence says is added to the scores in the loss, too, without "
        "what the example itself gave, so that the states learn what it leaves over.",
    )
    negatives: Positive = Field(1024, description="loss=sampled: negatives shared by a batch.")
    sampling: Literal["uniform", "popularity"] = Field(
        "popularity", description="loss=sampled: how negatives are drawn; log-q corrected."
    )

    @property
    def needs(self) -> frozenset[Need]:
        """Neighbors where targets are shared with them."""
        shared: dict[Need, float] = {
            "item_neighbors": self.smoothing,
            "prefix_neighbors": self.neighbor_targets,
        }
        return frozenset(name for name, share in shared.items() if share)

    @property
    def unread(self) -> dict[str, str]:
        """Also what the full softmax alone reads."""
        of_full = {} if self.loss == "full" else {"residual": "loss=full"}
        return of_full | super().unread

    def misfit(self, sizes: Sizes) -> str:
        """As many negatives as items, and sequences for a backbone that has no state after each item."""
        if self.examples == "sequences" and not sizes.states:
            return (
                "objectives.next_item.examples=sequences cannot be had of a backbone that has no state after "
                "each item; set it to prefixes"
            )
        if self.loss != "sampled" or self.negatives < sizes.items:
            return ""
        return (
            f"objectives.next_item.negatives {self.negatives} are not fewer than the {sizes.items} items; "
            "take fewer, or --set objectives.next_item.loss=full"
        )

    @property
    def reads_every_item(self) -> bool:
        """Only the full softmax does."""
        return self.loss == "full"

    @model_validator(mode="after")
    def _what_the_loss_reads(self) -> Settings:
        if self.loss != "sampled":
            self.refuse_unread(("negatives", "sampling"), "loss", "sampled")
        if self.loss == "bce":
            self.refuse_unread(("smoothing", "neighbor_targets"), "loss", "full")
        return self

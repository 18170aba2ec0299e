"""DuoRec: contrast by a second dropout mask, and with a sequence that led to the same item.

Qiu et al., "Contrastive Learning for Representation Degeneration Problem in Sequential
Recommendation", WSDM 2022 (arXiv 2110.05730), section 3: the weight times (L_unsupervised +
L_supervised). As published: a weight of 0.1, dot product, temperature 1.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from sracl_core.objectives.contrast import ContrastSettings
from sracl_core.settings.section import Weight


class Settings(ContrastSettings):
    """Both parts of DuoRec's regularization."""

    weight_by_name: ClassVar[float] = 0.1
    parts: ClassVar[tuple[str, ...]] = ("unsupervised", "supervised")
    unsupervised: Weight = Field(1.0, description="Share of the same prefix under another dropout mask.")
    supervised: Weight = Field(1.0, description="Share of another prefix that the same item followed.")

    def sequences_per_anchor(self, k: int) -> int:
        """The prefix once more, and one of the same target."""
        return bool(self.unsupervised) + bool(self.supervised)

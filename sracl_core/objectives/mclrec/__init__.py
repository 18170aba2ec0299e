"""MCLRec: contrast of two random views, and of views that are learned from their states.

Qin et al., "Meta-optimized Contrastive Learning for Sequential Recommendation", SIGIR 2023 (arXiv
2304.07763). Two random views have the states h1 and h2, two small networks make z1 = f1(h1) and z2 = f2(h2);
the weight is that of

    L(h1, h2) + learned * (sum of L + margin * R over (h1, z2), (h2, z1) and (z1, z2))

L is InfoNCE. R keeps learned views from being all alike: a state's positive p and negatives n are held to
lo = min(p, max n) and hi = max(p, max n), as mean(p - lo) + mean over n of max(0, hi - n). Published: crop
0.5, mask 0.5, reorder 0.8, weight 0.01, margin 0.1. There the networks take a step of their own after the
encoder's; here both follow one backward pass: they learn from the encoder as the step before left it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from sracl_core.objectives.contrast import Crop, Mask, Reorder, ViewSettings
from sracl_core.settings.section import Weight
from sracl_core.settings.space import Range


class Settings(ViewSettings):
    """The operators of random views, and what learned ones count."""

    weight_by_name: ClassVar[float] = 0.01
    read_by: ClassVar[Mapping[str, str]] = {"margin": "learned"}
    learned: Weight = Field(1.0, description="Share of the contrasts of learned views; 0 makes none.")
    margin: Annotated[Weight, Range(0.01, 0.5, log=True)] = Field(
        0.1, description="Share of the margins that keep learned views apart."
    )
    crop: Crop = 0.5
    mask: Mask = 0.5
    reorder: Reorder = 0.8

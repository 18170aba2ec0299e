"""Masked item: hide items of a training sequence and name them from both sides (the cloze task).

Sun et al., CIKM 2019 (arXiv 1904.06690), section 3.6: the mean, over masked positions, of the cross-entropy
of the state at the mask against all items. Its examples are not prefixes but the training sequences, cut into
windows from their ends where they are longer than the encoder reads, each several times an epoch and masked
anew each time; in a share of them the last item alone is masked, as when the next one is asked for. A
held-out item is in no training sequence.

Published: 0.6 of the items masked on Beauty (0.2 on MovieLens, 0.4 on Steam), each sequence ten times and
once more with the last item alone masked.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from sracl_core.settings.section import ObjectiveSettings, Positive, Share, Weight
from sracl_core.settings.space import Range


class Settings(ObjectiveSettings):
    """What a backbone that reads both ways learns from."""

    main: ClassVar[bool] = True
    weight: Weight = Field(1.0, description="Its share of the loss; 0 switches it off.")
    mask_share: Annotated[float, Field(gt=0.0, lt=1.0), Range(0.1, 0.7)] = Field(
        0.3, description="Share of a sequence's items that are masked; one at least."
    )
    last_share: Annotated[Share, Range(0.0, 0.5)] = Field(
        0.1, description="Share of examples in which the last item alone is masked, as when asked."
    )
    copies: Positive = Field(10, description="Times that an epoch sees each sequence, masked anew each time.")

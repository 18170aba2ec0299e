"""CL4SRec: contrast of two random views, each cropped, masked or reordered.

Xie et al., "Contrastive Learning for Sequential Recommendation", ICDE 2022 (arXiv 2010.14395),
section 3.2: each view finds the other of its sequence among all views of the batch. As published: a
weight of 0.1, crop 0.6, mask 0.3, reorder 0.6, dot product, temperature 1.
"""

from __future__ import annotations

from typing import ClassVar

from sracl_core.objectives.contrast import ViewSettings


class Settings(ViewSettings):
    """The three operators; each view is made by one of them, drawn for each sequence."""

    weight_by_name: ClassVar[float] = 0.1

"""Next digits: the digits of the next item, all at once.

Hou et al., KDD 2025 (arXiv 2506.05781): the sum over an item's m digits of the cross-entropy of each, divided
by m as in its code, so that the weights of other objectives mean the same beside it.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from sracl_core.settings.section import ObjectiveSettings, Weight


class Settings(ObjectiveSettings):
    """What a backbone whose items have digits learns from."""

    main: ClassVar[bool] = True
    weight: Weight = Field(1.0, description="Its share of the loss; 0 switches it off.")

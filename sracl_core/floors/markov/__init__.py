"""What followed the last item, as often as it did (first-order Markov chain)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sracl_core.settings.section import Floor


class Settings(Floor):
    """Nothing can be set."""

    name: Literal["markov"] = Field("markov", description="Floor.")

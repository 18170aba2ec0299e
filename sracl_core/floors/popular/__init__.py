"""The most popular items, the same for everybody."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sracl_core.settings.section import Floor


class Settings(Floor):
    """Nothing can be set."""

    name: Literal["popular"] = Field("popular", description="Floor.")

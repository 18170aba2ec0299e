"""What the user had most often, then what everybody has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sracl_core.settings.section import Floor


class Settings(Floor):
    """Nothing can be set."""

    name: Literal["user_popular"] = Field("user_popular", description="Floor.")

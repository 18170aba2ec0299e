"""GRU4Rec: a gated recurrent network read at its last step.

Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks", ICLR 2016 (arXiv
1511.06939), with the tied output embeddings and full softmax that the SRA-CL paper compares with.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sracl_core.settings.section import Backbone, Positive
from sracl_core.settings.space import Range


class Settings(Backbone):
    """A recurrent backbone."""

    has_states: ClassVar[bool] = True
    name: Literal["gru4rec"] = Field("gru4rec", description="Backbone.")
    layers: Annotated[Positive, Range(1, 3)] = Field(2, description="Recurrent layers.")

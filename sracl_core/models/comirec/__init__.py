"""ComiRec: several interests a user, each a mean of items that self-attention weighs.

Cen et al., "Controllable Multi-Interest Framework for Recommendation", KDD 2020 (arXiv 2005.09347), its
self-attentive form. With e_t the item at place t and p_t the place, interest k of a sequence is

    v_k = sum_t a_kt M e_t,   a_k = softmax_t( u_k . tanh(W (e_t + p_t)) )

An item's score is that of the interest that likes it best, max_k v_k . e; in training only the interest that
likes the target best is read. As published: 4 interests, W four times as wide as an embedding, and no map M
(`values=items`): interests then lie among the items that they are made of, and what follows an item, but is
unlike it, is out of reach. It is the implicit side of EIMF (arXiv 2411.09410), whose other side, of users'
texts, is `objectives.eimf`. Objectives that compare states compare the interests end to end.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sracl_core.settings.section import Backbone, Positive
from sracl_core.settings.space import Range

WIDER = 4
"""W against an embedding, as published."""


class Settings(Backbone):
    """Interests in place of one state."""

    name: Literal["comirec"] = Field("comirec", description="Backbone.")
    interests: Annotated[Positive, Range(2, 8)] = Field(4, description="Interests of a user (K).")

    values: Literal["mapped", "items"] = Field(
        "mapped",
        description="What an interest is a mean of: mapped item embeddings, or, as published, these alone.",
    )

    @property
    def vectors_per_state(self) -> int:
        """One for each interest."""
        return self.interests

    @property
    def floats_per_token(self) -> int:
        """Embeddings, their dropout, what is inside tanh, and each interest's weights."""
        return (4 + 2 * WIDER) * self.hidden_size + 3 * self.interests

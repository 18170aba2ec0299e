"""RPG: an item is a handful of digits, all of which are predicted at once.

Hou et al., "Generating Long Semantic IDs in Parallel for Recommendation", KDD 2025 (arXiv 2506.05781). The
text vectors are cut into m parts; in each, k-means finds `codebook` centroids, and the nearest one is the
item's digit (product quantization). An item is read as the mean of its digits' embeddings. The state s goes
through one head a digit, and an item's score is the sum of what its digits get:

    g_j(s) = s + SiLU(W_j s + b_j),   log p(c_j | s) = log softmax_c(cos(g_j(s), e_jc) / temperature)

so that every item is ranked, without a beam. An item that is new but has a text has digits too: there is no
embedding of an item alone. Published for Beauty: 32 digits of 256, temperature 0.03, rate 0.01. There the
vectors are rotated before the cut (OPQ), the Transformer is GPT-2's and digits begin at random. Here vectors
are cut as they come, the Transformer is SASRec's, and a digit begins at the mean of where the items that have
it would begin as items of their own (docs/experiments.md).

Digits can be made in two other ways, see `digits.py`. `ids=residual` are those of GREAM (arXiv 2510.20815):
k-means of the vectors, then of what each centroid leaves of them, and so on, from coarse to fine.
`ids=aspects` follow LAMIA (Liu et al., arXiv 2409.07276): m independent vectors an item, which together give
back its text, each clustered to a digit. LAMIA tunes a language model for its vectors; these are the linear
case, principal components dealt out to m aspects of like weight.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from sracl_core.models import sasrec
from sracl_core.settings.section import Positive, Sizes
from sracl_core.settings.space import Choices, Range


class Settings(sasrec.Settings):
    """A SASRec whose items are digits."""

    main: ClassVar[str] = "next_digits"

    name: Literal["rpg"] = Field("rpg", description="Backbone.")  # type: ignore[assignment]
    item_init: Literal["random", "text"] = Field(
        "text",
        description="Where digits come from and their embeddings begin: the items' text vectors, or drawn at "
        "random, which shows what texts are worth.",
    )
    ids: Literal["product", "residual", "aspects"] = Field(
        "product",
        description="How digits are made of a vector: of its parts as they stand, of what the digits before "
        "leave of it (GREAM), or of independent aspects (LAMIA).",
    )
    digits: Annotated[Positive, Choices((8, 16, 32))] = Field(
        32, description="Digits of an item (m); at most the dimensions of its vector, unless ids=residual."
    )
    codebook: Annotated[int, Field(ge=2)] = Field(
        256, description="Values that a digit can have, at most the items."
    )
    digit_temperature: Annotated[float, Field(gt=0.0), Range(0.02, 0.2, log=True)] = Field(
        0.03, description="Divides the cosine of a head's output and a digit's embedding."
    )

    def misfit(self, sizes: Sizes) -> str:
        """More digits than can be cut of a vector, more values of one than items."""
        if self.item_init != "text":
            return ""
        if self.codebook > sizes.items:
            return f"model.codebook {self.codebook} is more than the {sizes.items} items; lower it"
        if self.ids == "residual" or sizes.text_size is None or self.digits <= (size := sizes.text_size()):
            return ""
        return f"model.digits {self.digits} is more than the {size} dimensions of a text vector; lower it"

    @model_validator(mode="after")
    def _ids_are_read(self) -> Settings:
        if self.item_init != "text":
            self.refuse_unread(("ids",), "item_init", "text")
        return self

"""EIMF: interests that a language model wrote of users teach those that are read from their items.

Qiao et al., "LLM-based Bi-level Multi-interest Learning Framework for Sequential Recommendation" (arXiv
2411.09410). With t a prefix's text vector, z = M t a learned map of it into the item space, v the state (of
several interests the one that likes the target best) and e the item embeddings,

    alignment = InfoNCE(v, z),   prediction = cross-entropy of the target by softmax(z . e)

so that v learns what the text knows, and items alone are needed to recommend. With `semantics.users=llm`
texts are those that `sracl describe` wrote of users; without, the titles of their items stand in for them.

There a language model names several interests of typical users of each cluster, and only these are aligned;
here every prefix has one text. The shares are ours: the published ones could not be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sracl_core.objectives.contrast import ContrastSettings
from sracl_core.settings.section import Need, Weight
from sracl_core.settings.space import Range


class Settings(ContrastSettings):
    """Both tasks of the text side."""

    weight_by_name: ClassVar[float] = 0.1
    parts: ClassVar[tuple[str, ...]] = ("alignment", "prediction")
    read_by: ClassVar[Mapping[str, str]] = {"similarity": "alignment", "temperature": "alignment"}
    similarity: Literal["cosine", "dot"] = Field("cosine", description="Similarity in InfoNCE.")
    temperature: Annotated[float, Field(gt=0.0), Range(0.05, 2.0, log=True)] = Field(
        0.1, description="Divides the similarity."
    )
    alignment: Weight = Field(1.0, description="Share of the contrast of states and texts.")
    prediction: Weight = Field(1.0, description="Share of finding the next item by the text alone.")

    @property
    def needs(self) -> frozenset[Need]:
        """What prefixes say."""
        return frozenset({"prefix_vectors"})

    @property
    def reads_every_item(self) -> bool:
        """Where the next item is found among all."""
        return self.prediction > 0

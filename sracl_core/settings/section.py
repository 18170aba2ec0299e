"""What the settings of every stage and of every method are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from sracl_core.settings.space import Choices, Range
from sracl_core.settings.told import Told

WHOLE_HISTORY = 2**31
"""As many items as no history has."""

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0.0)]
LARGEST = 2**31 - 1
"""No count is larger that anything can be made of."""

Need = Literal["item_words", "item_vectors", "item_neighbors", "prefix_vectors", "prefix_neighbors"]
"""What a method can ask of the texts; no stage computes what nobody asked for."""


@dataclass(frozen=True)
class Sizes:
    """What a method meets in a run: of the data, and of the backbone.

    users: with a training sequence. text_size: asks for the width of the text vectors; None where
    nobody is to load their encoder for it.
    backbone: its name. states: whether it has a state after each item.
    """

    users: int
    items: int
    hidden_size: int
    backbone: str
    states: bool
    text_size: Callable[[], int] | None = None


class Section(Told):
    """Base of all sections: unknown keys are refused, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _fits_a_machine(self) -> Self:
        """Of a seed its own field says more."""
        for name, value in self:
            if isinstance(value, int) and value > LARGEST and name != "seed":
                raise ValueError(f"{name} is {value}, and should be at most {LARGEST}")
        return self

    def refuse_unread(self, names: Iterable[str], setting: str, needed: str) -> None:
        """Raise ValueError where one of `names` was set, which only `setting` = `needed` reads."""
        for name in self.changed(names):
            raise ValueError(
                f"{name} is not read with {setting}={getattr(self, setting)}; it needs {setting}={needed}"
            )

    def changed(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that do not have their default."""
        fields = type(self).model_fields
        return [name for name in names if getattr(self, name) != fields[name].default]


class Backbone(Section):
    """What every sequence encoder can be told; a backbone's own Settings add `name` and the rest."""

    main: ClassVar[str] = "next_item"
    """The objective that the backbone is made for, which owns the examples of an epoch."""
    whole_window: ClassVar[bool] = False
    """Whether a row is padded to `max_length` and read as a whole, for the estimate of memory."""

    has_states: ClassVar[bool] = False
    """Whether `SequenceEncoder.states` gives the state after each item of a sequence."""

    name: str
    hidden_size: Annotated[Positive, Choices((32, 64, 128))] = Field(
        64, description="Width of states and item embeddings (d)."
    )
    dropout: Annotated[Share, Range(0.0, 0.6)] = Field(
        0.2, description="Dropout on embeddings and hidden layers."
    )
    max_length: Annotated[Positive, Choices((20, 50))] = Field(
        20, description="Items of a prefix that the encoder reads, the latest."
    )
    item_init: Literal["random", "text"] = Field(
        "text",
        description="Start of the item embeddings: normal, or the leading principal components of the "
        "items' text vectors.",
    )
    item_std: Annotated[float, Field(gt=0.0)] = Field(
        0.05, description="Standard deviation of the item embeddings' start; all else starts at 0.02."
    )
    item_anchor: Annotated[Share, Choices((0.0, 0.0003, 0.001))] = Field(
        0.0,
        description="item_init=text: share of the way back to their start that each step at the full rate "
        "pulls the item embeddings, n items of one text by an nth each; keeps them from overfitting.",
    )
    repeats: Literal["none", "fitted", "counted"] = Field(
        "none",
        description="fitted: after each epoch, the encoder frozen, a bias by recency on the scores of items "
        "that a history holds; negative where people do not buy again, positive where they do. counted: and "
        "how often the whole history holds them, by two weights chosen on validation.",
    )
    evidence: Literal["none", "transitions", "words", "both"] = Field(
        "none",
        description="What is added to the scores of items that the history does not hold, by weights fitted "
        "on validation, the encoder frozen: what followed its items in training, or has the same words.",
    )

    @model_validator(mode="after")
    def _anchor_is_read(self) -> Backbone:
        if self.item_init != "text":
            self.refuse_unread(("item_anchor",), "item_init", "text")
        return self

    @property
    def needs(self) -> frozenset[Need]:
        """What the backbone asks of the texts."""
        asked: dict[Need, bool] = {
            "item_vectors": self.item_init == "text",
            "item_words": "words" in self.kinds_of_evidence,
        }
        return frozenset(need for need, there in asked.items() if there)

    def misfit(self, sizes: Sizes) -> str:
        """What is wrong with it for a run of these sizes, and what to do; "" where nothing is."""
        return ""

    @property
    def reach(self) -> int:
        """Latest items of a history that scores read: as many as the encoder, or all, to be counted."""
        return WHOLE_HISTORY if self.repeats == "counted" else self.max_length

    @property
    def kinds_of_evidence(self) -> tuple[str, ...]:
        """The kinds that `evidence` names."""
        return {"none": (), "both": ("transitions", "words")}.get(self.evidence, (self.evidence,))

    @property
    def vectors_per_state(self) -> int:
        """How many vectors as wide as an item's a state is."""
        return 1

    @property
    def state_size(self) -> int:
        """Width of a state."""
        return self.vectors_per_state * self.hidden_size

    @property
    def floats_per_token(self) -> int:
        """Activations of one token that training keeps, for the estimate of memory."""
        return 10 * self.hidden_size


class Floor(Section):
    """What stands in a backbone's place where a method only counts; its own Settings add to `name`."""

    max_length: ClassVar[int] = WHOLE_HISTORY
    reach: ClassVar[int] = WHOLE_HISTORY

    name: str

    @property
    def needs(self) -> frozenset[Need]:
        """What the floor asks of the texts."""
        return frozenset()


class ObjectiveSettings(Section):
    """What every objective can be told; a weight of 0 switches it off."""

    main: ClassVar[bool] = False
    """Whether a backbone learns from it first of all; of these a run has the one that its backbone names."""
    weight_by_name: ClassVar[float] = 1.0
    """What it weighs where somebody adds it by its name: as published, where that could be read."""
    parts: ClassVar[tuple[str, ...]] = ()
    """Settings that are shares of its parts: with all of them 0 it is off as with a weight of 0."""
    read_by: ClassVar[Mapping[str, str]] = {}
    """Settings that one part alone reads, and its share."""

    weight: Weight = Field(0.0, description="Its share of the loss; 0 switches it off.")

    @property
    def on(self) -> bool:
        """Whether anything of it is minimized."""
        return self.weight > 0 and (not self.parts or any(getattr(self, part) for part in self.parts))

    @property
    def needs(self) -> frozenset[Need]:
        """What the objective asks of the texts, while it is on."""
        return frozenset()

    @property
    def unread(self) -> dict[str, str]:
        """Its settings that a run of these values does not read, and which one would have to be what."""
        if not self.weight:
            return {name: "weight above 0" for name in type(self).model_fields if name != "weight"}
        kept = {"weight", *self.parts} if not self.on else set(type(self).model_fields)
        found = {name: self.parts[0] for name in type(self).model_fields if name not in kept}
        found |= {name: part for name, part in self.read_by.items() if not getattr(self, part)}
        return {name: f"{part} above 0" for name, part in found.items()}

    def misfit(self, sizes: Sizes) -> str:
        """What is wrong with it for a run of these sizes, and what to do; "" where nothing is."""
        return ""

    @property
    def reads_every_item(self) -> bool:
        """Whether its loss scores all items in each step, so that each embedding has a gradient."""
        return self.main

    @property
    def reads_padding(self) -> bool:
        """Whether its rows are padded to the window and read as a whole, for the estimate of memory."""
        return False

    def sequences_per_anchor(self, k: int) -> int:
        """Sequences beside the anchor that a step encodes for each, with `k` neighbors retrieved."""
        return 0

    def floats_per_prefix(self, hidden_size: int) -> int:
        """Floats that it keeps for every training prefix, for the estimate of memory."""
        return 0

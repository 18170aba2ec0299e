"""All settings of a run: its stages', the backbone's and the objectives', and what must fit together.

Where a value comes from (preset, file, environment, flag) is `layers`' concern.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Union

from pydantic import Field, create_model, model_validator

from sracl_core.methods import METRICS, backbones, floors, names, objectives
from sracl_core.settings.section import Backbone, Floor, Need, ObjectiveSettings, Section
from sracl_core.settings.stages import (
    DatasetConfig,
    DescribeConfig,
    EvaluationConfig,
    RetrievalConfig,
    SemanticsConfig,
    TrainingConfig,
)

FIRST_BACKBONE = "sasrec"
MASKS = ("unmasked", "masked")
NEAR_PREFIXES = "an objective with near prefixes"
RENAMED = {"objective": "objectives"}
"""Sections that earlier versions wrote under another name, and which are still read."""

if TYPE_CHECKING:
    AnyBackbone = Backbone
    Objectives = Section
else:
    # What is found decides which settings there are: those of another backbone are unknown keys. A floor
    # stands in a backbone's place, and has no attribute but `name`, `needs` and `max_length` for certain.
    AnyBackbone = Annotated[
        Union[tuple(method.settings for method in (backbones() | floors()).values())],  # noqa: UP007
        Field(discriminator="name"),
    ]
    Objectives = create_model(
        "Objectives",
        __base__=Section,
        __doc__="What is minimized: the sum of the parts whose weight is not 0.",
        **{name: (method.settings, method.settings()) for name, method in objectives().items()},
    )


class RunConfig(Section):
    """All settings of a run; `config.yaml` in a run directory is exactly this."""

    dataset: DatasetConfig = DatasetConfig()
    semantics: SemanticsConfig = SemanticsConfig()
    describe: DescribeConfig = DescribeConfig()
    retrieval: RetrievalConfig = RetrievalConfig()
    model: AnyBackbone = backbones()[FIRST_BACKBONE].settings()
    objectives: Objectives = Objectives()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    OF_FLOORS: ClassVar = ("seed", "threads", "device", "monitor")
    """What a floor, which is not trained, takes of `training`."""

    @property
    def read_llm_texts(self) -> list[tuple[str, str]]:
        """(what, scope) of each kind of text by a language model that training reads."""
        kinds = [("items", "item")] if self.semantics.items == "llm" and self.needs else []
        of_prefixes = not self.needs.isdisjoint({"prefix_vectors", "prefix_neighbors"})
        if self.semantics.users == "llm" and of_prefixes:
            kinds.append(("users", self.describe.scope))
        return kinds

    def with_dataset(self, folder: Path | str) -> RunConfig:
        """The same settings for the dataset in `folder`."""
        dataset = self.dataset.model_copy(update={"path": str(folder)})
        return self.model_copy(update={"dataset": dataset})

    @property
    def floor(self) -> Floor | None:
        """The floor that this run counts; None where it trains a backbone."""
        model: object = self.model
        return model if isinstance(model, Floor) else None

    @property
    def active_objectives(self) -> dict[str, ObjectiveSettings]:
        """What is minimized, by name: the one that the backbone is made for, then all of some weight.

        Nothing for a floor.
        """
        if self.floor is not None:
            return {}
        every: dict[str, ObjectiveSettings] = {name: getattr(self.objectives, name) for name in objectives()}
        main = {self.model.main: every.pop(self.model.main)}
        return main | {name: one for name, one in every.items() if one.on and not one.main}

    @property
    def why_dense(self) -> str:
        """The setting because of which a step reaches every item embedding; "" where there is none."""
        every = [name for name, one in self.active_objectives.items() if one.reads_every_item]
        if every:
            return f"objectives.{every[0]}, which reads every item in each step"
        reaching = {
            "training.weight_decay": self.training.weight_decay,
            "model.item_anchor": getattr(self.model, "item_anchor", 0.0),
        }
        return next((name for name, value in reaching.items() if value), "")

    @property
    def why_whole(self) -> str:
        """Because of what each process needs all item embeddings; "" where there is nothing such."""
        others = [name for name in self.active_objectives if name != "next_item"]
        if others:
            return f"objectives.{others[0]}, which may read any of the item embeddings"
        if self.model.evidence != "none":
            return f"model.evidence={self.model.evidence}, whose tables are as large as the item embeddings"
        if self.model.repeats == "counted":
            return "model.repeats=counted, which is fitted to the scores of all items"
        return ""

    @property
    def unread(self) -> dict[str, str]:
        """Settings of its objectives, semantics and retrieval that this run does not read, and what would.

        The record of a run holds them; a person who sets one is told.
        """
        found: dict[str, str] = {}
        for name in objectives():
            one: ObjectiveSettings = getattr(self.objectives, name)
            key = f"objectives.{name}"
            found |= {f"{key}.{field}": f"{key}.{why}" for field, why in one.unread.items()}
        if getattr(self.model, "evidence", "none") == "none":
            found["objectives.next_item.residual"] = "model.evidence=both, or one of its kinds"
        if self.needs.isdisjoint({"item_neighbors", "prefix_neighbors"}):
            found |= {
                f"retrieval.{name}": "an objective with neighbors" for name in RetrievalConfig.model_fields
            }
        elif "prefix_neighbors" not in self.needs:
            found |= dict.fromkeys(("retrieval.same_user", "retrieval.stride"), NEAR_PREFIXES)
        if self.needs.isdisjoint({"prefix_vectors", "prefix_neighbors"}):
            found |= dict.fromkeys(("semantics.users", "semantics.recency_decay"), NEAR_PREFIXES)
        if not self.reads_vectors:
            of_vectors = ("semantics.encoder", "semantics.batch_size")
            found |= dict.fromkeys(of_vectors, "a method with text vectors")
        if not self.needs:
            found |= {f"semantics.{key}": "a method with texts" for key in SemanticsConfig.model_fields}
        return found

    @property
    def needs(self) -> frozenset[Need]:
        """What the methods of this run ask of the texts."""
        asked: frozenset[Need] = self.model.needs
        return asked.union(*(one.needs for one in self.active_objectives.values()))

    @property
    def reads_vectors(self) -> bool:
        """Whether any method asks for vectors of texts, and not for their words alone."""
        return bool(self.needs - {"item_words"})

    @model_validator(mode="before")
    @classmethod
    def _as_written_now(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        renamed = {RENAMED.get(key, key): value for key, value in values.items()}
        if isinstance(renamed.get("model"), dict):
            renamed["model"] = {"name": FIRST_BACKBONE, **renamed["model"]}
        return renamed

    @model_validator(mode="after")
    def _fits_together(self) -> RunConfig:
        mask, _, metric = self.training.monitor.partition("/")
        name, _, k = metric.partition("@")
        known = names(*METRICS)
        if mask not in MASKS or name.lower() not in known or k not in map(str, self.evaluation.ks):
            allowed = [
                f"{mask}/{name.upper()}@{k}" for mask in MASKS for name in known for k in self.evaluation.ks
            ]
            raise ValueError(
                f"training.monitor '{self.training.monitor}' is not measured; one of {', '.join(allowed)}"
            )
        if self.floor is not None:
            return self
        for name, objective in objectives().items():
            settings = getattr(self.objectives, name)
            if objective.settings.main and name != self.model.main and settings != objective.settings():
                raise ValueError(
                    f"objectives.{name} is not read with model.name={self.model.name}, which learns from "
                    f"objectives.{self.model.main}"
                )
            drawn = getattr(settings, "neighbors_per_step", 0)
            if drawn > self.retrieval.k:
                raise ValueError(
                    f"objectives.{name}.neighbors_per_step {drawn} is more than "
                    f"retrieval.k {self.retrieval.k}"
                )
        if self.training.item_adam == "lazy" and (why := self.why_dense):
            raise ValueError(f"training.item_adam=lazy does not go with {why}; take auto or dense")
        if self.training.shard_items and (why := self.why_whole):
            raise ValueError(f"training.shard_items does not go with {why}; leave one of them out")
        if not getattr(self.objectives, self.model.main).weight:
            raise ValueError(
                f"objectives.{self.model.main}.weight is 0, and {self.model.name} learns from it"
            )
        return self

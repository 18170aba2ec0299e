"""The settings of each stage, apart from its methods' own: one strict model per stage.

Every setting has a consumer (a test holds this), every default is usable, and an unknown key is
an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from sracl_core.methods import SPLITS, names, values
from sracl_core.settings.section import Positive, Section, Share
from sracl_core.settings.space import Range

SEEDS = 2**63
"""Seeds are below; a library's generators take no larger ones, and some are asked for one more."""
_OWN_SPLITS = ("leave_one_out", "given")
"""Known not to read the shares, so that no settings have to import them."""

if TYPE_CHECKING:
    SplitName = str
else:
    SplitName = Literal[tuple(names(*SPLITS))]


class DatasetConfig(Section):
    """Which prepared dataset to learn from, and how it is split."""

    path: str = Field("", description="Folder written by `sracl data prepare`.")
    split: SplitName = Field(
        "leave_one_out",
        description="leave_one_out: each user's last item is test, the one before validation. "
        "temporal: what happens after two dates is validation and test. "
        "given: the split that the log was prepared with (--valid, --test).",
    )
    valid_share: Share = Field(0.1, description="temporal: share of interactions, by time, before test.")
    test_share: Share = Field(0.1, description="temporal: share of the latest interactions.")

    @model_validator(mode="after")
    def _shares_are_read(self) -> DatasetConfig:
        if self.split != "temporal":
            read = () if self.split in _OWN_SPLITS else values(*SPLITS, "SPLIT")[self.split].reads
            unread = [name for name in ("valid_share", "test_share") if name not in read]
            self.refuse_unread(unread, "split", "temporal")
        return self


class SemanticsConfig(Section):
    """How items and prefixes become text, and text becomes vectors."""

    items: Literal["template", "llm"] = Field(
        "template", description="Item texts: attributes as a sentence, or written by `sracl describe`."
    )
    users: Literal["pooled", "recency", "titles", "llm"] = Field(
        "pooled",
        description="Prefix vectors: mean of the item vectors, the same weighted towards the latest, "
        "the titles encoded as one text, or the texts written by `sracl describe`.",
    )
    encoder: str = Field(
        "all-MiniLM-L6-v2",
        description="Sentence encoder: all-MiniLM-L6-v2 comes with the install; static is made from it "
        "once, in a minute, and fifty times as fast; any sentence-transformers name or folder works too.",
    )
    batch_size: Positive = Field(32, description="Texts encoded at once, on a CPU by each core.")
    recency_decay: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.8, description="users=recency: weight of an item relative to the one after it."
    )

    @model_validator(mode="after")
    def _decay_is_read(self) -> SemanticsConfig:
        if self.users != "recency":
            self.refuse_unread(("recency_decay",), "users", "recency")
        return self

    @property
    def pooling_decay(self) -> float | None:
        """Weight of an item relative to the one after it where a prefix is a mean of its items, else None."""
        return {"pooled": 1.0, "recency": self.recency_decay}.get(self.users)


class DescribeConfig(Section):
    """`sracl describe`: the model that writes texts, how it is asked, and what that may cost."""

    model: str = Field(
        "",
        description="Name of the model at the endpoint. Training reads the texts of this model, or where "
        "empty those that were taken up last.",
    )
    base_url: str = Field("", description="OpenAI-compatible endpoint, e.g. http://localhost:8000/v1.")
    scope: Literal["user", "prefix"] = Field(
        "user",
        description="user: one text for a user, which its prefixes share. prefix: one for each training "
        "prefix, as in the paper; about six times as many calls.",
    )
    domain: Literal["auto", "generic", "beauty", "sports", "office", "restaurants", "movies"] = Field(
        "auto", description="Wording of the prompts; auto goes by the dataset's name."
    )
    contexts: Annotated[int, Field(ge=0)] = Field(
        10, description="Purchase contexts in an item's prompt at most, drawn from the train part."
    )
    seed: Annotated[int, Field(ge=0)] = Field(
        42, description="Draws the contexts; apart from training.seed, so that runs share their texts."
    )
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = Field(0.0, description="Sampling temperature.")
    max_output_tokens: Positive = Field(400, description="Longest answer, in tokens.")
    structured: bool = Field(True, description="Ask for JSON by schema where the server has it.")
    concurrency: Positive = Field(32, description="Calls in flight.")
    requests_per_minute: Annotated[float, Field(ge=0.0)] = Field(0.0, description="Limit; 0 is none.")
    tokens_per_minute: Annotated[float, Field(ge=0.0)] = Field(
        0.0, description="Limit on input and most possible output tokens; 0 is none."
    )
    timeout_seconds: Annotated[float, Field(gt=0.0)] = Field(120.0, description="Longest wait for an answer.")
    retries: Annotated[int, Field(ge=0)] = Field(6, description="Tries after the first one of a call.")
    price_input: Annotated[float, Field(ge=0.0, le=1e9)] | None = Field(
        None, description="Money for a million input tokens; 0 for a server of one's own."
    )
    price_output: Annotated[float, Field(ge=0.0, le=1e9)] | None = Field(
        None, description="Money for a million output tokens."
    )
    tokenizer: str = Field(
        "",
        description="What counts tokens before a job: a tokenizer.json or a name in the Hugging Face cache; "
        "empty is the model's own where it is on this machine, else an estimate.",
    )


class RetrievalConfig(Section):
    """How neighbors of items and prefixes are found."""

    k: Positive = Field(10, description="Neighbors kept for each item and each prefix.")
    source: Literal["semantic", "random"] = Field(
        "semantic", description="random: neighbors drawn at random, the paper's ablation."
    )
    same_user: Literal["exclude", "allow"] = Field(
        "exclude", description="Whether a prefix's neighbors may be prefixes of the same user."
    )
    stride: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Search every n-th prefix of a user; those between take its neighbors. 0: each up "
        "to 250,000 prefixes, beyond that about as many of them.",
    )
    method: Literal["auto", "cells", "hnsw", "exact"] = Field(
        "auto", description="auto: exact search up to 20,000 vectors (300,000 on cuda), by cells above."
    )
    cells_recall: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.96,
        description="Share of the exact neighbors of 500 vectors that the cells looked through must hold.",
    )
    hnsw_m: Annotated[int, Field(ge=2)] = Field(16, description="HNSW links per vector (M).")
    hnsw_ef_construction: Positive = Field(200, description="HNSW candidates while building.")
    hnsw_ef: Positive = Field(150, description="HNSW candidates while searching; at least k.")
    recall_sample: Annotated[int, Field(ge=0)] = Field(
        500, description="Queries repeated exactly to report the table's recall; 0 reports none."
    )

    OF_HNSW: ClassVar = ("hnsw_m", "hnsw_ef_construction", "hnsw_ef")
    OF_LARGE: ClassVar = ("cells_recall", "recall_sample")
    """What auto reads of large data alone."""

    @field_validator("k", mode="before")
    @classmethod
    def _some_neighbors(cls, k: object) -> object:
        if str(k).strip() == "0":
            raise ValueError(
                "must be at least 1; to learn without neighbors set objectives.sracl.alpha=0 and "
                "objectives.sracl.beta=0"
            )
        return k

    @model_validator(mode="after")
    def _search_is_read(self) -> RetrievalConfig:
        if self.source == "random":
            self.refuse_unread(("method", *self.OF_LARGE, *self.OF_HNSW), "source", "semantic")
        if self.method in ("exact", "cells"):
            self.refuse_unread(self.OF_HNSW, "method", "hnsw")
        if self.method in ("exact", "hnsw"):
            self.refuse_unread(("cells_recall",), "method", "cells")
        if self.method == "exact":
            self.refuse_unread(("recall_sample",), "method", "cells")
        return self


class TrainingConfig(Section):
    """The loop."""

    seed: Annotated[int, Field(ge=0, lt=SEEDS)] = Field(
        42, description="Decides every random draw of a run; semantic neighbors do not depend on it."
    )
    max_epochs: Positive = Field(100, description="Passes over the training prefixes at most.")
    max_minutes: Annotated[float, Field(ge=0.0)] = Field(
        0.0, description="Stop after the epoch in which this many minutes have passed; 0 is no limit."
    )
    batch_size: Annotated[int, Field(ge=2)] = Field(256, description="Prefixes a step (B).")
    learning_rate: Annotated[float, Field(gt=0.0), Range(3e-4, 3e-3, log=True)] = Field(
        1e-3, description="Adam's rate."
    )
    schedule: Literal["constant", "linear"] = Field(
        "constant", description="linear: the rate falls to 0 over max_epochs."
    )
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(0.0, description="Adam's L2 penalty.")
    item_adam: Literal["auto", "dense", "lazy"] = Field(
        "auto",
        description="lazy: a step updates and averages only the item embeddings that it has read, and the "
        "others rest; not where the loss reads every item. auto: from 65,536 items on, where it can.",
    )
    shard_items: bool = Field(
        False,
        description="Processes that train together hold a part of the item embeddings each. With "
        "objectives.next_item alone, and without model.evidence.",
    )
    average_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.0, description="Evaluate a moving average of the weights with this decay; 0 keeps none."
    )
    monitor: str = Field(
        "unmasked/NDCG@20",
        description="Validation metric that chooses the best epoch: masked or unmasked, slash, a metric.",
    )
    patience: Positive = Field(10, description="Epochs without improvement before stopping.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps.")
    threads: Annotated[int, Field(ge=0)] = Field(0, description="CPU threads; 0 takes every core.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16: autocast of the encoder's products; losses stay float32."
    )
    checkpoint_minutes: Annotated[float, Field(gt=0.0)] = Field(
        5.0, description="A checkpoint inside an epoch at least this often."
    )

    @field_validator("monitor")
    @classmethod
    def _as_results_name_it(cls, monitor: str) -> str:
        mask, slash, metric = monitor.partition("/")
        return f"{mask.lower()}/{metric.upper()}" if slash else monitor


class EvaluationConfig(Section):
    """Full ranking over all items, seen items masked and unmasked, always both."""

    ks: tuple[Positive, ...] = Field((5, 10, 20), description="Cut-offs of HR, NDCG and MRR.")
    batch_size: Positive = Field(512, description="Users ranked at once.")
    valid_users: Annotated[int, Field(ge=0)] = Field(
        100_000,
        description="Most users that validation ranks, the same ones every time; 0: all. The test ranks all.",
    )

    @field_validator("ks")
    @classmethod
    def _some(cls, ks: tuple[int, ...]) -> tuple[int, ...]:
        if not ks:
            raise ValueError("at least one cut-off is needed")
        return tuple(sorted(set(ks)))

"""The settings of a run: one strict model per stage.

Every setting has a consumer (a test holds this), every default is usable, and an unknown key is
an error. Where a value comes from (preset, file, environment, flag) is `layers`' concern.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Base of all sections: unknown keys are refused, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class DatasetConfig(Section):
    """Which prepared dataset to learn from, and how it is split."""

    path: str = Field("", description="Folder written by `sracl data prepare`.")
    split: Literal["leave_one_out", "temporal"] = Field(
        "leave_one_out",
        description="leave_one_out: each user's last item is test, the one before validation. "
        "temporal: what happens after two dates is validation and test.",
    )
    valid_share: Share = Field(0.1, description="temporal: share of interactions, by time, before test.")
    test_share: Share = Field(0.1, description="temporal: share of the latest interactions.")


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
        description="Sentence encoder: all-MiniLM-L6-v2 comes with the install; any other "
        "sentence-transformers name or folder works too.",
    )
    batch_size: Positive = Field(64, description="Texts encoded at once.")
    recency_decay: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.8, description="users=recency: weight of an item relative to the one after it."
    )


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
    price_input: Annotated[float, Field(ge=0.0)] | None = Field(
        None, description="Money for a million input tokens; 0 for a server of one's own."
    )
    price_output: Annotated[float, Field(ge=0.0)] | None = Field(
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
    method: Literal["auto", "hnsw", "exact"] = Field(
        "auto", description="auto: exact search up to 20,000 vectors, HNSW above."
    )
    hnsw_m: Annotated[int, Field(ge=2)] = Field(16, description="HNSW links per vector (M).")
    hnsw_ef_construction: Positive = Field(200, description="HNSW candidates while building.")
    hnsw_ef: Positive = Field(150, description="HNSW candidates while searching; at least k.")
    recall_sample: Annotated[int, Field(ge=0)] = Field(
        500, description="Queries repeated exactly to report the table's recall; 0 reports none."
    )


class ModelConfig(Section):
    """The sequence encoder (backbone)."""

    name: Literal["sasrec", "gru4rec"] = Field("sasrec", description="Backbone.")
    hidden_size: Positive = Field(64, description="Width of states and item embeddings (d).")
    layers: Positive = Field(2, description="Transformer or GRU layers.")
    heads: Positive = Field(2, description="Attention heads (sasrec).")
    inner_size: Positive = Field(256, description="Width of the feed-forward layer (sasrec).")
    dropout: Share = Field(0.2, description="Dropout on embeddings and hidden layers.")
    attention_dropout: Share = Field(0.5, description="Dropout on attention weights (sasrec).")
    max_length: Positive = Field(20, description="Items of a prefix that the encoder reads, the latest.")
    item_init: Literal["random", "text"] = Field(
        "text",
        description="Start of the item embeddings: normal, or the leading principal components of the "
        "items' text vectors.",
    )
    item_std: Annotated[float, Field(gt=0.0)] = Field(
        0.05, description="Standard deviation of the item embeddings' start; all else starts at 0.02."
    )

    @model_validator(mode="after")
    def _heads_divide(self) -> ModelConfig:
        if self.name == "sasrec" and self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}")
        return self


class NextItemConfig(Section):
    """L_rec: cross-entropy of the state against the item embeddings."""

    loss: Literal["full", "sampled"] = Field(
        "full", description="Softmax over every item, or over the target and sampled negatives."
    )
    smoothing: Share = Field(
        0.0,
        description="loss=full: share of a target that its nearest items by text get, in equal parts.",
    )
    neighbor_targets: Share = Field(
        0.0,
        description="loss=full: share of a target that the items get which followed near prefixes, by text.",
    )
    negatives: Positive = Field(1024, description="loss=sampled: negatives shared by a batch.")
    sampling: Literal["uniform", "popularity"] = Field(
        "popularity", description="loss=sampled: how negatives are drawn; log-q corrected."
    )


class SraclConfig(Section):
    """L_inter and L_intra of SRA-CL; a weight of 0 switches a part off."""

    alpha: Annotated[float, Field(ge=0.0)] = Field(0.1, description="Weight of L_inter (between users).")
    beta: Annotated[float, Field(ge=0.0)] = Field(0.1, description="Weight of L_intra (within a user).")
    similarity: Literal["cosine", "dot"] = Field("cosine", description="Similarity in InfoNCE.")
    temperature: Annotated[float, Field(gt=0.0)] = Field(0.1, description="Divides the similarity.")
    synthesizer: Literal["learned", "mean"] = Field(
        "learned", description="How neighbors' states are mixed into one positive."
    )
    synthesizer_dropout: Share = Field(0.5, description="Dropout on the synthesizer's weights.")
    neighbor_states: Literal["live", "cached"] = Field(
        "live",
        description="live: neighbors are encoded in the step, with gradient. cached: their states from the "
        "epoch's start, without gradient.",
    )
    neighbors_per_step: Annotated[int, Field(ge=0)] = Field(
        0, description="Neighbors drawn from the k at each step; 0 takes all k."
    )
    substitution: Share = Field(0.2, description="Share of a view's items replaced by a neighbor.")


class ObjectiveConfig(Section):
    """What is minimized: next_item + alpha * inter + beta * intra."""

    next_item: NextItemConfig = NextItemConfig()
    sracl: SraclConfig = SraclConfig()

    @property
    def reads_neighbors(self) -> bool:
        """Whether a part of the loss reads near prefixes, so that these are searched for."""
        return self.sracl.alpha > 0 or self.next_item.neighbor_targets > 0


class TrainingConfig(Section):
    """The loop."""

    seed: Annotated[int, Field(ge=0)] = Field(
        42, description="Decides every random draw of a run; semantic neighbors do not depend on it."
    )
    max_epochs: Positive = Field(100, description="Passes over the training prefixes at most.")
    max_minutes: Annotated[float, Field(ge=0.0)] = Field(
        0.0, description="Stop after the epoch in which this many minutes have passed; 0 is no limit."
    )
    batch_size: Annotated[int, Field(ge=2)] = Field(256, description="Prefixes a step (B).")
    learning_rate: Annotated[float, Field(gt=0.0)] = Field(1e-3, description="Adam's rate.")
    schedule: Literal["constant", "linear"] = Field(
        "constant", description="linear: the rate falls to 0 over max_epochs."
    )
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(0.0, description="Adam's L2 penalty.")
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


class EvaluationConfig(Section):
    """Full ranking over all items, seen items masked and unmasked, always both."""

    ks: tuple[Positive, ...] = Field((5, 10, 20), description="Cut-offs of HR, NDCG and MRR.")
    batch_size: Positive = Field(512, description="Users ranked at once.")

    @field_validator("ks")
    @classmethod
    def _some(cls, ks: tuple[int, ...]) -> tuple[int, ...]:
        if not ks:
            raise ValueError("at least one cut-off is needed")
        return tuple(sorted(set(ks)))


class RunConfig(Section):
    """All settings of a run; `config.yaml` in a run directory is exactly this."""

    dataset: DatasetConfig = DatasetConfig()
    semantics: SemanticsConfig = SemanticsConfig()
    describe: DescribeConfig = DescribeConfig()
    retrieval: RetrievalConfig = RetrievalConfig()
    model: ModelConfig = ModelConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    def with_dataset(self, folder: Path | str) -> RunConfig:
        """The same settings for the dataset in `folder`."""
        dataset = self.dataset.model_copy(update={"path": str(folder)})
        return self.model_copy(update={"dataset": dataset})

    @model_validator(mode="after")
    def _fits_together(self) -> RunConfig:
        allowed = [
            f"{mask}/{metric}@{k}"
            for mask in ("unmasked", "masked")
            for metric in ("HR", "NDCG", "MRR")
            for k in self.evaluation.ks
        ]
        if self.training.monitor not in allowed:
            raise ValueError(
                f"training.monitor '{self.training.monitor}' is not measured; one of {', '.join(allowed)}"
            )
        for name in ("smoothing", "neighbor_targets"):
            if getattr(self.objective.next_item, name) and self.objective.next_item.loss != "full":
                raise ValueError(f"objective.next_item.{name} needs objective.next_item.loss=full")
        if self.objective.sracl.neighbors_per_step > self.retrieval.k:
            raise ValueError(
                f"objective.sracl.neighbors_per_step {self.objective.sracl.neighbors_per_step} "
                f"is more than retrieval.k {self.retrieval.k}"
            )
        return self

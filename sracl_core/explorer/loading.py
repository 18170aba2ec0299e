"""A finished run, opened once: everything that questions are answered from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from sracl_core.data.dataset import Dataset
from sracl_core.data.prefixes import Prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.data.sources import Sources, sources_of
from sracl_core.errors import InputError
from sracl_core.explorer.answers import Item
from sracl_core.explorer.histories import Histories
from sracl_core.explorer.nearest import PrefixSearch
from sracl_core.explorer.profiles import Profiles
from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.sracl.synthesizer import LearnedSynthesizer, MeanSynthesizer, Synthesizer
from sracl_core.progress import Progress
from sracl_core.retrieval.neighbors import NeighborTable
from sracl_core.rules.catalogue import Catalogue, popularity, repeat_share
from sracl_core.runs.directory import RunDirectory, open_run
from sracl_core.semantics.encode import AskedTexts, TextEncoder, load_encoder
from sracl_core.semantics.store import VectorStore
from sracl_core.semantics.texts import item_texts
from sracl_core.settings.models import RunConfig
from sracl_core.training import checkpoint, inputs
from sracl_core.training.added import Added, extended, read_added


@dataclass
class LoadedRun:
    """A run, its dataset and its best encoder; the rest is loaded when first asked for.

    Items that were added after training stand behind the trained ones, in the dataset and in the encoder.
    """

    run: RunDirectory
    config: RunConfig
    trained: Sources
    encoder: SequenceEncoder
    given_text_encoder: str | None = None
    added: Added | None = None
    progress: Progress | None = None

    @classmethod
    def open(
        cls,
        path: Path | str,
        dataset: Path | str | None = None,
        text_encoder: str | None = None,
        with_added: bool = True,
        progress: Progress | None = None,
    ) -> LoadedRun:
        """Open a run; `dataset` is where its dataset lies now, when it was moved.

        `text_encoder` is the run's sentence encoder, given by the user: what the run itself names is
        loaded only where the user gave it before (see `semantics.encode.load_encoder`). `with_added`: whether
        items that were added after training take part. `progress` hears of the texts that are encoded.

        Raises RunError for a folder that is no run, or whose dataset or added items are gone or have changed;
        CheckpointError for a run without a whole checkpoint.
        """
        run = open_run(path)
        encoder = checkpoint.load_encoder(run)
        config = run.config if dataset is None else run.config.with_dataset(dataset)
        added = read_added(run) if with_added else None
        if added is not None:
            encoder = extended(run, encoder, added)
        return cls(run, config, sources_of(run, config), encoder, text_encoder, added, progress)

    @cached_property
    def sources(self) -> Sources:
        """What the run learned from, with the items that were added since."""
        if self.added is None:
            return self.trained
        return replace(self.trained, dataset=self.trained.dataset.with_items(self.added.table))

    @property
    def dataset(self) -> Dataset:
        return self.sources.dataset

    @property
    def prefixes(self) -> Prefixes:
        """The training prefixes, P of them."""
        return self.sources.prefixes

    @cached_property
    def histories(self) -> Histories:
        return Histories(self.dataset, self.sources.split)

    @cached_property
    def profiles(self) -> Profiles:
        return Profiles(self.config, self.sources, inputs.taken(self.run).get("prefix_texts"))

    @cached_property
    def titles(self) -> list[str]:
        return self.dataset.titles()

    @cached_property
    def item_vectors(self) -> NDArray[np.float32]:
        """float32 [N, E]; row i is item i + 1. Memory-mapped, or made now where training needed none."""
        if self.config.needs:
            vectors = inputs.read_vectors(self.run)
        else:
            texts = item_texts(self.config, self.trained).texts
            size = self.config.semantics.batch_size
            vectors = VectorStore().vectors(self.text_encoder, texts, size, self.progress)
        return vectors if self.added is None else np.concatenate([vectors, self.added.vectors])

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """The sentence encoder that made the item vectors. Raises InputError where it is another by now."""
        if self.given_text_encoder is None:
            encoder = load_encoder(self.config.semantics.encoder, given=False)
        else:
            encoder = load_encoder(self.given_text_encoder)
        expected = inputs.recorded(self.run).get("encoder", encoder.fingerprint)
        if encoder.fingerprint != expected:
            raise InputError(
                f"the encoder '{encoder.name}' is not the one that made this run's item vectors (its files "
                f"have the hash {encoder.fingerprint[:12]}, then {expected[:12]}); give that one"
            )
        return encoder

    @property
    def pools_items(self) -> bool:
        """Whether a history's vector is made of its items' vectors, without a text of its own."""
        return self.config.semantics.pooling_decay is not None

    @cached_property
    def prefix_search(self) -> PrefixSearch:
        """Exact search over the training prefixes; only where `pools_items`."""
        decay = self.config.semantics.pooling_decay
        assert decay is not None
        return PrefixSearch(self.prefixes, np.asarray(self.item_vectors), decay)

    @cached_property
    def prefix_table(self) -> NeighborTable | None:
        """The neighbors that training used, None where it used none."""
        if "prefix_neighbors" not in self.config.needs:
            return None
        return inputs.read_table(self.run, "prefix_neighbors")

    @property
    def synthesizer_kind(self) -> str:
        """ "learned", "mean", or "none" where the run has no inter-user objective."""
        sracl = self.config.active_objectives.get("sracl")
        return str(getattr(sracl, "synthesizer", "none")) if getattr(sracl, "alpha", 0.0) else "none"

    @cached_property
    def synthesizer(self) -> Synthesizer | None:
        """What mixed the neighbors in training, in evaluation mode."""
        if self.synthesizer_kind == "none":
            return None
        if self.synthesizer_kind == "mean":
            return MeanSynthesizer()
        folder = checkpoint.find_checkpoint(self.run.checkpoints / "best")
        tensors = checkpoint.load_tensors(folder, "objectives")
        weights = {
            name.rpartition("synthesizer.")[2]: tensor
            for name, tensor in tensors.items()
            if "synthesizer." in name
        }
        hidden, text_size = weights["project.weight"].shape
        learned = LearnedSynthesizer(text_size, hidden, 0.0, 0)
        learned.load_state_dict(weights)
        return learned.eval()

    @cached_property
    def catalogue(self) -> Catalogue:
        """What rules know of the items; popularity and repeats are those of the whole log."""
        table = self.dataset.item_table().cast(pl.String)
        return Catalogue(
            ids=self.dataset.items.ids,
            columns={name: table[name].to_list() for name in table.columns},
            popularity=popularity(self.dataset.sequences, self.dataset.n_items),
            repeats=repeat_share(self.dataset.sequences),
            vectors=lambda: np.asarray(self.item_vectors),
            encode=self.texts,
            added=len(self.added or ()),
        )

    @cached_property
    def texts(self) -> AskedTexts:
        """Gives the vectors of texts that somebody asks with; the first loads the encoder."""
        return AskedTexts(lambda: self.text_encoder, self.progress)

    def item(self, index: int) -> Item:
        """Item `index` as a person reads it."""
        return Item(self.dataset.items.id_of(index), self.titles[index])

    def items(self, indices: Any) -> list[Item]:
        """Several items, in order."""
        return [self.item(int(index)) for index in indices]

    def state(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """The encoder's state after a history, float32 [D]."""
        state: NDArray[np.float32] = self.states([items])[0]
        return state

    @torch.no_grad()
    def states(self, histories: list[NDArray[np.int32]]) -> NDArray[np.float32]:
        """The states after several histories of at least one item each, float32 [B, D]."""
        rows = Sequences.from_lists(histories).latest(self.encoder.max_length)
        states: NDArray[np.float32] = self.encoder.encode(rows).numpy()
        return states

    @torch.no_grad()
    def scores(
        self, histories: list[NDArray[np.int32]], counted: list[NDArray[np.int32]] | None = None
    ) -> NDArray[np.float32]:
        """The encoder's scores after several histories, float32 [B, N]; column j is item j + 1.

        counted: see `SequenceEncoder.score`.
        """
        rows = Sequences.from_lists(histories).latest(self.config.model.reach)
        whole = None if counted is None else Sequences.from_lists(counted)
        scores: NDArray[np.float32] = self.encoder.score(self.encoder.encode(rows), rows, whole).numpy()
        return scores

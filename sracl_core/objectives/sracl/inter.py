"""L_inter of SRA-CL (arXiv 2503.04162): a prefix against a mix of the prefixes whose text is nearest."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.sracl import Settings
from sracl_core.objectives.sracl.synthesizer import LearnedSynthesizer, MeanSynthesizer, Synthesizer
from sracl_core.objectives.world import World
from sracl_core.seeding import derive_seed

ROWS_AT_ONCE = 4096


class InterUser(Objective):
    """InfoNCE between a prefix and the mix of its neighbors' states.

    Args:
        settings: weights, similarity, synthesizer.
        world: prefixes, their neighbors and, where weights are learned, their text vectors.
    """

    cache_PD: Tensor | None

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__()
        assert world.prefix_neighbors_PK is not None
        self.settings = settings
        self.prefixes = world.prefixes
        self.neighbors_PK = world.prefix_neighbors_PK
        self.vectors = world.prefix_vectors
        self.synthesizer: Synthesizer
        if settings.synthesizer == "learned":
            assert self.vectors is not None
            seed = derive_seed(world.seed, "synthesizer") % 2**32
            sizes = self.vectors.width, world.hidden_size
            self.synthesizer = LearnedSynthesizer(*sizes, settings.synthesizer_dropout, seed)
        else:
            self.synthesizer = MeanSynthesizer()
        cached = settings.neighbor_states == "cached"
        cache = torch.zeros(len(world.prefixes), world.hidden_size) if cached else None
        # A buffer, so that a checkpoint inside an epoch carries the states that the epoch uses.
        self.register_buffer("cache_PD", cache)

    def start_epoch(self, encoder: SequenceEncoder, rng: np.random.Generator) -> None:
        """Encode every prefix anew, without dropout, where neighbor states are cached."""
        if self.cache_PD is None:
            return
        training = encoder.training
        encoder.eval()
        with torch.no_grad():
            for start in range(0, len(self.prefixes), ROWS_AT_ONCE):
                rows = np.arange(start, min(start + ROWS_AT_ONCE, len(self.prefixes)))
                self.cache_PD[start : start + ROWS_AT_ONCE] = encoder.encode(self.prefixes.take(rows))
        encoder.train(training)

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`."""
        chosen_BK = self._choose(self.neighbors_PK[batch.prefixes_B], rng)
        has_any = np.flatnonzero((chosen_BK >= 0).any(axis=1))
        chosen_BK = chosen_BK[has_any]
        distinct_R, inverse = np.unique(np.maximum(chosen_BK, 0), return_inverse=True)
        inverse_BK = inverse.reshape(chosen_BK.shape)
        kept_BK = self.synthesizer.kept(chosen_BK >= 0, rng if self.training else None)
        anchor_rows = batch.prefixes_B[has_any]
        settings = self.settings

        def finish(anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            device = anchors_BD.device
            if not len(has_any):
                return {"inter": anchors_BD.sum() * 0.0}
            among_BK = torch.from_numpy(inverse_BK).to(device)
            weights_BK = self.synthesizer.weights(
                self._text(anchor_rows, device),
                self._text(distinct_R, device),
                among_BK,
                torch.from_numpy(kept_BK).to(device),
            )
            states_RD = states[0] if self.cache_PD is None else self._cached(distinct_R, device)
            positives_BD = (weights_BK[:, :, None] * states_RD[among_BK]).sum(dim=1)
            anchors_BD = anchors_BD[torch.from_numpy(has_any).to(device)]
            loss = info_nce(anchors_BD, positives_BD, settings.similarity, settings.temperature)
            return {"inter": settings.alpha * loss}

        return Request(finish, [] if self.cache_PD is not None else [self.prefixes.take(distinct_R)])

    def _choose(self, neighbors_BK: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """All neighbors of each row, or `neighbors_per_step` random ones."""
        wanted = self.settings.neighbors_per_step
        if wanted == 0 or wanted >= neighbors_BK.shape[1]:
            return neighbors_BK
        keys = rng.random(neighbors_BK.shape, dtype=np.float32)
        keys[neighbors_BK < 0] = 2.0
        columns = np.argpartition(keys, wanted - 1, axis=1)[:, :wanted]
        return np.take_along_axis(neighbors_BK, columns, axis=1)

    def _cached(self, rows: np.ndarray, device: torch.device) -> Tensor:
        assert self.cache_PD is not None
        return self.cache_PD[torch.from_numpy(rows).to(device)]

    def _text(self, rows: np.ndarray, device: torch.device) -> Tensor | None:
        return None if self.vectors is None else self.vectors.take(rows, device)

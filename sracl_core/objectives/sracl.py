"""The contrastive objectives of SRA-CL (Cui et al., NeurIPS 2025, arXiv 2503.04162)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sracl_core.data.prefixes import Prefixes
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.dropout import MaskSource
from sracl_core.objectives.augment import substitute
from sracl_core.objectives.base import Batch, LossParts, Objective, Rows, StepPlan, encode_together
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.synthesizer import LearnedSynthesizer, MeanSynthesizer, Synthesizer
from sracl_core.settings.models import SraclConfig

ROWS_AT_ONCE = 4096


class InterUser(Objective):
    """alpha * L_inter: a prefix against a mix of the prefixes whose text is nearest.

    Args:
        config: weights, similarity, synthesizer.
        prefixes: the training prefixes, P of them, at most `max_length` items each.
        neighbors_PK: int32 [P, K] row numbers of near prefixes, -1 where there are fewer.
        vectors_PE: float32 [P, E] text vectors of the prefixes.
        hidden_size: D of the encoder.
        masks: where dropout takes its masks from.
        seed: of the synthesizer's start.
    """

    cache_PD: Tensor | None

    def __init__(
        self,
        config: SraclConfig,
        prefixes: Prefixes,
        neighbors_PK: np.ndarray,
        vectors_PE: np.ndarray,
        hidden_size: int,
        masks: MaskSource,
        seed: int,
    ) -> None:
        super().__init__()
        self.config = config
        self.prefixes = prefixes
        self.neighbors_PK = neighbors_PK
        self.vectors_PE = vectors_PE
        self.width = int(prefixes.lengths.max())
        self.synthesizer: Synthesizer
        if config.synthesizer == "learned":
            text_size = vectors_PE.shape[1]
            self.synthesizer = LearnedSynthesizer(
                text_size, hidden_size, config.synthesizer_dropout, masks, seed
            )
        else:
            self.synthesizer = MeanSynthesizer()
        cached = config.neighbor_states == "cached"
        cache = torch.zeros(len(prefixes), hidden_size) if cached else None
        # A buffer, so that a checkpoint inside an epoch carries the states that the epoch uses.
        self.register_buffer("cache_PD", cache)

    def start_epoch(self, encoder: SequenceEncoder) -> None:
        """Encode every prefix anew, without dropout, where neighbor states are cached."""
        if self.cache_PD is None:
            return
        training = encoder.training
        encoder.eval()
        with torch.no_grad():
            for start in range(0, len(self.prefixes), ROWS_AT_ONCE):
                rows = self._rows(np.arange(start, min(start + ROWS_AT_ONCE, len(self.prefixes))))
                (self.cache_PD[start : start + ROWS_AT_ONCE],) = encode_together(encoder, [rows])
        encoder.train(training)

    def plan(self, batch: Batch, rng: np.random.Generator) -> StepPlan:
        """See `Objective.plan`."""
        chosen_BK = self._choose(self.neighbors_PK[batch.prefixes_B], rng)
        has_any = np.flatnonzero((chosen_BK >= 0).any(axis=1))
        chosen_BK = chosen_BK[has_any]
        distinct_R, inverse = np.unique(np.maximum(chosen_BK, 0), return_inverse=True)
        inverse_BK = torch.from_numpy(inverse.reshape(chosen_BK.shape))
        valid_BK = torch.from_numpy(chosen_BK >= 0)
        anchor_rows = batch.prefixes_B[has_any]

        def finish(encoder: SequenceEncoder, anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            device = anchors_BD.device
            if not len(has_any):
                return {"inter": anchors_BD.sum() * 0.0}
            weights_BK = self.synthesizer.weights(
                self._text(anchor_rows, device),
                self._text(distinct_R, device)[inverse_BK.to(device)],
                valid_BK.to(device),
            )
            states_RD = self.cache_PD[distinct_R] if self.cache_PD is not None else states[0]
            positives_BD = (weights_BK[:, :, None] * states_RD[inverse_BK.to(device)]).sum(dim=1)
            anchors_BD = anchors_BD[torch.from_numpy(has_any).to(device)]
            loss = info_nce(anchors_BD, positives_BD, self.config.similarity, self.config.temperature)
            return {"inter": self.config.alpha * loss}

        return StepPlan(finish, [] if self.cache_PD is not None else [self._rows(distinct_R)])

    def _choose(self, neighbors_BK: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """All neighbors of each row, or `neighbors_per_step` random ones."""
        wanted = self.config.neighbors_per_step
        if wanted == 0 or wanted >= neighbors_BK.shape[1]:
            return neighbors_BK
        keys = rng.random(neighbors_BK.shape, dtype=np.float32)
        keys[neighbors_BK < 0] = 2.0
        columns = np.argpartition(keys, wanted - 1, axis=1)[:, :wanted]
        return np.take_along_axis(neighbors_BK, columns, axis=1)

    def _rows(self, rows: np.ndarray) -> Rows:
        items = torch.from_numpy(self.prefixes.padded(rows, self.width).astype(np.int64))
        return Rows(items, torch.from_numpy(self.prefixes.lengths[rows].astype(np.int64)))

    def _text(self, rows: np.ndarray, device: torch.device) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.vectors_PE[rows])).to(device)


class IntraUser(Objective):
    """beta * L_intra: two views of a prefix, some of their items replaced by near items.

    Args:
        config: weights, similarity, substitution.
        neighbors_NK: int32 [N, K]; row i holds the neighbors of item i + 1 as row numbers.
    """

    def __init__(self, config: SraclConfig, neighbors_NK: np.ndarray) -> None:
        super().__init__()
        self.config = config
        self.neighbors_NK = neighbors_NK

    def plan(self, batch: Batch, rng: np.random.Generator) -> StepPlan:
        """See `Objective.plan`."""
        items_BL = batch.items_BL.cpu().numpy()
        views = [substitute(items_BL, self.neighbors_NK, self.config.substitution, rng) for _ in range(2)]

        def finish(encoder: SequenceEncoder, anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            loss = info_nce(states[0], states[1], self.config.similarity, self.config.temperature)
            return {"intra": self.config.beta * loss}

        return StepPlan(finish, [Rows(torch.from_numpy(view), batch.lengths_B) for view in views])

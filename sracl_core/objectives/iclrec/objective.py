"""ICLRec's two contrasts (arXiv 2202.02519, section 4)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.data.sequences import Sequences
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.sasrec.encoder import SASRec
from sracl_core.models.sasrec.padded import padded_states
from sracl_core.objectives.augment import mixed, random_operators
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.iclrec import Settings
from sracl_core.objectives.info_nce import info_nce
from sracl_core.objectives.world import World
from sracl_core.retrieval.kmeans import kmeans

ROWS_AT_ONCE = 4096
PADDED_AT_ONCE = 512


def build(settings: Settings, world: World) -> ICLRec:
    """Both contrasts."""
    return ICLRec(settings, world)


class ICLRec(Objective):
    """InfoNCE between two views, and of each with the intent of its user's whole training sequence."""

    reads_anchors = False
    centroids_KD: Tensor
    labels_U: Tensor

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__()
        self.settings = settings
        self.users_P = world.prefixes.users
        self.sequences = world.split.train
        self.clustered = np.flatnonzero(self.sequences.lengths)
        self.operators = random_operators(settings.crop, settings.mask, settings.reorder)
        # Buffers, so that a checkpoint inside an epoch carries the intents that the epoch uses.
        self.register_buffer("centroids_KD", torch.zeros(settings.clusters, world.hidden_size))
        self.register_buffer("labels_U", torch.zeros(len(self.sequences), dtype=torch.long))

    def start_epoch(self, encoder: SequenceEncoder, rng: np.random.Generator) -> None:
        """Cluster the users' training sequences by their states without dropout, where intents are read."""
        if not self.settings.intents:
            return
        training = encoder.training
        encoder.eval()
        with torch.no_grad():
            parts = np.split(self.clustered, range(ROWS_AT_ONCE, len(self.clustered), ROWS_AT_ONCE))
            found = [self._represent(encoder, self.sequences.take(part)) for part in parts]
            centroids_KD, labels_V = kmeans(torch.cat(found), self.settings.clusters, rng)
        encoder.train(training)
        self.centroids_KD.copy_(centroids_KD)
        self.labels_U[torch.from_numpy(self.clustered).to(labels_V.device)] = labels_V

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`."""
        settings = self.settings
        views = [mixed(batch.rows, self.operators, rng) for _ in range(2)]

        def finish(anchors_BD: Tensor, states: list[Tensor]) -> LossParts:
            compared = states
            if settings.compare == "padded":
                every_RLD = _padded(encoder, Sequences.joined(views))
                compared, states = list(every_RLD.flatten(1).chunk(2)), list(every_RLD.mean(1).chunk(2))
            elif settings.pooling == "mean":
                rows = Sequences.joined(views).latest(encoder.max_length)
                compared = states = list(_means(encoder.states(rows).float(), rows).chunk(2))
            users_B = torch.from_numpy(self.users_P[batch.prefixes_B].astype(np.int64))
            labels_B = self.labels_U[users_B.to(self.labels_U.device)]
            alike = settings.similarity, settings.temperature
            parts: LossParts = {}
            if settings.instances:
                parts["iclrec/instances"] = settings.instances * info_nce(compared[0], compared[1], *alike)
            if settings.intents and settings.compare == "padded":
                own_BD = nn.functional.normalize(self.centroids_KD, dim=-1)[labels_B]
                each = [info_nce(view_BD, own_BD, *alike) for view_BD in states]
                parts["iclrec/intents"] = settings.intents * torch.stack(each).mean()
            elif settings.intents:
                each = [intent_loss(view_BD, self.centroids_KD, labels_B, *alike) for view_BD in states]
                parts["iclrec/intents"] = settings.intents * torch.stack(each).sum()
            return parts

        return Request(finish, views if settings.pooling == "last" else [])

    def _represent(self, encoder: SequenceEncoder, rows: Sequences) -> Tensor:
        """What stands for each sequence, float32 [R, D]."""
        if self.settings.pooling == "last":
            return encoder.encode(rows).float()
        if self.settings.compare == "padded":
            few = np.split(np.arange(len(rows)), range(PADDED_AT_ONCE, len(rows), PADDED_AT_ONCE))
            return torch.cat([_padded(encoder, rows.take(part)).mean(dim=1) for part in few])
        rows = rows.latest(encoder.max_length)
        return _means(encoder.states(rows).float(), rows)


def _padded(encoder: SequenceEncoder, rows: Sequences) -> Tensor:
    assert isinstance(encoder, SASRec)
    return padded_states(encoder, rows).float()


def _means(states_TD: Tensor, rows: Sequences) -> Tensor:
    """The mean of each row's states, [R, D]; `states_TD` are those after every item."""
    row_T = torch.from_numpy(np.repeat(np.arange(len(rows)), rows.lengths)).to(states_TD.device)
    sums_RD = states_TD.new_zeros(len(rows), states_TD.shape[1]).index_add(0, row_T, states_TD)
    return sums_RD / torch.from_numpy(rows.lengths).to(sums_RD)[:, None]


def intent_loss(
    states_BD: Tensor, centroids_KD: Tensor, labels_B: Tensor, similarity: str, temperature: float
) -> Tensor:
    """Mean cross-entropy of finding each state's centroid among those of the batch.

    Centroids of the same intent as the state's own are no negatives (section 4.3, false negatives).

    Args:
        labels_B: int64, the centroid of each state.
    """
    own_BD = centroids_KD[labels_B]
    if similarity == "cosine":
        states_BD, own_BD = (nn.functional.normalize(part, dim=-1) for part in (states_BD, own_BD))
    logits_BB = states_BD @ own_BD.T / temperature
    same_BB = labels_B[:, None] == labels_B
    same_BB.fill_diagonal_(False)
    logits_BB = logits_BB.masked_fill(same_BB, torch.finfo(logits_BB.dtype).min)
    return nn.functional.cross_entropy(logits_BB, torch.arange(len(labels_B), device=logits_BB.device))

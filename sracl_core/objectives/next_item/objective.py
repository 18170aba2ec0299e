"""L_rec: predict the next item."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sracl_core.data.prefixes import Prefixes
from sracl_core.models.base import SequenceEncoder
from sracl_core.objectives.base import Batch, LossParts, Objective, Request
from sracl_core.objectives.next_item import Settings
from sracl_core.objectives.next_item.binary import Unseen, binary_cross_entropy
from sracl_core.objectives.next_item.cross_entropy import linear_cross_entropy
from sracl_core.objectives.next_item.residual import Residual
from sracl_core.objectives.world import World


def build(settings: Settings, world: World) -> NextItem:
    """The loss that `settings` describe."""
    return NextItem(settings, world)


class NextItem(Objective):
    """Cross-entropy against every item (tied weights, no bias), or against sampled ones."""

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__()
        self.settings = settings
        self.reads_each = settings.examples == "sequences"
        self.reads_anchors = not self.reads_each
        # Who holds a part of the items finds its part of the softmax for all rows of the batch.
        self.by_row = settings.loss == "sampled" or (settings.loss == "full" and not world.sharded)
        self.item_neighbors_NK = world.item_neighbors_NK
        self.prefix_neighbors_PK = world.prefix_neighbors_PK
        self.prefixes = world.prefixes
        self.unseen = Unseen(world.split.train, world.n_items) if settings.loss == "bce" else None
        residual = settings.residual
        self.residual = Residual(world.split.train, world.prefixes, world.n_items) if residual else None
        counts_N = world.item_counts_N
        share = counts_N + 1.0 if settings.sampling == "popularity" else np.ones(len(counts_N))
        self.share_N = share / share.sum()
        self.cumulative_N = np.cumsum(self.share_N)

    def examples(self, prefixes: Prefixes) -> np.ndarray:
        """Every prefix, or those whose items' states, each asked for the next, reach every target once."""
        if self.reads_each:
            return prefixes.windows(int(prefixes.lengths.max(initial=1)))
        return super().examples(prefixes)

    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """See `Objective.plan`."""
        if self.reads_each:
            batch = at_every_item(batch)
        loss, items = self._loss(encoder, batch, rng)

        def finish(anchors_BD: Tensor, _: list[Tensor]) -> LossParts:
            targets_B = torch.from_numpy(batch.targets_B).to(anchors_BD.device)
            return {"next_item": loss(encoder.toward(anchors_BD, targets_B))}

        return Request(finish, items=[batch.targets_B, *items])

    def _loss(
        self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator
    ) -> tuple[Callable[[Tensor], Tensor], list[np.ndarray]]:
        """The loss of states [B, D], chance drawn, and the items that it embeds besides the targets."""
        if self.settings.loss == "full":
            targets, shares = (torch.from_numpy(part) for part in self._targets(batch))
            add_to = None
            if self.residual is not None and encoder.evidence is not None:
                add_to = self.residual.of(encoder.evidence, batch.prefixes_B)

            def full(states_BD: Tensor) -> Tensor:
                items_ND, device = encoder.item_embeddings[1:], states_BD.device
                shared = targets.to(device), shares.to(device)
                return linear_cross_entropy(states_BD, items_ND, *shared, encoder.holders, add_to)

            return full, []
        if self.unseen is not None:
            targets_B, drawn_B = batch.targets_B, self.unseen.draw(self.prefixes.users[batch.prefixes_B], rng)
            embed = encoder.embed
            return lambda states_BD: binary_cross_entropy(embed, states_BD, targets_B, drawn_B), [drawn_B]
        draws = np.searchsorted(self.cumulative_N, rng.random(self.settings.negatives), side="right")
        negatives = np.minimum(draws, len(self.share_N) - 1) + 1
        read = [self._targets(batch)[0] + 1, negatives]
        return lambda states_BD: self._sampled(encoder, states_BD, batch, negatives), read

    def _targets(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the item table and their shares: the target's own, and parts for others.

        Label smoothing (Szegedy et al., CVPR 2016, section 7), but over items that the texts call
        near rather than over all: the target's nearest, and what followed the nearest prefixes.
        """
        settings = self.settings
        rows_BK = batch.targets_B[:, None] - 1
        shares_BK = np.ones(rows_BK.shape, dtype=np.float32)
        if settings.smoothing:
            assert self.item_neighbors_NK is not None
            near_BK = self.item_neighbors_NK[rows_BK[:, 0]]
            rows_BK, shares_BK = _shared(rows_BK, shares_BK, near_BK, settings.smoothing)
        if settings.neighbor_targets:
            assert self.prefix_neighbors_PK is not None
            near_BK = self.prefix_neighbors_PK[batch.prefixes_B]
            followed = self.prefixes.values[self.prefixes.ends[np.maximum(near_BK, 0)]] - 1
            followed_BK = np.where(near_BK >= 0, followed, -1)
            rows_BK, shares_BK = _shared(rows_BK, shares_BK, followed_BK, settings.neighbor_targets)
        return rows_BK, shares_BK

    def _sampled(
        self, encoder: SequenceEncoder, states_BD: Tensor, batch: Batch, negatives_S: np.ndarray
    ) -> Tensor:
        """Sampled softmax (Bengio and Senecal, 2008): an estimate of the full one.

        exp(score) / (S q) over S draws from q estimates the sum over all items. Items that have a share of
        the target are always there, not drawn, so their scores need no correction.
        """
        device, lowest = states_BD.device, torch.finfo(torch.float32).min
        rows_BK, shares_BK = _each_once(*self._targets(batch))
        log_q_S = np.log(self.share_N * self.settings.negatives)[negatives_S - 1]
        drawn_BS = torch.from_numpy(_holds(rows_BK, shares_BK, negatives_S - 1)).to(device)
        parts_BK = torch.from_numpy(shares_BK).to(device)
        targets_BKD = encoder.embed(torch.from_numpy(rows_BK + 1).to(device))
        negatives_SD = encoder.embed(torch.from_numpy(negatives_S).to(device))
        target_BK = (states_BD[:, None] * targets_BKD).sum(-1).float().masked_fill(parts_BK == 0, lowest)
        negative_BS = states_BD @ negatives_SD.T - torch.from_numpy(log_q_S).to(states_BD)
        logits = torch.cat([target_BK, negative_BS.float().masked_fill(drawn_BS, lowest)], dim=1)
        return -(parts_BK * logits.log_softmax(dim=1)[:, : parts_BK.shape[1]]).sum(dim=1).mean()


def at_every_item(batch: Batch) -> Batch:
    """The prefixes that end at each item of the batch's own, without their items.

    A user's prefixes stand one after the other in their table, each longer by an item.
    """
    rows = batch.rows
    targets_T = np.append(rows.values[1:], np.int32(0)).astype(np.int64)
    targets_T[rows.offsets[1:] - 1] = batch.targets_B
    before_T = np.repeat(rows.offsets[1:], rows.lengths) - 1 - np.arange(len(rows.values))
    return Batch(np.repeat(batch.prefixes_B, rows.lengths) - before_T, rows, targets_T)


def _each_once(rows_BK: np.ndarray, shares_BK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same targets with all shares of an item in one place, and 0 in its others."""
    order_BK = rows_BK.argsort(axis=1, kind="stable")
    rows_BK, shares_BK = (np.take_along_axis(part, order_BK, axis=1) for part in (rows_BK, shares_BK))
    first_BK = np.ones(rows_BK.shape, dtype=bool)
    first_BK[:, 1:] = rows_BK[:, 1:] != rows_BK[:, :-1]
    sums_BK = np.zeros_like(shares_BK)
    sums_BK[first_BK] = np.add.reduceat(shares_BK.ravel(), np.flatnonzero(first_BK))
    return rows_BK, sums_BK


def _holds(rows_BK: np.ndarray, shares_BK: np.ndarray, drawn_S: np.ndarray) -> np.ndarray:
    """Where a drawn row is one of those that have a share, bool [B, S]."""
    distinct_U, place_S = np.unique(drawn_S, return_inverse=True)
    place_BK = np.minimum(np.searchsorted(distinct_U, rows_BK), len(distinct_U) - 1)
    there_BK = (distinct_U[place_BK] == rows_BK) & (shares_BK > 0)
    holds_BU = np.zeros((len(rows_BK), len(distinct_U)), dtype=bool)
    holds_BU[np.nonzero(there_BK)[0], place_BK[there_BK]] = True
    return holds_BU[:, place_S]


def _shared(
    rows_BK: np.ndarray, shares_BK: np.ndarray, more_BJ: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Targets of which the rows `more_BJ` (-1: none) get `share`, in equal parts, the others the rest."""
    found_BJ = more_BJ >= 0
    part_B1 = share / np.maximum(found_BJ.sum(axis=1, keepdims=True), 1)
    new_BJ = (part_B1 * found_BJ).astype(np.float32)
    kept_BK = shares_BK * (1.0 - new_BJ.sum(axis=1, keepdims=True))
    return np.concatenate([rows_BK, np.maximum(more_BJ, 0)], 1), np.concatenate([kept_BK, new_BJ], 1)

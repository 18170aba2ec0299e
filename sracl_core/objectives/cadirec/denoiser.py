"""The diffusion model: what was drawn for a step, the noise of a level, and what takes it away."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.data.sequences import Sequences
from sracl_core.models import bert4rec
from sracl_core.models.base import INIT_STD
from sracl_core.models.bert4rec.encoder import LAYER_NORM_EPS, Block
from sracl_core.models.dropout import Dropout, MaskSource
from sracl_core.models.packing import Packed, pack
from sracl_core.objectives.cadirec import Settings

LONGEST_WAVE = 10_000.0
SCALE = 1000.0
"""Levels are told to the model as numbers of 0 to 1000, however many there are."""


@dataclass(frozen=True)
class Draws:
    """Chance of a step: M items are replaced.

    where_M: their places in the rows' values, increasing.   row_M: the row of each.
    level_R: int64, of each row.   start_MD, noise_MD: float32, normal.
    picks_2M: int64, the candidate that each of two views takes, 0 the nearest.
    """

    where_M: np.ndarray
    row_M: np.ndarray
    level_R: np.ndarray
    start_MD: np.ndarray
    noise_MD: np.ndarray
    picks_2M: np.ndarray


def drawn(rows: Sequences, settings: Settings, size: int, n_items: int, rng: np.random.Generator) -> Draws:
    """What is replaced in `rows`, and by which noise."""
    where_M = np.flatnonzero(rng.random(len(rows.values)) < settings.share)
    shape = len(where_M), size
    return Draws(
        where_M,
        np.searchsorted(rows.offsets, where_M, side="right") - 1,
        rng.integers(settings.levels, size=len(rows)),
        rng.standard_normal(shape, dtype=np.float32),
        rng.standard_normal(shape, dtype=np.float32),
        rng.integers(min(settings.candidates, n_items), size=(2, len(where_M))),
    )


def signal(levels: Tensor, settings: Settings) -> Tensor:
    """a_t, the share of the clean embedding's variance that is left at each of `levels`, float32."""
    return (1.0 - (levels / settings.levels + 0.0001).sqrt()).clamp(min=0.0)


class Denoiser(nn.Module):
    """Predicts clean embeddings at noised positions from noised and clean ones, all of a row at once.

    Args:
        size: D.   longest: items of the longest row.   seed: of the weights.
    """

    def __init__(self, settings: Settings, size: int, longest: int, seed: int) -> None:
        super().__init__()
        self.settings, self.size = settings, size
        self.masks = MaskSource(np.random.default_rng(seed))
        dropout = Dropout(settings.dropout, self.masks)
        shape = bert4rec.Settings(hidden_size=size, heads=settings.heads, inner_size=settings.inner_size)
        self.positions = nn.Embedding(longest, size)
        self.time = nn.Sequential(nn.Linear(size, 4 * size), nn.SiLU(), nn.Linear(4 * size, size))
        self.norm = nn.LayerNorm(size, eps=LAYER_NORM_EPS)
        self.dropout = dropout
        self.blocks = nn.ModuleList(Block(shape, dropout, dropout) for _ in range(settings.layers))
        torch_rng = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=INIT_STD, generator=torch_rng)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, rows: Sequences, embedded_SD: Tensor, draws: Draws) -> tuple[Tensor, Tensor, Tensor]:
        """x_0 at the replaced items, what is predicted of it, and the same after all sampling steps; [M, D].

        Args:
            rows: on the host.   embedded_SD: the clean embeddings of their values.
        """
        device = embedded_SD.device
        batch = pack(rows, device, flat=True)
        assert batch.flat_S is not None
        where_M, row_M = (torch.from_numpy(part).to(device) for part in (draws.where_M, draws.row_M))
        start_MD, noise_MD = (torch.from_numpy(part).to(device) for part in (draws.start_MD, draws.noise_MD))
        levels_R = torch.from_numpy(draws.level_R).to(device).float()
        clean_TD = torch.zeros(len(batch.tokens_T), self.size, device=device)
        clean_TD = clean_TD.index_copy(0, batch.flat_S, embedded_SD)
        at_M = batch.flat_S[where_M]
        first = signal(torch.zeros((), device=device), self.settings)
        start_MD = embedded_SD[where_M] + (1 - first).sqrt() * start_MD
        kept_M1 = signal(levels_R, self.settings)[row_M, None]
        noised_MD = kept_M1.sqrt() * start_MD + (1 - kept_M1).sqrt() * noise_MD
        told_MD = self._predicted(batch, clean_TD, at_M, noised_MD, levels_R)
        with torch.no_grad():
            sampled_MD, steps = told_MD, self.settings.sampling_steps
            for step in range(1, steps):
                # The noise that the prediction leaves, at a lower level (DDIM, arXiv 2010.02502).
                left_MD = (noised_MD - kept_M1.sqrt() * sampled_MD) / (1 - kept_M1).sqrt()
                lower_R = levels_R * (steps - step) / steps
                kept_M1 = signal(lower_R, self.settings)[row_M, None]
                noised_MD = kept_M1.sqrt() * sampled_MD + (1 - kept_M1).sqrt() * left_MD
                sampled_MD = self._predicted(batch, clean_TD, at_M, noised_MD, lower_R)
        return start_MD, told_MD, sampled_MD

    def _predicted(
        self, batch: Packed, clean_TD: Tensor, at_M: Tensor, noised_MD: Tensor, levels_R: Tensor
    ) -> Tensor:
        """The output at the tokens `at_M`, where `noised_MD` stands in place of the clean embeddings."""
        widths = [group.width for group in batch.groups for _ in range(group.rows)]
        order_R = batch.unsort_B.argsort()
        time_TD = self.time(waves(levels_R * (SCALE / self.settings.levels), self.size))[order_R]
        time_TD = time_TD.repeat_interleave(torch.tensor(widths, device=clean_TD.device), dim=0)
        x_TD = clean_TD.index_copy(0, at_M, noised_MD.to(clean_TD.dtype))
        x_TD = self.dropout(self.norm(x_TD + self.positions(batch.positions_T) + time_TD))
        for block in self.blocks:
            x_TD = block(x_TD, batch, last_only=False)
        predicted_MD: Tensor = x_TD[at_M].float()
        return predicted_MD


def waves(numbers_R: Tensor, size: int) -> Tensor:
    """Cosines and sines of numbers at falling frequencies, float32 [R, size]."""
    half = size // 2
    frequencies = torch.arange(half, device=numbers_R.device) * (-math.log(LONGEST_WAVE) / max(half, 1))
    angles = numbers_R[:, None] * frequencies.exp()
    return nn.functional.pad(torch.cat([angles.cos(), angles.sin()], dim=1), (0, size % 2))

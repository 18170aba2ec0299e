"""LRURec's encoder: packed rows, the recurrence by doubling in training and step by step when serving."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sracl_core.data.sequences import Sequences
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.dropout import Dropout
from sracl_core.models.feed_forward import FeedForward
from sracl_core.models.lrurec import Settings
from sracl_core.models.packing import Group, Packed, by_pieces, pack

LAYER_NORM_EPS = 1e-5


def build(settings: Settings, n_items: int, seed: int) -> LRURec:
    """The encoder with weights drawn from `seed`."""
    return LRURec(settings, n_items, seed)


class LRURec(SequenceEncoder):
    """Linear recurrent units and feed-forward layers."""

    def __init__(self, settings: Settings, n_items: int, seed: int = 0) -> None:
        super().__init__(n_items, settings.hidden_size, settings.max_length, seed)
        self.norm = nn.LayerNorm(settings.hidden_size, eps=LAYER_NORM_EPS)
        self.dropout = Dropout(settings.dropout, self.masks)
        self.blocks = nn.ModuleList(Block(settings, self.dropout) for _ in range(settings.layers))
        self.initialize(seed)

    def initialize(self, seed: int) -> None:
        """As `SequenceEncoder.initialize`; lambda starts on the ring, gamma keeps states of one size."""
        super().initialize(seed)
        torch_rng = torch.Generator().manual_seed(seed + 1)
        for block in self.blocks:
            assert isinstance(block, Block)
            block.start(torch_rng)

    def encode(self, rows: Sequences) -> Tensor:
        """See `SequenceEncoder.encode`."""
        return by_pieces(rows.latest(self.max_length), self.device, self._last_states)

    def states(self, rows: Sequences) -> Tensor:
        """See `SequenceEncoder.states`."""
        self.require_fit(rows)
        batch = pack(rows, self.device, flat=True)
        x_TD = self._embed(batch.tokens_T)
        for block in self.blocks:
            x_TD = block(x_TD, batch, last_only=False)
        return x_TD[batch.flat_S]

    def memory(self, n_rows: int) -> Tensor:
        """What `update` keeps of `n_rows` sequences before their first item, complex64 [layers, R, 2 D]."""
        shape = len(self.blocks), n_rows, 2 * self.hidden_size
        return torch.zeros(shape, dtype=torch.complex64, device=self.device)

    def update(self, items_R: Tensor, memory_KRH: Tensor) -> tuple[Tensor, Tensor]:
        """Take one more item of each sequence, int64 [R].

        Nothing is forgotten but by lambda: past `max_length` items the state is that of the whole
        sequence, where `encode` reads the latest ones alone.

        Returns:
            (states after the item float [R, D], what to hand in with the next one)
        """
        x_RD, kept = self._embed(items_R), []
        for block, memory_RH in zip(self.blocks, memory_KRH, strict=True):
            assert isinstance(block, Block)
            x_RD, memory_RH = block.step(x_RD, memory_RH)
            kept.append(memory_RH)
        return x_RD, torch.stack(kept)

    def _last_states(self, batch: Packed) -> Tensor:
        x = self._embed(batch.tokens_T)
        for depth, block in enumerate(self.blocks, start=1):
            x = block(x, batch, last_only=depth == len(self.blocks))
        states_BD: Tensor = x[batch.unsort_B]
        return states_BD

    def _embed(self, tokens_T: Tensor) -> Tensor:
        embedded_TD: Tensor = self.norm(self.dropout(self.items(tokens_T)))
        return embedded_TD


class Block(nn.Module):
    """A linear recurrence with a complex diagonal, then feed-forward.

    The complex matrices B and C are held as real ones, real parts before imaginary ones: x is real, and of
    C h the real part alone is wanted.
    """

    def __init__(self, settings: Settings, dropout: Dropout) -> None:
        super().__init__()
        size = settings.hidden_size
        self.radii = settings.least_radius, settings.most_radius
        self.ring_3H = nn.Parameter(torch.zeros(3, 2 * size))
        """Logarithms of -log |lambda|, of lambda's angle, and of gamma."""
        self.into = nn.Linear(size, 4 * size)
        self.out = nn.Linear(4 * size, size)
        self.norm = nn.LayerNorm(size, eps=LAYER_NORM_EPS)
        self.feed_forward = FeedForward(size, settings.inner_size, dropout, LAYER_NORM_EPS, dropout)
        self.dropout = dropout

    def start(self, torch_rng: torch.Generator) -> None:
        """Draw lambda uniformly from the ring, as in Orvieto et al. (arXiv 2303.06349), lemma 3.2."""
        least, most = self.radii
        with torch.no_grad():
            self.ring_3H.uniform_(generator=torch_rng)
            squared_H = self.ring_3H[0] * (most**2 - least**2) + least**2
            self.ring_3H[0] = (-0.5 * squared_H.log()).log()
            self.ring_3H[1] = (2 * math.pi * self.ring_3H[1]).clamp(min=1e-6).log()
            self.ring_3H[2] = (1 - squared_H).sqrt().log()

    def forward(self, x_TD: Tensor, batch: Packed, last_only: bool) -> Tensor:
        """The block's output at every token, or (`last_only`) at each row's last token."""
        log_lambda_H, input_TH = self._log_lambda(), self._input(x_TD)
        kept = [self._scan(input_TH, log_lambda_H, group, last_only) for group in batch.groups]
        return self._out(x_TD[batch.last_B] if last_only else x_TD, torch.cat(kept))

    def step(self, x_RD: Tensor, memory_RH: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the recurrence: (output [R, D], new memory [R, H])."""
        memory_RH = self._log_lambda().exp() * memory_RH + self._input(x_RD)
        return self._out(x_RD, memory_RH), memory_RH

    def _scan(self, input_TH: Tensor, log_lambda_H: Tensor, group: Group, last_only: bool) -> Tensor:
        """h of a group's tokens, or of each row's last; padding, which is before the items, adds nothing."""
        tokens = slice(group.start, group.start + group.rows * group.width)
        h_RLH = input_TH[tokens].view(group.rows, group.width, -1)
        if group.keys_valid is not None:
            h_RLH = h_RLH * group.keys_valid[:, :, None]
        if last_only:
            ages_L = torch.arange(group.width - 1, -1, -1, device=log_lambda_H.device)
            return (h_RLH * torch.exp(ages_L[:, None] * log_lambda_H)).sum(dim=1)
        # After each round h holds its latest 2 * shift inputs: log2 of the width rounds hold them all.
        shift = 1
        while shift < group.width:
            carried = h_RLH[:, :-shift] * torch.exp(shift * log_lambda_H)
            h_RLH = torch.cat([h_RLH[:, :shift], h_RLH[:, shift:] + carried], dim=1)
            shift *= 2
        return h_RLH.flatten(0, 1)

    def _log_lambda(self) -> Tensor:
        """Complex [H]."""
        return torch.complex(-self.ring_3H[0].exp(), self.ring_3H[1].exp())

    def _input(self, x_TD: Tensor) -> Tensor:
        real_TH, imaginary_TH = self.into(x_TD).float().chunk(2, dim=-1)
        return torch.complex(real_TH, imaginary_TH) * self.ring_3H[2].exp()

    def _out(self, x_TD: Tensor, h_TH: Tensor) -> Tensor:
        mixed_TD = self.out(torch.cat([h_TH.real, h_TH.imag], dim=-1))
        out_TD: Tensor = self.feed_forward(self.norm(x_TD + self.dropout(mixed_TD)))
        return out_TD

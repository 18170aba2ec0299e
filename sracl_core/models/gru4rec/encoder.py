"""GRU4Rec's encoder: a GRU over a prefix, then a linear map back to the item space."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.data.sequences import Sequences
from sracl_core.models.base import SequenceEncoder
from sracl_core.models.dropout import Dropout
from sracl_core.models.gru4rec import Settings


def build(settings: Settings, n_items: int, seed: int) -> GRU4Rec:
    """The encoder with weights drawn from `seed`."""
    return GRU4Rec(settings, n_items, seed)


class GRU4Rec(SequenceEncoder):
    """A gated recurrent network, its final state mapped to the item space."""

    def __init__(self, settings: Settings, n_items: int, seed: int = 0) -> None:
        size = settings.hidden_size
        super().__init__(n_items, size, settings.max_length, seed)
        self.dropout = Dropout(settings.dropout, self.masks)
        self.recurrent = nn.GRU(size, size, settings.layers, batch_first=True)
        self.output = nn.Linear(size, size)
        self.initialize(seed)

    def initialize(self, seed: int) -> None:
        """As `SequenceEncoder.initialize`; recurrent matrices start orthogonal, their biases 0."""
        super().initialize(seed)
        torch_rng = torch.Generator().manual_seed(seed + 1)
        for name, weight in self.recurrent.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(weight, generator=torch_rng)
            else:
                nn.init.zeros_(weight)

    def encode(self, rows: Sequences) -> Tensor:
        """See `SequenceEncoder.encode`."""
        _, final = self.recurrent(self._embed(rows.latest(self.max_length)))
        states_RD: Tensor = self.output(self.dropout(final[-1]))
        return states_RD

    def states(self, rows: Sequences) -> Tensor:
        """See `SequenceEncoder.states`."""
        self.require_fit(rows)
        outputs, _ = self.recurrent(self._embed(rows))
        padded_RLD, _ = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
        row = torch.from_numpy(np.repeat(np.arange(len(rows)), rows.lengths))
        column = torch.from_numpy(np.arange(rows.offsets[-1]) - np.repeat(rows.offsets[:-1], rows.lengths))
        states_TD: Tensor = self.output(self.dropout(padded_RLD[row, column]))
        return states_TD

    def padded(self, items_RL: Tensor) -> Tensor:
        """See `SequenceEncoder.padded`."""
        lengths_R = (items_RL != 0).sum(dim=1)
        columns_L = torch.arange(items_RL.shape[1], device=items_RL.device)
        # Padding must come after the items: a state that has read it is no longer 0.
        moved_RL = (columns_L + items_RL.shape[1] - lengths_R[:, None]) % items_RL.shape[1]
        outputs_RLD, _ = self.recurrent(self.items(items_RL.gather(1, moved_RL)))
        last_R1D = (lengths_R - 1)[:, None, None].expand(-1, 1, outputs_RLD.shape[2])
        states_RD: Tensor = self.output(outputs_RLD.gather(1, last_R1D)[:, 0])
        return states_RD

    def _embed(self, rows: Sequences) -> nn.utils.rnn.PackedSequence:
        """The items as torch's packed sequence wants them: rows that start at column 0."""
        lengths = rows.lengths
        columns = np.arange(int(lengths.max()))
        inside = columns < lengths[:, None]
        addresses = np.where(inside, rows.offsets[:-1, None] + columns, 0)
        items_RL = torch.from_numpy(np.where(inside, rows.values[addresses], 0).astype(np.int64))
        return nn.utils.rnn.pack_padded_sequence(
            self.dropout(self.items(items_RL.to(self.device))),
            torch.from_numpy(lengths),
            batch_first=True,
            enforce_sorted=False,
        )

"""GRU4Rec: a gated recurrent network read at its last step.

Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks", ICLR 2016 (arXiv
1511.06939), with the tied output embeddings and full softmax that the SRA-CL paper compares with.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sracl_core.models.base import SequenceEncoder
from sracl_core.models.dropout import Dropout


class GRU4Rec(SequenceEncoder):
    """GRU over a prefix, then a linear map back to the item space."""

    def __init__(
        self,
        n_items: int,
        hidden_size: int = 64,
        layers: int = 1,
        dropout: float = 0.5,
        max_length: int = 20,
        seed: int = 0,
    ) -> None:
        super().__init__(n_items, hidden_size, seed)
        self.max_length = max_length
        self.dropout = Dropout(dropout, self.masks)
        self.recurrent = nn.GRU(hidden_size, hidden_size, layers, batch_first=True)
        self.output = nn.Linear(hidden_size, hidden_size)
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

    def encode(self, items_BL: Tensor, lengths_B: Tensor) -> Tensor:
        """See `SequenceEncoder.encode`; rows longer than `max_length` are cut to their latest items."""
        items_BL = items_BL[:, -self.max_length :]
        lengths_B = lengths_B.clamp(max=self.max_length)
        n_columns = items_BL.shape[1]
        # The packed GRU wants rows that start at column 0.
        columns = torch.arange(n_columns, device=items_BL.device)
        source = (columns + (n_columns - lengths_B)[:, None]).clamp(max=n_columns - 1)
        x_BLD = self.dropout(self.items(items_BL.gather(1, source)))
        packed = nn.utils.rnn.pack_padded_sequence(
            x_BLD, lengths_B.cpu(), batch_first=True, enforce_sorted=False
        )
        _, final = self.recurrent(packed)
        states_BD: Tensor = self.output(self.dropout(final[-1]))
        return states_BD

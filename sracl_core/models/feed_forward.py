"""The feed-forward half of a block, as most backbones have it."""

from __future__ import annotations

from torch import Tensor, nn

from sracl_core.models.dropout import Dropout


class FeedForward(nn.Module):
    """Two linear maps with GELU between, dropout, a residual, and a LayerNorm after it.

    Args:
        size: D.   inner_size: width between the maps.
        dropout: of the output.
        eps: of the LayerNorm.
        inner_dropout: of what lies between the maps, where a method has it.
    """

    def __init__(
        self, size: int, inner_size: int, dropout: Dropout, eps: float, inner_dropout: Dropout | None = None
    ) -> None:
        super().__init__()
        self.inner = nn.Linear(size, inner_size)
        self.outer = nn.Linear(inner_size, size)
        self.norm = nn.LayerNorm(size, eps=eps)
        self.dropout = dropout
        self.inner_dropout = inner_dropout

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as `x`, [..., D]."""
        inner = nn.functional.gelu(self.inner(x))
        if self.inner_dropout is not None:
            inner = self.inner_dropout(inner)
        out: Tensor = self.norm(x + self.dropout(self.outer(inner)))
        return out

"""RPG's encoder: SASRec's blocks over means of digit embeddings, and a head for each digit."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.models.base import INIT_STD
from sracl_core.models.rpg import Settings
from sracl_core.models.rpg.digits import as_others, quantized
from sracl_core.models.sasrec.encoder import SASRec
from sracl_core.models.text_map import text_start
from sracl_core.seeding import generator


def build(settings: Settings, n_items: int, seed: int) -> RPG:
    """The encoder with weights, and digits until texts give them, drawn from `seed`."""
    return RPG(settings, n_items, seed)


class RPG(SASRec):
    """Reads items by their digits, and scores them by their digits."""

    item_rows = None
    digits_NM: Tensor
    """int64 [N + 1, M]: rows of `items`, the digit j of value c at 1 + j * codebook + c; row 0 is padding."""

    def __init__(self, settings: Settings, n_items: int, seed: int = 0) -> None:
        super().__init__(settings, n_items, seed)
        size, self.n_digits, self.codebook = settings.hidden_size, settings.digits, settings.codebook
        self.seed, self.temperature, self.ids = seed, settings.digit_temperature, settings.ids
        self.items = nn.Embedding(1 + self.n_digits * self.codebook, size, padding_idx=0)
        self.heads = nn.Linear(size, self.n_digits * size)
        self.register_buffer("digits_NM", torch.zeros(n_items + 1, self.n_digits, dtype=torch.long))
        drawn_NM = generator(seed, "digits").integers(self.codebook, size=(n_items, self.n_digits))
        self._take_digits(drawn_NM)
        self.initialize(seed)
        # Every head begins as half a step from the identity's, as published.
        nn.init.zeros_(self.heads.weight)

    @torch.no_grad()
    def start_from_texts(self, item_vectors_NE: np.ndarray) -> None:
        """Digits of text vectors; each begins at the mean of its items' `text_start`."""
        rng = generator(self.seed, "digits")
        self._take_digits(quantized(item_vectors_NE, self.ids, self.n_digits, self.codebook, rng))
        starts_ND = torch.from_numpy(text_start(item_vectors_NE, self.hidden_size, INIT_STD)).to(self.device)
        rows_NM, weight = self.digits_NM[1:], self.items.weight
        sums = torch.zeros_like(weight)
        for rows_N in rows_NM.T:
            sums.index_add_(0, rows_N, starts_ND)
        counts = torch.bincount(rows_NM.flatten(), minlength=len(weight))[:, None]
        weight.copy_(torch.where(counts > 0, sums / counts, weight))
        self.scale_items(INIT_STD / max(float(self.item_embeddings[1:].std()), 1e-12))

    def new_rows(
        self, vectors_NE: np.ndarray, asked_ME: np.ndarray, ridge: float, of: np.ndarray | None = None
    ) -> dict[str, Tensor]:
        """See `SequenceEncoder.new_rows`: the digits whose items have the nearest mean, see `as_others`."""
        of = np.arange(self.n_items) if of is None else of
        digits_NM = self.digits_NM[1:].cpu().numpy()
        return {"digits_NM": torch.from_numpy(as_others(digits_NM, vectors_NE, asked_ME, self.ids, of))}

    def embed(self, items: Tensor) -> Tensor:
        """See `SequenceEncoder.embed`: the mean of each item's digits' embeddings."""
        tokens_TM = self.digits_NM[items.flatten()]
        # The sum of a bag leaves row 0 out; the mean of one that holds nothing else is 0 too.
        mean_TD = nn.functional.embedding_bag(tokens_TM, self.items.weight, mode="mean", padding_idx=0)
        return mean_TD.view(*items.shape, self.hidden_size)

    @property
    def item_embeddings(self) -> Tensor:
        """See `SequenceEncoder.item_embeddings`; made anew from the digits at each call."""
        return self.embed(torch.arange(self.n_items + 1, device=self.device))

    def digit_log_probabilities(self, states_RD: Tensor) -> Tensor:
        """log p(value of each digit | state), float32 [R, M, K]."""
        size = self.hidden_size
        moved_RMD = nn.functional.silu(self.heads(states_RD)).view(-1, self.n_digits, size)
        found_RMD = nn.functional.normalize(states_RD[:, None] + moved_RMD, dim=-1)
        digits_MKD = self.items.weight[1:].view(self.n_digits, self.codebook, size)
        digits_MKD = nn.functional.normalize(digits_MKD, dim=-1)
        cosine_MRK = torch.bmm(found_RMD.transpose(0, 1), digits_MKD.transpose(1, 2))
        return (cosine_MRK.transpose(0, 1).float() / self.temperature).log_softmax(dim=-1)

    def padded(self, items_RL: Tensor) -> Tensor:
        """Not there: the product that makes scores of digits would take a row of every digit an item."""
        raise NotImplementedError("RPG has no form that can be exported")

    def item_scores(self, states_RD: Tensor) -> Tensor:
        """See `SequenceEncoder.item_scores`: the sum of what an item's digits get."""
        of_digits_SR = self.digit_log_probabilities(states_RD).flatten(1).T.contiguous()
        scores_NR = nn.functional.embedding_bag(self.digits_NM[1:] - 1, of_digits_SR, mode="sum")
        return scores_NR.T.contiguous()

    def _take_digits(self, values_NM: np.ndarray) -> None:
        """Digits, each from 0 to codebook - 1, as rows of the table."""
        rows_NM = 1 + np.arange(self.n_digits) * self.codebook + values_NM
        self.digits_NM[1:] = torch.from_numpy(rows_NM).to(self.digits_NM.device)

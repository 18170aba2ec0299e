"""The contract that every backbone keeps.

Shape suffixes used throughout: B or R rows, L positions, D hidden size, N items, T tokens of a batch
laid end to end, H heads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.data.sequences import Sequences, aged
from sracl_core.device import product
from sracl_core.models.counts import Counts
from sracl_core.models.dropout import MaskSource
from sracl_core.models.evidence import Evidence
from sracl_core.models.item_shard import ItemShard, item_table
from sracl_core.models.text_map import from_text, text_start
from sracl_core.seeding import generator
from sracl_core.team import ALONE, Team

INIT_STD = 0.02


class SequenceEncoder(nn.Module, ABC):
    """Maps a sequence of items to one state, and a state to scores of all items.

    Holds the item embeddings (row 0 is padding, zero, and never updated) and the generator of its
    dropout masks. Tokens that are no items, such as a mask, have a table of their own: `items` is what
    is ranked.

    >>> from sracl_core.models.build import build_encoder
    >>> from sracl_core.models.sasrec import Settings
    >>> encoder = build_encoder(Settings(hidden_size=8), n_items=5).eval()
    >>> states = encoder.encode(Sequences.from_lists([[3, 1], [2]]))
    >>> states.shape, encoder.score(states).shape
    (torch.Size([2, 8]), torch.Size([2, 5]))
    """

    item_rows: ClassVar[Mapping[str, int] | None] = {"items.weight": 1}
    """Which weights have a row for each item, by name, and in which row the first item stands; None where an
    item's weights are not its own, so that those of an earlier run say nothing of this one's items."""

    linear: ClassVar[bool] = True
    """Whether an item's score grows evenly with its embedding, as a dot product does, all else alike."""

    def __init__(self, n_items: int, hidden_size: int, max_length: int, seed: int = 0) -> None:
        super().__init__()
        self.n_items = n_items
        self.hidden_size = hidden_size
        self.max_length = max_length
        self.masks = MaskSource(generator(seed, "dropout"))
        self.items = item_table(n_items, hidden_size)
        self.repeat_bias: Tensor
        self.register_buffer("repeat_bias", torch.zeros(max_length))
        self.evidence: Evidence | None = None
        self.counts: Counts | None = None

    @abstractmethod
    def encode(self, rows: Sequences) -> Tensor:
        """States after the last item of each row.

        Args:
            rows: R sequences of at least one item each, on the host; of a longer one than `max_length`
                the latest items are read. An item of 0 is blank: it has its place and no embedding.

        Returns:
            float [R, D] on the encoder's device; [R, K * D] where a state is K vectors of the item space.
        """

    def toward(self, states_RS: Tensor, targets_R: Tensor) -> Tensor:
        """What of each state is to come near its target, float [R, D]: all of it, unless a backbone says so.

        Args:
            states_RS: what `encode` returned.
            targets_R: int64 items.
        """
        return states_RS

    def states(self, rows: Sequences) -> Tensor:
        """States after every item, float [T, D] in the order of `rows.values`; none sees a later item.

        Raises ValueError for a row longer than `max_length`, NotImplementedError where a backbone
        reads a sequence only as a whole.
        """
        raise NotImplementedError(f"{type(self).__name__} has no state for each position of a sequence")

    def padded(self, items_RL: Tensor) -> Tensor:
        """`encode` of rows in one array, by operations that a graph can be exported from.

        Args:
            items_RL: int64, rows aligned to the right, 0 before them; at least one item each, L at most
                `max_length`.

        Returns:
            float [R, E] whose product with `searched` is `item_scores`; E is D unless a backbone says
            otherwise.

        Raises NotImplementedError where a backbone has no such form.
        """
        raise NotImplementedError(f"{type(self).__name__} has no form that can be exported")

    @property
    def searched(self) -> Tensor:
        """float32 [N, E], row i is item i + 1: what `padded` states are multiplied with."""
        return self.item_embeddings[1:]

    def require_fit(self, rows: Sequences) -> None:
        """Raise ValueError for a row longer than `max_length`."""
        if int(rows.lengths.max(initial=0)) > self.max_length:
            raise ValueError(f"a row is longer than the {self.max_length} items that the encoder reads")

    def score(
        self, states_RD: Tensor, histories: Sequences | None = None, counted: Sequences | None = None
    ) -> Tensor:
        """Scores of all items after each state, float32 [R, N]; column j is item j + 1.

        An item that the history holds gets `repeat_bias` of its age, once for each time that it stands
        there (see `training.repeats`), and what `counts` say, if any; other items get what the `evidence`
        says, if any. This is what is ranked, recommended and explained.

        Args:
            states_RD: what `encode` returned.
            histories: the latest `Backbone.reach` items of what the states stand for; without, no repeat.
            counted: what `counts` are to count where that is not `histories`.
        """
        scores_RN = self.item_scores(states_RD).contiguous()
        if histories is not None:
            if self.evidence is not None:
                self.evidence.add_to(scores_RN, histories, self.max_length)
            self.add_repeats_to(scores_RN, histories)
            if self.counts is not None:
                self.counts.add_to(scores_RN, histories if counted is None else counted)
        return scores_RN

    def add_repeats_to(self, scores_RN: Tensor, histories: Sequences) -> None:
        """Add the `repeat_bias` of each place that an item has in the history, where the scores stand."""
        if not bool(self.repeat_bias.any()):
            return
        rows, items, ages = (
            torch.from_numpy(part).to(self.device) for part in aged(histories, self.max_length)
        )
        columns, held = self.columns_of(items)
        places = rows[held], columns[held]
        scores_RN.index_put_(places, self.repeat_bias[ages[held]], accumulate=True)

    def item_scores(self, states_RD: Tensor) -> Tensor:
        """Scores by the states alone, float32 [R, N]: the dot product, unless a backbone says otherwise.

        They are the caller's own, who may write into them.
        """
        return product(states_RD, self.item_embeddings[1:]).float()

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.items.weight.device

    @property
    def parameter_count(self) -> int:
        """How many numbers it learns."""
        return sum(weight.numel() for weight in self.parameters())

    def share_items(self, team: Team) -> None:
        """Keep of the item embeddings this process's part, `team.share(N)`; each process has its own.

        From then on what is encoded or embedded has to be told to `hold` before, and `item_embeddings` and
        all scores are those of the part.
        """
        if team.size > 1 and isinstance(self.items, nn.Embedding):
            shard, whole = ItemShard(self.n_items, self.hidden_size, team), self.items.weight.detach()
            shard.weight.data.copy_(shard.part_of(whole))
            self.items = shard

    @property
    def holders(self) -> Team:
        """The processes that share the item embeddings out; one alone where they are whole."""
        return self.items.team if isinstance(self.items, ItemShard) else ALONE

    @property
    def own_items(self) -> slice:
        """Of the items, counted from 0, those whose embeddings this process holds."""
        return self.items.own if isinstance(self.items, ItemShard) else slice(0, self.n_items)

    def columns_of(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """Columns of items in the scores that this process has, and whether it has the item's."""
        first, n = self.own_items.start, self.own_items.stop - self.own_items.start
        columns = items - 1 - first
        return columns.clamp(0, n - 1), (columns >= 0) & (columns < n)

    def hold(self, *items: np.ndarray) -> None:
        """Have the embeddings of these items at hand; the holders call it together, each with its own."""
        if isinstance(self.items, ItemShard):
            self.items.hold(np.concatenate([part.ravel().astype(np.int64) for part in items]))

    def encode_shared(self, rows: Sequences) -> Tensor:
        """`encode` of rows that all holders of the item embeddings ask for; each encodes a share of them."""
        team = self.holders
        if team.size == 1:
            return self.encode(rows)
        own = team.share(len(rows))
        # Without a row of its own a process encodes the first one, for nothing.
        mine = rows.take(np.arange(own.start, own.stop) if own.start < own.stop else np.zeros(1, np.int64))
        self.hold(mine.values)
        return team.gather(self.encode(mine)[: own.stop - own.start])

    @property
    def item_embeddings(self) -> Tensor:
        """float32 [N + 1, D]; row 0 is padding."""
        return self.items.weight

    def embed(self, items: Tensor) -> Tensor:
        """Embeddings of items, float [..., D]; of 0, zero. By default rows of `items`."""
        embeddings: Tensor = self.items(items)
        return embeddings

    def initialize(self, seed: int) -> None:
        """Draw every weight anew: matrices N(0, 0.02), biases 0, LayerNorm gains 1."""
        torch_rng = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if isinstance(module, ItemShard):
                module.draw(INIT_STD, torch_rng)
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=INIT_STD, generator=torch_rng)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            self.items.weight[0].zero_()

    def start_from_texts(self, item_vectors_NE: np.ndarray) -> None:
        """Start from text vectors, float32 [N, E]: by default the item embeddings, as `text_start` says."""
        start = text_start(item_vectors_NE, self.hidden_size, INIT_STD, self.own_items)
        with torch.no_grad():
            self.items.weight[1:].copy_(torch.from_numpy(start))

    def new_rows(
        self, vectors_NE: np.ndarray, asked_ME: np.ndarray, ridge: float, of: np.ndarray | None = None
    ) -> dict[str, Tensor]:
        """What items that nobody has touched get, for `build.with_items`: by default by a linear map.

        Args:
            vectors_NE: float32, the text vectors of the items that were trained.
            asked_ME: float32, those of the new ones.
            ridge: strength of the map's penalty, see `text_map.from_text`.
            of: rows of the trained items that are learned from, int64; None is all.

        Returns:
            {name in the state dict: M rows}

        Raises NotImplementedError where an item's weights do not come from its text.
        """
        if self.item_rows is None:
            raise NotImplementedError(
                f"{type(self).__name__} has no rows for items that it was not built with"
            )
        of = np.arange(self.n_items) if of is None else of
        state = self.state_dict()
        learned = {name: state[name].cpu().numpy()[first + of] for name, first in self.item_rows.items()}
        return {
            name: torch.from_numpy(from_text(vectors_NE[of], rows, asked_ME, ridge))
            for name, rows in learned.items()
        }

    def scale_items(self, factor: float) -> None:
        """Multiply the item embeddings by `factor`."""
        with torch.no_grad():
            self.items.weight.mul_(factor)

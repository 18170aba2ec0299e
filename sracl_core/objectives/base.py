"""How objectives share one step.

An objective first says which further sequences it needs; all sequences of a step, the anchors
included, are encoded in one call; then each objective turns states into its parts of the loss.
The anchor is so encoded once, however many objectives read it.

Shape suffixes: B anchors, R rows of one request, L positions, D hidden size, K neighbors,
E size of a text vector, N items, P training prefixes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from sracl_core.data.prefixes import Prefixes
from sracl_core.data.sequences import Sequences
from sracl_core.errors import ConfigError
from sracl_core.models.base import SequenceEncoder
from sracl_core.team import ALONE, Team

LossParts = dict[str, Tensor]
"""Named scalars; an objective's weight is applied by who adds them up."""

Chance = Callable[[str], np.random.Generator]
"""The generator of each objective, by its name: switching one off moves no draw of another."""


@dataclass(frozen=True)
class Batch:
    """Anchors of a step, on the host."""

    prefixes_B: np.ndarray
    """int64 row numbers in the table of training prefixes."""
    rows: Sequences
    """Their items."""
    targets_B: np.ndarray
    """int64 item that followed each."""

    def part(self, which: slice) -> Batch:
        """Some of them."""
        rows = self.rows.take(np.arange(len(self.prefixes_B))[which])
        return Batch(self.prefixes_B[which], rows, self.targets_B[which])


@dataclass(frozen=True)
class Request:
    """What an objective wants encoded, and what it does with the states."""

    finish: Callable[[Tensor, list[Tensor]], LossParts]
    """(anchors_BD, one states_RD for each of `rows`) -> parts."""
    rows: list[Sequences] = field(default_factory=list)
    items: Sequence[np.ndarray] = ()
    """Those whose embeddings it reads, beside the sequences' own."""


class Objective(nn.Module, ABC):
    """Something to minimize beside others; a module, since some have weights to learn.

    `reads_anchors` is False where the states of the batch's own prefixes are not read; they are not
    encoded when nobody reads them. Where `reads_each` holds, its anchors are the states after every item of
    the batch's rows, end to end.

    Several processes share a batch. Where `by_row` holds, the loss is a mean over the batch's `terms` and its
    chance does not depend on them: each process plans and computes its own rows. Elsewhere each plans the
    whole batch, encodes a share of what was asked for, and computes the loss from the states of all; an
    objective that encodes for itself, in `plan`, cannot be `shared`.
    """

    reads_anchors = True
    reads_each = False
    by_row = False
    shared = True

    @abstractmethod
    def plan(self, encoder: SequenceEncoder, batch: Batch, rng: np.random.Generator) -> Request:
        """Decide, with chance from `rng` alone, what this step needs."""

    def start_epoch(self, encoder: SequenceEncoder, rng: np.random.Generator) -> None:
        """Called before each epoch's first step, with a generator of this epoch."""

    def examples(self, prefixes: Prefixes) -> np.ndarray:
        """Of the main objective: the training prefixes that an epoch walks through, int64 row numbers.

        Every prefix once, unless an objective says otherwise; a row may stand there several times.
        """
        return np.arange(len(prefixes))

    def terms(self, batch: Batch) -> int:
        """Of how many terms the loss of a batch is the mean, where it is one `by_row`: its anchors."""
        return len(batch.rows.values if self.reads_each else batch.rows)


def loss_parts(
    encoder: SequenceEncoder,
    objectives: Mapping[str, Objective],
    weights: Mapping[str, float],
    batch: Batch,
    chance: Chance,
    team: Team = ALONE,
) -> LossParts:
    """All parts of the loss of one step, weights applied, from a single encoding of all its sequences.

    In a team a part is such that the mean over the processes, of it and of its gradients, is the batch's.
    Raises ConfigError where two objectives have a part of one name.
    """
    own = batch if team.size == 1 else batch.part(team.share(len(batch.prefixes_B)))
    # Without a row of its own a process takes the first one, for nothing.
    mine = own if len(own.rows) else batch.part(slice(0, 1))
    requests = {
        name: part.plan(encoder, mine if part.by_row else batch, chance(name))
        for name, part in objectives.items()
    }
    wanted = [rows for request in requests.values() for rows in request.rows]
    if team.size > 1:
        wanted = [rows.take(np.arange(len(rows))[team.share(len(rows))]) for rows in wanted]
    anchored = any(part.reads_anchors for part in objectives.values())
    each = any(part.reads_each for part in objectives.values())
    read = [rows.values for rows in ([mine.rows, *wanted] if anchored or each else wanted)]
    encoder.hold(*read, *(items for request in requests.values() for items in request.items))
    nothing = torch.empty(0, encoder.hidden_size, device=encoder.device)
    own_TD = encoder.states(mine.rows).float() if each else nothing
    states = [part.float() for part in encode_together(encoder, [mine.rows, *wanted] if anchored else wanted)]
    own_BD = states.pop(0) if anchored else nothing
    each_TD, anchors_BD = own_TD, own_BD
    whole = [part for part in objectives.values() if not part.by_row]
    if any(part.reads_each for part in whole):
        each_TD = team.gather(own_TD[: len(own.rows.values)])
    if anchored and whole:
        anchors_BD = team.gather(own_BD[: len(own.rows)])
    states = [team.gather(part) for part in states]
    parts: LossParts = {}
    # Only the encoder follows an autocast around this: similarities over a temperature need float32.
    with torch.autocast(anchors_BD.device.type, enabled=False):
        for name, request in requests.items():
            asked, states = states[: len(request.rows)], states[len(request.rows) :]
            objective, weight = objectives[name], weights[name]
            of_mine, of_all = (own_TD, each_TD) if objective.reads_each else (own_BD, anchors_BD)
            if objective.by_row:
                weight *= team.size * objective.terms(own) / objective.terms(batch)
            for part, loss in request.finish(of_mine if objective.by_row else of_all, asked).items():
                if part in parts:
                    raise ConfigError(f"the objective {name} has a part '{part}', as another has; rename one")
                parts[part] = loss * weight
    return parts


def encode_together(encoder: SequenceEncoder, requests: Sequence[Sequences]) -> list[Tensor]:
    """States of several requests from one call of the encoder."""
    if not requests:
        return []
    states = encoder.encode(Sequences.joined(requests))
    return list(torch.split(states, [len(rows) for rows in requests]))

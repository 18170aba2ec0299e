"""Everything that training changes, and that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sracl_core.models.base import SequenceEncoder
from sracl_core.models.item_shard import ItemShard, Spread
from sracl_core.objectives.base import Objective
from sracl_core.settings.stages import TrainingConfig
from sracl_core.team import Team
from sracl_core.training import checkpoint
from sracl_core.training.adam import LazyAdam
from sracl_core.training.average import ROW_CLOCKS, WeightAverage


@dataclass
class LoopState:
    """Everything besides tensors that a resumed run needs; chance is a function of seed and step."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    """Batches of the current epoch that are done."""
    best_score: float | None = None
    best_epoch: int | None = None
    stale_epochs: int = 0
    elapsed: float = 0.0
    """Seconds of training and validation, over all sittings."""
    epoch_seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    """Loss parts of the current epoch, each summed over prefixes."""
    counted: int = 0


class Session:
    """An encoder and its objectives in training.

    Args:
        encoder: on its device already, as are the objectives.
        objectives: by name; `weights` of them: the loss is their weighted sum.
        config: rate, decay and averaging.
        item_anchors: [rows of the item embeddings, 1], share of the way back to where it is now that each
            step at the full rate pulls each of them; one at half of it half as far.
        lazy_items: update and average of the item embeddings the rows alone that a step has read; see
            `LazyAdam`. Not with an anchor or a weight decay, which reach every row.
    """

    def __init__(
        self,
        encoder: SequenceEncoder,
        objectives: Mapping[str, Objective],
        weights: Mapping[str, float],
        config: TrainingConfig,
        item_anchors: Tensor | None = None,
        lazy_items: bool = False,
    ) -> None:
        encoder.items.sparse = lazy_items
        self.encoder = encoder
        self.objectives = dict(objectives)
        self.weights = dict(weights)
        self.modules = nn.ModuleDict(self.objectives)
        self.device = encoder.device
        self.parameters = {
            **{f"model.{name}": weight for name, weight in encoder.named_parameters()},
            **{f"objectives.{name}": weight for name, weight in self.modules.named_parameters()},
        }
        self.optimizer = LazyAdam(
            self.parameters.values(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
        )
        self.average = WeightAverage(encoder, config.average_decay, "items.weight" if lazy_items else None)
        self.state = LoopState()
        self._full_rate = config.learning_rate
        self._item_anchors = None if item_anchors is None else item_anchors.to(self.device)
        self._item_start = None if item_anchors is None else encoder.items.weight.detach().clone()

    def gradients(self) -> dict[str, Tensor]:
        """What backward left, by the name of its weight; a sparse one coalesced."""
        for weight in self.parameters.values():
            if weight.grad is not None and weight.grad.is_sparse:
                weight.grad = weight.grad.coalesce()
        return {name: weight.grad for name, weight in self.parameters.items() if weight.grad is not None}

    @torch.no_grad()
    def step(self) -> None:
        """Take the optimizer's step, and pull the item embeddings back."""
        gradient = self.encoder.items.weight.grad
        if gradient is not None:
            self.average.settle(gradient.coalesce().indices()[0] if gradient.is_sparse else None)
        self.optimizer.step()
        if self._item_start is not None and self._item_anchors is not None:
            rate = self.optimizer.param_groups[0]["lr"] / self._full_rate
            self.encoder.items.weight.lerp_(self._item_start, self._item_anchors * rate)

    def train_mode(self) -> None:
        """Switch dropout on."""
        self.encoder.train()
        self.modules.train()

    def share_gradients(self, team: Team) -> None:
        """Make each gradient that of the whole batch, of which each process of the team took a share."""
        items = self.encoder.items
        if isinstance(items, ItemShard):
            items.give_back()
        shared = (one for one in self.parameters.values() if one is not items.weight)
        team.mean_gradients(shared if isinstance(items, ItemShard) else self.parameters.values())

    def save(self, folder: Path) -> None:
        """A checkpoint from which training goes on as if it had not stopped.

        Process 0 of a team writes it; where the item embeddings are shared out the others send it theirs,
        and call this together with it.
        """
        moments: dict[str, Tensor] = {}
        for name, weight in self.parameters.items():
            for key, value in self.optimizer.state[weight].items():
                moments[f"{name}|{key}"] = torch.as_tensor(value)
        tensors = {
            "model": self.encoder.state_dict(),
            "objectives": self.modules.state_dict(),
            "optimizer": moments,
            "average": self.average.state(),
        }
        self._save(folder, tensors, self._description())

    def save_weights(self, folder: Path, **facts: Any) -> None:
        """A checkpoint for inference: the encoder and what the objectives have learned. See `save`."""
        tensors = {
            "model": self.encoder.state_dict(),
            "objectives": dict(self.modules.named_parameters()),
        }
        self._save(folder, tensors, {**self._description(), **facts})

    def load(self, folder: Path) -> None:
        """Go on from a checkpoint that `save` wrote. Raises CheckpointError."""
        folder = checkpoint.find_checkpoint(folder)
        saved = checkpoint.read_state(folder)
        self.state = LoopState(**{name: saved[name] for name in LoopState.__dataclass_fields__})
        checkpoint.load_into(self.encoder, folder, "model", self._own)
        checkpoint.load_into(self.modules, folder, "objectives")
        average = checkpoint.load_tensors(folder, "average")
        self.average.load({name: self._own(name, value) for name, value in average.items()})
        for name, value in checkpoint.load_tensors(folder, "optimizer").items():
            weight, key = name.rsplit("|", 1)
            self.optimizer.state[self.parameters[weight]][key] = self._own(name, value).to(self.device)

    def load_weights(self, folder: Path) -> SequenceEncoder:
        """The encoder with the weights that `save_weights` wrote, to be asked. Raises CheckpointError."""
        folder = checkpoint.find_checkpoint(folder)
        checkpoint.read_state(folder)
        checkpoint.load_into(self.encoder, folder, "model", self._own)
        checkpoint.require_finite(self.encoder, folder)
        return self.encoder.eval()

    def _save(self, folder: Path, tensors: dict[str, dict[str, Tensor]], state: dict[str, Any]) -> None:
        items, whole = self.encoder.items, dict[str, dict[str, Tensor | Spread]]()
        for file, values in tensors.items():
            whole[file] = {
                name: items.spread(value) if isinstance(items, ItemShard) and _by_item(name, value) else value
                for name, value in values.items()
            }
        if self.encoder.holders.first:
            checkpoint.save_checkpoint(folder, whole, state)
        else:
            checkpoint.send_parts(whole)

    def _own(self, name: str, value: Tensor) -> Tensor:
        """What this process holds of a tensor of a checkpoint."""
        items = self.encoder.items
        return items.part_of(value) if isinstance(items, ItemShard) and _by_item(name, value) else value

    def _description(self) -> dict[str, Any]:
        return {**asdict(self.state), "n_items": self.encoder.n_items}


def _by_item(name: str, value: Tensor) -> bool:
    """Whether a tensor of a checkpoint has a row for each item embedding."""
    of = name.partition("|")[0].removeprefix("model.")
    return name == ROW_CLOCKS or (of == "items.weight" and value.dim() > 0)

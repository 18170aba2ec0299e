"""The training loop: computes, checks, keeps checkpoints, and reports numbers; draws nothing."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable

import torch

from sracl_core.data.prefixes import Prefixes
from sracl_core.device import autocast
from sracl_core.errors import ConfigError, Interrupted, NonFiniteLossError
from sracl_core.objectives.base import Batch, loss_parts
from sracl_core.progress import Extent, Progress
from sracl_core.runs.directory import RunDirectory
from sracl_core.runs.writer import RunWriter
from sracl_core.seeding import derive_seed, generator
from sracl_core.settings.models import RunConfig
from sracl_core.settings.stages import TrainingConfig
from sracl_core.team import ALONE, Team
from sracl_core.training.batches import epoch_batches, steps_per_epoch
from sracl_core.training.measured import Clock, Report
from sracl_core.training.session import LoopState, Session

REPORT_SECONDS = 2.0
Metrics = dict[str, dict[str, float]]


class Trainer:
    """Fits a session's encoder to its objectives.

    Args:
        session: fresh, or loaded from a checkpoint.
        prefixes: the training prefixes.
        validate: called after each epoch with a Progress; returns {"unmasked": {...}, "masked": {...}}.
        config: the run's settings.
        run, writer: where checkpoints and numbers go.
        should_stop: asked after each step; True checkpoints and raises Interrupted.
        team: the processes that share each batch.

    Raises ConfigError where a batch or an objective cannot be shared among them.
    """

    def __init__(
        self,
        session: Session,
        prefixes: Prefixes,
        validate: Callable[[Progress], Metrics],
        config: RunConfig,
        run: RunDirectory,
        writer: RunWriter,
        should_stop: Callable[[], bool] = lambda: False,
        team: Team = ALONE,
    ) -> None:
        self.session = session
        self.prefixes = prefixes
        self.validate = validate
        self.config = config.training
        self.run = run
        self.writer = writer
        self.team = team
        self._asked_to_stop = should_stop
        require_shareable(session, config.training, team)
        self.examples = session.objectives[config.model.main].examples(prefixes)
        self.steps_per_epoch = steps_per_epoch(len(self.examples), config.training.batch_size)
        total = config.training.max_epochs * self.steps_per_epoch
        self.extent = Extent(total, self.steps_per_epoch, 60.0 * config.training.max_minutes)
        self._parts: list[str] = []
        warmer = [
            f" or a higher objectives.{name}.temperature"
            for name, one in config.active_objectives.items()
            if hasattr(one, "temperature")
        ]
        self._remedy = "a lower training.learning_rate" + "".join(warmer)

    def fit(self) -> LoopState:
        """Train until the epochs, the minutes or the patience run out.

        Raises Interrupted after a checkpoint when asked to stop, NonFiniteLossError before the step
        that would spoil the weights, StorageError when a checkpoint cannot be written.
        """
        state, config = self.session.state, self.config
        while state.epoch < config.max_epochs and state.stale_epochs < config.patience:
            if config.max_minutes and self.team.any(state.elapsed >= 60.0 * config.max_minutes):
                break
            if self.should_stop():
                self._stop()
            self._epoch()
        return state

    def _epoch(self) -> None:
        state, config = self.session.state, self.config
        clock = Clock(state)
        self.session.train_mode()
        if state.batch == 0:
            with self.writer.beating():
                for name, objective in self.session.objectives.items():
                    objective.start_epoch(
                        self.session.encoder, generator(config.seed, "epoch", name, state.epoch)
                    )
        report, saved, holders = Report(), time.monotonic(), self.session.encoder.holders
        batches = epoch_batches(
            self.prefixes, self.examples, config.batch_size, config.seed, state.epoch, state.batch
        )
        for batch in batches:
            report.add(self._step(batch), len(batch.prefixes_B))
            clock.tick()
            if time.monotonic() - report.since >= REPORT_SECONDS:
                self._tell(report)
                report = Report()
            if self.should_stop():
                self._stop()
            if holders.any(time.monotonic() - saved >= 60.0 * config.checkpoint_minutes):
                self._save_last()
                saved = time.monotonic()
        if report.steps:
            self._tell(report)
        try:
            with self.writer.beating():
                self._finish_epoch(clock)
        except _StopError:
            self._stop()

    def should_stop(self) -> bool:
        """Whether any process of the team was asked to."""
        return self.team.any(self._asked_to_stop())

    @property
    def _saves(self) -> bool:
        """Whether this process has a part in a checkpoint."""
        return self.team.first or self.session.encoder.holders.size > 1

    def _stop(self) -> None:
        """What is done so far is kept; of an epoch whose steps are all done the validation comes again."""
        self._save_last()
        place = shlex.quote(str(self.run.path))
        step = self.session.state.step
        raise Interrupted(f"stopped at step {step} after a checkpoint; `sracl resume {place}` goes on")

    def _validating(self, stage: str, done: int, total: int) -> None:
        """The Progress of a validation, which ends where a stop is asked for."""
        # Processes of a team rank different numbers of batches: there the stop waits for the end.
        if self.team.size == 1 and self._asked_to_stop():
            raise _StopError

    def _step(self, batch: Batch) -> dict[str, float]:
        """One optimizer step; returns the loss and its parts."""
        session, seed = self.session, self.config.seed
        state = session.state
        others = () if self.team.first else (self.team.rank,)
        session.encoder.masks.rng = generator(seed, "dropout", state.step, *others)
        torch.manual_seed(derive_seed(seed, "torch", state.step))
        with autocast(session.device, self.config.precision):
            parts = loss_parts(
                session.encoder,
                session.objectives,
                session.weights,
                batch,
                lambda name: generator(seed, "objectives", name, state.step),
                self.team,
            )
        loss = torch.stack(list(parts.values())).sum()
        session.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        session.share_gradients(self.team)
        gradients = session.gradients().values()
        norm = torch.nn.utils.get_total_norm([one.values() if one.is_sparse else one for one in gradients])
        # The one fetch from the device in a step: nothing may be trained on what is not finite.
        told_of = [loss.detach(), *(part.detach() for part in parts.values()), norm]
        told = self.team.mean(torch.stack(told_of)).tolist()
        values = dict(zip(("loss", *parts), told, strict=False))
        if not all(map(math.isfinite, told)):
            self._refuse([name for name in parts if not math.isfinite(values[name])])
        for group in session.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, state.step, self.steps_per_epoch)
        session.step()
        state.step += 1
        state.batch += 1
        session.average.update(state.step)
        count = len(batch.prefixes_B)
        for name, value in values.items():
            state.sums[name] = state.sums.get(name, 0.0) + value * count
        state.counted += count
        return values

    def _refuse(self, bad: list[str]) -> None:
        """The checkpoint of the last good step stays; nothing is trained on a broken loss."""
        step = self.session.state.step
        self.writer.event("non_finite", part=(bad or ["gradient"])[0], step=step)
        what = f"the loss part {' and '.join(bad)}" if bad else "the gradient"
        raise NonFiniteLossError(
            f"{what} is not finite at step {step}; no step was taken on it: {self._remedy} may help"
        )

    def _finish_epoch(self, clock: Clock) -> None:
        session, state = self.session, self.session.state
        train_seconds = state.epoch_seconds
        with session.average.applied():
            metrics = self.validate(self._validating)
            clock.tick()
            better = self._is_better(metrics)
            if better and self._saves:
                session.save_weights(self.run.checkpoints / "best", valid=metrics)
                self._tell_checkpoint("best")
        self.writer.event(
            "epoch",
            epoch=state.epoch,
            step=state.step,
            **{name: total / state.counted for name, total in state.sums.items()},
            seconds=train_seconds,
            elapsed=state.elapsed,
            prefixes_per_second=state.counted / max(train_seconds, 1e-9),
            valid=metrics,
            best=better,
        )
        state.epoch, state.batch, state.epoch_seconds = state.epoch + 1, 0, 0.0
        state.sums, state.counted = {}, 0
        self._save_last()
        if state.stale_epochs:
            patience = self.config.patience
            self.writer.event("plateau", epochs_without_gain=state.stale_epochs, patience=patience)

    def _is_better(self, metrics: Metrics) -> bool:
        state = self.session.state
        mask, name = self.config.monitor.split("/")
        score = metrics[mask][name]
        if state.best_score is not None and score <= state.best_score:
            state.stale_epochs += 1
            return False
        state.best_score, state.best_epoch, state.stale_epochs = score, state.epoch, 0
        return True

    def _tell(self, report: Report) -> None:
        state = self.session.state
        seconds = time.monotonic() - report.since
        pace = seconds / report.steps
        parts = [name for name in report.sums if name != "loss"]
        if parts != self._parts:
            self._parts = parts
            self.writer.parts(parts)
        self.writer.event(
            "step",
            step=state.step,
            epoch=state.epoch,
            **report.means(),
            prefixes_per_second=report.prefixes / seconds,
            elapsed=state.elapsed,
        )
        self.writer.heartbeat(
            stage="train",
            step=state.step,
            total_steps=self.extent.steps,
            epoch=state.epoch,
            elapsed=state.elapsed,
            eta_seconds=self.extent.steps_left(state.step, state.elapsed, pace) * pace,
            epoch_eta_seconds=(self.steps_per_epoch - state.batch) * pace,
        )

    def _save_last(self) -> None:
        if not self._saves:
            return
        with self.writer.beating():
            self.session.save(self.run.checkpoints / "last")
        self._tell_checkpoint("last")

    def _tell_checkpoint(self, kind: str) -> None:
        state = self.session.state
        path = f"checkpoints/{kind}"
        self.writer.event("checkpoint", kind=kind, step=state.step, epoch=state.epoch, path=path)


def learning_rate(config: TrainingConfig, step: int, steps_per_epoch: int) -> float:
    """The rate of a step: a function of its number, so that a resumed run has the same."""
    share = step / (config.max_epochs * steps_per_epoch) if config.schedule == "linear" else 0.0
    return config.learning_rate * (1.0 - share)


def require_shareable(session: Session, config: TrainingConfig, team: Team) -> None:
    """Raise ConfigError for what `team` cannot train together."""
    if team.size == 1:
        return
    if config.batch_size < team.size:
        raise ConfigError(
            f"training.batch_size is {config.batch_size}, which {team.size} processes cannot share; raise "
            "it, or take fewer processes"
        )
    if config.shard_items and session.encoder.n_items < team.size:
        raise ConfigError(
            f"training.shard_items leaves some of {team.size} processes without an item of "
            f"{session.encoder.n_items}; take fewer processes, or leave it out"
        )
    for name, objective in session.objectives.items():
        if not objective.shared:
            raise ConfigError(f"objectives.{name} cannot be shared among processes; train it with one")


class _StopError(Exception):
    """Out of a validation, back to where a checkpoint can be written."""

"""What the widgets draw: frozen values, and the functions that put them into words."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sracl_core.progress import duration
from sracl_core.words import counted

if TYPE_CHECKING:
    from sracl_core.runs.usage import Usage

STAGES = ("describe", "embed", "neighbors", "train", "evaluate")
QUIET_SECONDS = 30.0
LITTLE_DISK = 1 << 30


@dataclass(frozen=True)
class RunLine:
    """A run in the list of runs."""

    path: Path
    name: str
    status: str
    dataset: str
    model: str
    epoch: int | None
    best: float | None
    created: float
    headline: str = ""
    problem: str = ""
    seed: int | None = None

    @property
    def has_model(self) -> bool:
        """Whether there is something to ask: after the first epoch, and what only counts has none."""
        return self.best is not None and self.epoch is not None

    @property
    def short_name(self) -> str:
        """The name without the time before it."""
        return short_name(self.name)


@dataclass(frozen=True)
class RunSnapshot:
    """Everything that was known of a run at one moment. `steps` are columns of equal length.

    usage: what its processes take at present of this machine.
    """

    path: Path
    status: str
    state: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, array[float]] = field(default_factory=dict)
    epochs: tuple[Mapping[str, Any], ...] = ()
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    progress: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    messages: tuple[Mapping[str, Any], ...] = ()
    results: Mapping[str, Any] | None = None
    log: str = ""
    resumes: int = 0
    vanished: bool = False
    damaged: int = 0
    problem: str | None = None
    catching_up: float | None = None
    disk_free: int | None = None
    usage: Usage | None = None
    taken: float = 0.0

    @property
    def name(self) -> str:
        """The run's folder."""
        return self.path.name

    @property
    def live(self) -> bool:
        """Whether a process is working on it."""
        return self.status == "running" and not self.vanished


@dataclass(frozen=True)
class Banner:
    """A line that must not be missed: level is "error", "warning" or "info"."""

    level: str
    text: str


@dataclass(frozen=True)
class StageView:
    """One stage of a run: state is "done", "now", "next" or "reused"."""

    name: str
    state: str
    share: float | None = None
    note: str = ""


def short_name(name: str) -> str:
    """The name of a run without the time before it.

    >>> short_name("20260101-120000-beauty")
    'beauty'
    """
    date, _, rest = name.partition("-")
    clock, _, label = rest.partition("-")
    return label if date.isdigit() and clock.isdigit() and label else name


def settings_told(settings: Iterable[tuple[str, Any]]) -> list[str]:
    """Settings by dotted name as `key value`, without their section; of a model its name alone.

    An objective keeps its name: `weight` alone is nobody's.

    >>> settings_told([("model.name", "sasrec"), ("training.epochs", 3), ("objectives.sracl.alpha", 0.25)])
    ['sasrec', 'epochs 3', 'sracl.alpha 0.25']
    """
    told = ((name, f"{value:.4g}" if isinstance(value, float) else str(value)) for name, value in settings)
    return [
        value if name == "model.name" else f"{name.partition('.')[2] or name} {value}" for name, value in told
    ]


def count(number: Any, what: str = "") -> str:
    """A number with its thousands apart, of `what` if anything; anything else as it is.

    >>> count(22363), count(None), count(1, "user")
    ('22,363', 'unknown', '1 user')
    """
    if isinstance(number, int):
        return counted(number, what) if what else f"{number:,}"
    told = "unknown" if number is None else str(number)
    return f"{told} {what}s" if what else told


def value(snapshot: RunSnapshot, key: str) -> Any:
    """The setting `key`, e.g. "training.max_epochs", of a run; None where its file has none."""
    from sracl_core.runs.summary import setting

    return setting(snapshot.settings, key)


def whole(held: Any) -> int | None:
    """`held` where it is a count above 0: settings are shown unchecked."""
    return held if isinstance(held, int) and not isinstance(held, bool) and held > 0 else None


def stage_views(snapshot: RunSnapshot) -> list[StageView]:
    """The stages of a run in their order, with how far the present one is."""
    present = present_stage(snapshot)
    ended = snapshot.status == "finished"
    seen = [name for name in STAGES if name in snapshot.stages or name in snapshot.progress]
    names = [name for name in STAGES if name != "describe" or name in seen or present == name]
    latest = STAGES.index(present) if present in STAGES else -1
    views = []
    for name in names:
        record = snapshot.stages.get(name, {})
        if ended or record.get("status") == "done" or STAGES.index(name) < latest:
            seconds = record.get("seconds")
            views.append(StageView(name, "done", 1.0, duration(seconds) if seconds is not None else ""))
        elif name == present:
            views.append(StageView(name, "now", _share(snapshot, name), _stage_note(snapshot, name)))
        else:
            views.append(StageView(name, "next"))
    return views


def present_stage(snapshot: RunSnapshot) -> str | None:
    """The stage that is under way; state.json may lag behind the event that started it."""
    begun = [name for name in STAGES if snapshot.stages.get(name, {}).get("status") == "started"]
    return begun[-1] if begun else snapshot.state.get("stage")


def banners(snapshot: RunSnapshot, now: float | None = None) -> list[Banner]:
    """What a person must know at once about a run, the worst first."""
    if snapshot.vanished:
        return [Banner("error", f"{snapshot.path} is gone; what was read stays on this screen")]
    found = [Banner("error", snapshot.problem)] if snapshot.problem else []
    bad_part = [
        Banner("error", f"{record.get('part')} became NaN or infinite at step {record.get('step')}")
        for record in snapshot.messages
        if record.get("event") == "non_finite"
    ][-1:]
    found += bad_part
    if not bad_part and (bad := _bad_steps(snapshot)):
        found.append(Banner("error", f"a loss is NaN or infinite at step {bad:,}; the charts leave it out"))
    trained = "train" in snapshot.stages
    if snapshot.status == "crashed":
        again = "R resumes from the last checkpoint" if trained else "R resumes, before its first step"
        found.append(Banner("error", f"the process is gone without a word; {again}"))
    if snapshot.status == "failed":
        found.append(Banner("error", str(snapshot.state.get("error") or "failed without a message")))
    if snapshot.status == "stopped":
        when = "after a checkpoint" if trained else "before its first step"
        found.append(Banner("info", f"stopped {when}; R resumes it"))
    if snapshot.live:
        found += _live_banners(snapshot, time.time() if now is None else now)
    if snapshot.catching_up is not None:
        found.append(Banner("info", f"reading what happened so far: {snapshot.catching_up:.0%}"))
    if snapshot.damaged:
        found.append(Banner("warning", f"{snapshot.damaged} damaged lines in metrics.jsonl were left out"))
    return found


def _live_banners(snapshot: RunSnapshot, now: float) -> list[Banner]:
    found = []
    quiet = now - float(snapshot.state.get("heartbeat") or now)
    if quiet > QUIET_SECONDS:
        found.append(Banner("warning", f"no sign of life for {duration(quiet)}; the process still exists"))
    plateau = next((r for r in reversed(snapshot.messages) if r.get("event") == "plateau"), None)
    last_best = max((_epoch_of(r) for r in snapshot.epochs if r.get("best")), default=-1)
    without = _epoch_of(snapshot.epochs[-1]) - last_best if snapshot.epochs else 0
    if plateau and without >= 3:
        found.append(
            Banner("warning", f"no gain for {without} epochs; stops at {plateau.get('patience')} (patience)")
        )
    if snapshot.disk_free is not None and snapshot.disk_free < LITTLE_DISK:
        found.append(
            Banner("warning", f"only {snapshot.disk_free >> 20} MiB are left on the disk of the run")
        )
    return found


def _epoch_of(record: Mapping[str, Any]) -> int:
    epoch = record.get("epoch")
    return epoch if isinstance(epoch, int) else -1


def _bad_steps(snapshot: RunSnapshot) -> int:
    """The last step whose total loss is not a number, 0 when there is none."""
    losses, steps = snapshot.steps.get("loss"), snapshot.steps.get("step")
    if not losses or not steps:
        return 0
    bad = next((at for at in range(len(losses) - 1, -1, -1) if losses[at] != losses[at]), None)
    return 0 if bad is None else int(steps[bad])


def _share(snapshot: RunSnapshot, stage: str) -> float | None:
    state = snapshot.state
    done, total = (
        (state.get("step"), state.get("total_steps"))
        if stage == "train"
        else (state.get("done"), state.get("total"))
    )
    if isinstance(done, int | float) and isinstance(total, int | float) and total > 0:
        return min(1.0, done / total)
    return None


def _stage_note(snapshot: RunSnapshot, stage: str) -> str:
    if stage != "train":
        share = _share(snapshot, stage)
        return "" if share is None else f"{share:.0%}"
    epoch, most = snapshot.state.get("epoch"), whole(value(snapshot, "training.max_epochs"))
    return f"epoch {epoch + 1} of {most}" if isinstance(epoch, int) and most else ""

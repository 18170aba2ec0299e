"""The settings form without its widgets: what was changed, whether it holds, what comes of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sracl_core.errors import ConfigError
from sracl_core.json_values import nested
from sracl_core.methods import backbones
from sracl_core.settings.known import Setting, flatten, settings
from sracl_core.settings.layers import given, load_config
from sracl_core.settings.reading import needed

DATASET = "dataset.path"
BACKBONE = "model.name"
SEED = "training.seed"


@dataclass(frozen=True)
class Resolved:
    """What the present entries amount to. `problems` by setting; "" holds what fits no single one."""

    values: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        """Whether it can be run."""
        return not self.problems


class FormModel:
    """A preset and the entries that differ from it, as text, by setting."""

    def __init__(self) -> None:
        self.preset: str | None = None
        self.entries: dict[str, str] = {}
        self.name = ""
        self.seeds: tuple[int, ...] = ()
        self._known: dict[str, dict[str, Setting]] = {}
        self._base: dict[tuple[str | None, str | None], dict[str, Any]] = {}
        self._trained: dict[tuple[str | None, str | None], set[str]] = {}

    @property
    def backbone(self) -> str:
        """The backbone that is entered, or else the preset's; which settings there are hangs on it."""
        entered = self.entries.get(BACKBONE)
        return entered if entered in backbones() else str(self._under_preset(None)[BACKBONE])

    @property
    def known(self) -> dict[str, Setting]:
        """Every setting of a run with this backbone."""
        if self.backbone not in self._known:
            self._known[self.backbone] = settings(self.backbone)
        return self._known[self.backbone]

    def sections(self) -> dict[str, list[Setting]]:
        """The settings by the part of the configuration that they belong to, in order; what is idle last."""
        grouped: dict[str, list[Setting]] = {}
        for key, setting in self.known.items():
            grouped.setdefault(key.rpartition(".")[0], []).append(setting)
        return dict(sorted(grouped.items(), key=lambda one: self.idle(one[0])))

    def idle(self, section: str) -> bool:
        """Whether these are the settings of an objective that preset and backbone do not train."""
        kind, _, name = section.partition(".")
        if kind != "objectives":
            return False
        self._under_preset(self.backbone)
        return name not in self._trained[self.preset, self.backbone]

    def base(self) -> dict[str, Any]:
        """Every setting's value under the preset and this backbone alone."""
        return self._under_preset(self.backbone) | {BACKBONE: self._under_preset(None)[BACKBONE]}

    def _under_preset(self, backbone: str | None) -> dict[str, Any]:
        place = self.preset, backbone
        if place not in self._base:
            config, _ = load_config(preset=self.preset, sets=[f"{BACKBONE}={backbone}"] if backbone else [])
            self._base[place] = flatten(config)
            self._trained[place] = set(config.active_objectives)
        return self._base[place]

    def shown(self, key: str) -> str:
        """What the form shows for a setting."""
        return self.entries.get(key, as_text(self.base()[key]))

    def enter(self, key: str, text: str) -> None:
        """Take what a person entered; the preset's own value is no entry, nor what the backbone lacks."""
        if text == as_text(self.base().get(key)):
            self.entries.pop(key, None)
        else:
            self.entries[key] = text
        if key == BACKBONE:
            self.entries = {key: text for key, text in self.entries.items() if key in self.known}

    def choose(self, preset: str | None) -> None:
        """Start from another preset, with the entries that differ from it."""
        self.preset = preset
        for key, text in list(self.entries.items()):
            if key in self.known:
                self.enter(key, text)
            else:
                self.entries.pop(key)

    def sets(self) -> list[str]:
        """The entries as ``key=value``, without the dataset."""
        return [f"{key}={text}" for key, text in self.entries.items() if key != DATASET]

    def resolve(self) -> Resolved:
        """Check everything together."""
        sets = [f"{key}={text}" for key, text in self.entries.items()]
        try:
            config, origins = load_config(preset=self.preset, sets=sets)
        except ConfigError as error:
            return Resolved(problems=self._by_setting(error))
        problems = {}
        for key, origin in given(None, sets).items():
            if why := needed(key, [config]):
                variable = f"{origin}: " if key not in self.entries else ""
                problems[key] = f"{variable}not read; it needs {why}"
        if not config.dataset.path:
            problems[DATASET] = "choose a dataset; F1 prepares one"
        return Resolved(flatten(config), origins, problems)

    def arguments(self, runs_dir: Path | None = None, seed: str = "") -> list[str]:
        """What follows ``sracl train`` for this very run, with another `seed` than the form's where given."""
        words: list[str] = []
        if DATASET in self.entries:
            folder = self.entries[DATASET]
            words.append(f"./{folder}" if folder.startswith("-") else folder)
        if self.preset:
            words += ["--preset", self.preset]
        sets = [text for text in self.sets() if not (seed and text.startswith(f"{SEED}="))]
        for text in [*sets, *([f"{SEED}={seed}"] if seed else [])]:
            words += ["--set", text]
        if self.name:
            words += ["--name", self.name]
        if runs_dir is not None and runs_dir != Path("runs"):
            words += ["--runs-dir", str(runs_dir)]
        return words

    def command_line(self, runs_dir: Path) -> str:
        """The same run for a shell."""
        if len(self.seeds) > 1:
            words = self.arguments(runs_dir, "$seed")
            line = " ".join(word if word == f"{SEED}=$seed" else shlex.quote(word) for word in words)
            seeds = " ".join(str(seed) for seed in self.seeds)
            return f"for seed in {seeds}; do sracl train {line}; done"
        return shlex.join(["sracl", "train", *self.arguments(runs_dir, *map(str, self.seeds))])

    def each(self) -> list[list[str]]:
        """What follows ``sracl train`` for each of the seeds, or for the one that is set."""
        return [self.arguments(seed=str(seed)) for seed in self.seeds] or [self.arguments()]

    def as_yaml(self, resolved: Resolved) -> str:
        """The resolved settings, as a run's config.yaml holds them."""
        import yaml

        return yaml.safe_dump(
            nested(resolved.values), sort_keys=False, allow_unicode=True, default_flow_style=None
        )

    def take(self, values: Sequence[tuple[str, Any, str]]) -> None:
        """Replace the entries by a file's settings. Raises ConfigError for one that is none."""
        known = settings()
        unknown = [f"{where}: there is no setting '{key}'" for key, _, where in values if key not in known]
        if unknown:
            raise ConfigError(unknown[0])
        self.entries = {}
        for key, held, _ in sorted(values, key=lambda value: value[0] != BACKBONE):
            self.enter(key, as_text(held))

    def _by_setting(self, error: ConfigError) -> dict[str, str]:
        problems: dict[str, str] = {}
        for key, rule in (error.problems or {"": str(error)}).items():
            place = key if key in self.known else self._named_in(rule, key)
            problems[place] = f"{problems[place]}; {rule}" if place in problems else rule
        return problems

    def _named_in(self, rule: str, section: str) -> str:
        """The setting that a rule between settings names first, "" where it names none."""
        keys = self.sections().get(section) or self.known.values()
        words = {one.key.removeprefix(f"{section}."): one.key for one in keys}
        named = [word for word in words if word in rule]
        return words[min(named, key=lambda word: (rule.index(word), -len(word)))] if named else ""


def as_text(held: Any) -> str:
    """A setting's value as one types it.

    >>> as_text([5, 10, 20]), as_text(0.001), as_text("sasrec"), as_text(True)
    ('5, 10, 20', '0.001', 'sasrec', 'true')
    """
    if isinstance(held, bool):
        return str(held).lower()  # as a file has it
    if isinstance(held, list | tuple):
        return ", ".join(as_text(part) for part in held)
    return "" if held is None else str(held)

"""What a person writes for a method, and the settings that it stands for.

    sasrec   gru4rec+sracl   fast   item-kNN   item-knn:decay=0.5   sasrec+sracl:training.batch_size=128
    bsarec:shared   bsarec+duorec:shared

A spec is a preset, a backbone or a floor; after "+" the objectives beside the one that a backbone learns
from, at their published weights, all others being off; after ":" settings of this row alone, those of the
method without a section. Where a preset has the name of a backbone, "shared" asks for the backbone at the
settings that all rows share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sracl_core.errors import InputError, nearest
from sracl_core.methods import backbones, floors, objectives
from sracl_core.settings.layers import given, load_config, preset_names
from sracl_core.settings.models import RunConfig
from sracl_core.settings.reading import require_read, takes

SHARED = "shared"
"""After a colon: the backbone of that name and not the preset."""


@dataclass(frozen=True)
class Spec:
    """One row: its name as it was written, its settings but for the seed, and which of them somebody set."""

    name: str
    config: RunConfig
    fixed: frozenset[str] = frozenset()


def resolve_specs(
    texts: Sequence[str],
    config_file: Path | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, tuple[str, Any]] | None = None,
) -> list[Spec]:
    """The settings of each row; those in `config_file`, `sets` and `flags` are for all that have them.

    Raises InputError for a name that is none, with the nearest, for a row that stands twice, and for a
    setting that no row reads.
    """
    said = given(config_file, sets)
    if "--set model.name" in said.values():
        raise InputError("--set model.name: which methods are tried is said by their names")
    found = [
        Spec(text.strip(), _config(text.strip(), config_file, sets, flags or {}), _keys([*sets, *_own(text)]))
        for text in texts
    ]
    for one in found:
        require_read(dict.fromkeys(_keys(_own(one.name)), f"'{one.name}'"), [one.config], "it")
    if found:
        require_read(said, [one.config for one in found], "any method here")
    for at, one in enumerate(found):
        for other in found[:at]:
            if one.config == other.config:
                raise InputError(f"'{other.name}' and '{one.name}' are the same settings; leave one out")
    return found


def _config(
    text: str, config_file: Path | None, sets: Sequence[str], flags: Mapping[str, tuple[str, Any]]
) -> RunConfig:
    method = text.partition(":")[0]
    first, *added = (part.strip().lower().replace("-", "_") for part in method.split("+"))
    _require_known(text, first, added)
    extra = _own(text)
    shared = {name: flag for name, flag in flags.items() if flag[0] not in _keys(extra)}
    preset = first if first in preset_names() and SHARED not in _after(text) else None
    chosen = first if preset is None else load_config(preset=preset, keep=lambda key: False)[0].model.name
    for line in extra:
        key, _, value = line.partition("=")
        chosen = value.strip() if key.strip() == "model.name" else chosen
    if chosen not in backbones() | floors():
        raise InputError(f"'{text}': there is no backbone '{chosen}'{nearest(chosen, backbones())}")

    def loaded(*switches: str) -> RunConfig:
        return load_config(
            preset=preset,
            config_file=config_file,
            sets=sets,
            own=[f"model.name={chosen}", *switches, *extra],
            flags={name: flag for name, flag in shared.items() if takes(chosen, flag[0])},
            keep=lambda key: takes(chosen, key),
        )[0]

    base = loaded()
    if chosen in floors() or (preset is not None and not added):
        return base
    beside = [name for name, one in objectives().items() if not one.settings.main]
    weights = {name: _weight(base, name) if name in added else 0.0 for name in beside}
    config = loaded(*(f"objectives.{name}.weight={weight}" for name, weight in weights.items()))
    for name in added:
        if name not in config.active_objectives:
            raise InputError(f"'{text}': all parts of {name} are switched off here; set what each one weighs")
    return config


def _own(text: str) -> list[str]:
    """The settings after the colons, as `--set` has them."""
    own = [one for one in _after(text) if one != SHARED]
    return [one if "." in one.partition("=")[0] else f"model.{one}" for one in own]


def _after(text: str) -> list[str]:
    return [one.strip() for one in text.split(":")[1:]]


def _keys(lines: Sequence[str]) -> frozenset[str]:
    return frozenset(line.partition("=")[0].strip() for line in lines)


def _weight(base: RunConfig, name: str) -> float:
    """What an objective weighs where it is asked for: as it is set, else as its method says."""
    return float(getattr(base.objectives, name).weight or objectives()[name].settings.weight_by_name)


def _require_known(text: str, first: str, added: Sequence[str]) -> None:
    known = [*preset_names(), *backbones(), *floors()]
    if first not in known:
        hint = nearest(first, known) or f"; there are {', '.join(dict.fromkeys(known))}"
        raise InputError(f"'{text}': there is no preset, backbone or floor '{first}'{hint}")
    for part in _after(text):
        if part != SHARED and "=" not in part:
            raise InputError(
                f"'{text}': after a colon stand settings, such as dropout=0.3, or '{SHARED}', and not "
                f"'{part}'; objectives stand before it"
            )
    if SHARED in _after(text) and first not in backbones():
        kind = "a floor" if first in floors() else "a preset"
        raise InputError(
            f"'{text}': {first} is {kind} and no backbone, and has its own settings; leave ':shared' out"
        )
    if added and first in floors():
        raise InputError(f"'{text}': {first} is a floor and minimizes nothing; write '{first}' alone")
    beside = [name for name, one in objectives().items() if not one.settings.main]
    for name in added:
        if name in objectives() and name not in beside:
            learners = [one for one, method in backbones().items() if method.settings.main == name]
            raise InputError(
                f"'{text}': {name} is the main objective of {', '.join(learners)}, and does not stand beside "
                f"another or itself; add one of {', '.join(beside)}"
            )
        if name not in beside:
            hint = nearest(name, beside) or f"; there are {', '.join(beside)}"
            raise InputError(f"'{text}': there is no objective '{name}' to add{hint}")

"""The options by which any command takes settings, and what becomes of them."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sracl_core.cli import completion
from sracl_core.errors import InputError

if TYPE_CHECKING:
    from sracl_core.settings.models import RunConfig


def _no_option(context: typer.Context, sets: list[str] | None) -> list[str] | None:
    """Raises InputError where --set has the name of an option of the command, which is no setting."""
    own = {name: option for option in context.command.params for name in option.opts}
    for text in sets or ():
        key, _, value = (part.strip() for part in text.partition("="))
        name = f"--{key.lower().replace('_', '-')}"
        if (option := own.get(name) or own.get(name := f"{name}s")) is not None and name != "--set":
            write = (
                name
                if getattr(option, "is_flag", False)
                else f"{name} {shlex.quote(value) if value else 'VALUE'}"
            )
            raise InputError(f"--set {key} is no setting, but an option of this command; write {write}")
    return sets


ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Settings file (YAML); a run's config.yaml is one.")
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help=f"Named settings to start from: {', '.join(completion.presets(''))}.",
        autocompletion=completion.presets,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="One setting, e.g. objectives.sracl.alpha=0.2; repeatable.",
        autocompletion=completion.settings,
        callback=_no_option,
    ),
]
DATASET = typer.Argument(
    metavar="DATASET", help="Folder of a prepared dataset.", autocompletion=completion.datasets
)
DatasetArgument = Annotated[str, DATASET]
DatasetFolder = Annotated[Path, DATASET]
OptionalDataset = Annotated[str | None, DATASET]
DatasetOption = Annotated[str | None, typer.Option("--dataset", hidden=True)]
"""The same for who is used to it."""
SeedOption = Annotated[int | None, typer.Option("--seed", help="Same as --set training.seed=N.")]
EpochsOption = Annotated[int | None, typer.Option("--epochs", help="Same as --set training.max_epochs=N.")]
DeviceOption = Annotated[str | None, typer.Option("--device", help="Same as --set training.device=NAME.")]

SHARED = ("dataset.", "semantics.")
"""Sections whose settings are the same for all rows of a study."""


@dataclass(frozen=True)
class StudyOptions:
    """The settings of every run of a study."""

    dataset: OptionalDataset = None
    said: DatasetOption = None
    config: ConfigOption = None
    sets: SetOption = None
    epochs: EpochsOption = None
    budget_minutes: Annotated[
        float | None, typer.Option("--budget-minutes", help="Same as --set training.max_minutes=N.")
    ] = None

    def shared(self) -> dict[str, Any]:
        """As `compare`, `tune` and `resolve_rows` take them, without the dataset."""
        return {
            "epochs": self.epochs,
            "budget_minutes": self.budget_minutes,
            "config_file": self.config,
            "sets": self.sets or (),
        }

    def folder(self) -> str:
        """Where the dataset lies. Raises ConfigError, see `resolve`."""
        dataset = one_dataset(self.dataset, self.said)
        read = resolve(self.config, None, self.sets, dataset, keep=lambda key: key.startswith(SHARED))
        return read[0].dataset.path


def one_dataset(dataset: str | None, said: str | None) -> str | None:
    """DATASET, or what --dataset says in its place. Raises InputError for two of them."""
    if dataset is not None and said is not None:
        raise InputError(f"two datasets are given, {dataset} and --dataset {said}; leave one of them out")
    return dataset if said is None else said


def resolve(
    config: Path | None,
    preset: str | None,
    sets: list[str] | None,
    dataset: str | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    device: str | None = None,
    keep: Callable[[str], bool] = lambda key: True,
) -> tuple[RunConfig, dict[str, str]]:
    """The settings and where each came from; see `settings.layers`. Raises ConfigError.

    A text encoder that only a file in a folder names must have been given here before.
    """
    # Building the settings' models takes 0.15 s, which `sracl --help` need not pay.
    from sracl_core.settings.layers import load_config, said_by_user

    flags: dict[str, tuple[str, Any]] = {
        "DATASET": ("dataset.path", dataset),
        "--seed": ("training.seed", seed),
        "--epochs": ("training.max_epochs", epochs),
        "--device": ("training.device", device),
    }
    settings, origins = load_config(
        preset=preset, config_file=config, sets=sets or (), flags=flags, keep=keep
    )
    if not said_by_user(origins["semantics.encoder"]):
        from sracl_core.semantics.encode import require_given

        require_given(settings.semantics.encoder)
    return settings, origins


def require_read(config: Path | None, sets: list[str] | None, settings: RunConfig) -> None:
    """Raises ConfigError for what was said on the command line, in `config` or a variable to no effect."""
    from sracl_core.settings.layers import given
    from sracl_core.settings.reading import require_read as required

    required(given(config, sets or ()), [settings])

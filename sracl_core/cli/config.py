"""`sracl config`: what the settings are, and where each came from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sracl_core.cli import output, settings
from sracl_core.words import counted

app = typer.Typer(no_args_is_help=True)


@app.command()
def show(
    dataset: settings.OptionalDataset = None,
    said: settings.DatasetOption = None,
    config: settings.ConfigOption = None,
    preset: settings.PresetOption = None,
    sets: settings.SetOption = None,
    seed: settings.SeedOption = None,
    epochs: settings.EpochsOption = None,
    device: settings.DeviceOption = None,
    changed: Annotated[bool, typer.Option("--changed", help="Only what differs from the defaults.")] = False,
    yaml: Annotated[bool, typer.Option("--yaml", help="Print a file that --config takes.")] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Print every setting, its value, and the source that decided it.

    Takes the same words as `sracl train`. Later sources win: defaults, the user file,
    ./sracl.yaml, SRACL_* variables, --preset, --config, --set and named options.
    """
    from sracl_core.settings.known import flatten
    from sracl_core.settings.known import settings as all_settings

    dataset = settings.one_dataset(dataset, said)
    resolved, origins = settings.resolve(config, preset, sets, dataset, seed, epochs, device)
    settings.require_read(config, sets, resolved)
    known = all_settings(resolved.model.name)
    values = {
        key: value for key, value in flatten(resolved).items() if not changed or origins[key] != "default"
    }
    if yaml:
        import yaml as pyyaml

        text = pyyaml.safe_dump(resolved.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        output.tell_lines(text.removesuffix("\n"))
    elif as_json:
        output.print_json(
            {
                key: {"value": value, "origin": origins[key], "help": known[key].field.description}
                for key, value in values.items()
            }
        )
    else:
        rows = [(key, _text(value), origins[key]) for key, value in values.items()]
        output.print_table(["setting", "value", "from"], rows)


@app.command()
def validate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Settings file (YAML).")],
    as_json: output.JsonOption = False,
) -> None:
    """Check a settings file on its own: exit 0 when a run would take it, 2 with one line when not."""
    from sracl_core.settings.layers import validated_file

    origins = validated_file(file)
    if as_json:
        output.print_json({"file": str(file), "valid": True, "settings": len(origins)})
    else:
        output.tell(f"{file} is valid, and sets {counted(len(origins), 'setting')}")


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(str(part) for part in value)
    return "''" if value == "" else str(value)

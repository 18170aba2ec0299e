"""The SQLite file of a study: held alone, sealed trial by trial, and refused where it has changed since."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sracl_core import disk
from sracl_core.errors import ConfigError, InputError, SraclError, StorageError
from sracl_core.sealed import sealed, unsealed

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial, TrialState

STUDY, ABOUT = "tune", "task"
_BUSY_SECONDS = 120.0


def require_optuna() -> None:
    """Raise ConfigError where the extra is not installed."""
    try:
        import optuna
    except ImportError:
        raise ConfigError("tuning needs Optuna; install it with: pip install 'sracl-tui[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Say in one line what the database reports: StorageError for the disk, InputError for damage."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        said = getattr(cause, "orig", cause)
        if disk.is_about_surroundings(said):
            raise StorageError(
                f"cannot use the study {path}: {said}; free space, or choose a folder that can be written"
            ) from error
        raise damaged(path, str(said)[:60]) from error


def damaged(path: Path, what: str) -> InputError:
    """What is said of a study that is not as it was written."""
    return InputError(
        f"{path} is damaged, or no study ({what}); move it away and tune again: finished runs are taken up, "
        "not trained again"
    )


def begin(path: Path, about: dict[str, Any], first: dict[str, Any]) -> None:
    """Make the study where there is none: `about` it, and the settings of its `first` trial."""
    require_optuna()
    import optuna

    with _read(path):
        study = optuna.create_study(
            storage=_storage(path), study_name=STUDY, direction="maximize", load_if_exists=True
        )
        if ABOUT not in study.user_attrs:
            study.set_user_attr(ABOUT, sealed(about))
            study.enqueue_trial(first)


def about(path: Path, study: Study) -> dict[str, Any]:
    """What `begin` was given. Raises InputError where that has changed."""
    held = unsealed(study.user_attrs.get(ABOUT) or {})
    if not held:
        raise damaged(path, "what is tuned is not as it was written")
    return held


def load_study(path: Path) -> Study:
    """An existing one, each finished trial as it was sealed. Raises InputError for a damaged one."""
    require_optuna()
    import optuna

    with _read(path):
        study = optuna.load_study(study_name=STUDY, storage=_storage(path))
        seals = study.user_attrs
        for trial in study.get_trials(deepcopy=False):
            if seals.get(_name(trial.number), _seal(trial)) != _seal(trial):
                raise damaged(path, f"trial {trial.number} is not as it was written")
        return study


def tell(study: Study, trial: Trial, value: float | None = None, state: TrialState | None = None) -> None:
    """End a trial by its value or as `state` says, and seal it."""
    study.tell(trial, value, state=state)
    study.set_user_attr(_name(trial.number), _seal(study.get_trials(deepcopy=False)[trial.number]))


@contextmanager
def _read(path: Path) -> Iterator[None]:
    try:
        with told(path):
            yield
    except (SraclError, OSError):
        raise
    except Exception as error:  # what is not JSON any more, or names no distribution: whatever Optuna raises
        raise damaged(path, type(error).__name__) from error


def _storage(path: Path) -> Any:
    import optuna

    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file for the study, such as {path / 'tune.sqlite'}")
    # A path in a URL would be cut at a "?". Workers wait for one another rather than fail.
    connect = partial(sqlite3.connect, path.resolve(), timeout=_BUSY_SECONDS, check_same_thread=False)
    return optuna.storages.RDBStorage("sqlite:///study", engine_kwargs={"creator": connect})


def _name(number: int) -> str:
    return f"sealed {number}"


def _seal(trial: FrozenTrial) -> str:
    found = [trial.number, trial.state.name, trial.value, sorted(trial.intermediate_values.items())]
    return sha256(json.dumps([*found, trial.params, trial.user_attrs], sort_keys=True).encode()).hexdigest()

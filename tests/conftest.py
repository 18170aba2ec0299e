"""What holds of every test."""

from __future__ import annotations

import gc
import os
import signal

import pytest
from hypothesis import settings

# Before torch and numpy are there: the tests share the cores among themselves, and threads that wait for each
# other made a test of a second one of a minute.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

settings.register_profile("whole", deadline=None)  # a busy machine is no fault of what is tested
settings.load_profile("whole")

for heard, by in (("SIGHUP", signal.SIG_DFL), ("SIGINT", signal.default_int_handler)):
    # Under `nohup make test &` the commands that are tested would rightly not hear them.
    if hasattr(signal, heard) and signal.getsignal(getattr(signal, heard)) is signal.SIG_IGN:
        signal.signal(getattr(signal, heard), by)

LONGEST = (
    "test_terminal",
    "test_explore",
    "test_end_to_end",
    "test_resume",
    "test_configure_screen",
    "test_tune",
    "test_mouse",
    "test_hostile",
    "test_train_screen",
    "test_screen_bad_input",
    "test_night",
    "test_team",
    "test_compare",
    "test_data_screen",
    "test_explore_items",
    "test_hand_and_eye",
)
"""Files that begin first: one that begins last keeps one core waiting."""


def pytest_collection_finish() -> None:
    """What is imported stays; to look through it for garbage took a fifth of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of few but long tests before all others."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))

"""Arrays as .npy files: what a failed write says, and what may become of a file that is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

MOST_READ_BYTES = 64 << 20
"""Larger arrays are mapped, so that one that memory does not hold can be asked."""


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write a .npy file into a folder that is being made (`whole_folder`). Raises OSError with its reason."""
    # Opened for reading, too: see `whole_file`.
    with path.open("w+b") as stream:
        np.save(stream, array, allow_pickle=False)


def open_array(path: Path) -> NDArray[Any]:
    """The array of a .npy file, read-only. Raises OSError; ValueError for whatever else is no array.

    One of at most MOST_READ_BYTES is read, and stays as it was whatever becomes of the file. A larger one is
    mapped: who cuts its file then ends this process (SIGBUS), and who writes into it changes the array.
    """
    try:
        mode: Literal["r"] | None = "r" if path.stat().st_size > MOST_READ_BYTES else None
        found: NDArray[Any] = np.load(path, mmap_mode=mode, allow_pickle=False)
        found.flags.writeable = False
    except OSError:
        raise
    # The head of a damaged file is read as Python, which stumbles in many ways.
    except Exception as error:
        raise ValueError(f"{path.name} is no array: {str(error).splitlines()[0]}") from error
    return found

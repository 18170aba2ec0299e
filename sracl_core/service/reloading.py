"""A place where a model lies, and whether another one lies there by now."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from sracl_core.progress import Progress
from sracl_core.runs.directory import ADDED
from sracl_core.service import folder as names
from sracl_core.service.exported import Model, is_export, open_export


class Source:
    """An export, or a run; either path may be a link that is moved to a newer one.

    `progress` hears of the text encoder and the texts that questions need.
    """

    def __init__(self, path: Path, dataset: Path | None = None, progress: Progress | None = None) -> None:
        self.path = path
        self.dataset = dataset
        self.progress = progress
        self._opened: Hashable = None

    def open(self) -> Model:
        """Open what lies there now. Raises InputError."""
        self._opened = self._stamp()
        if is_export(self.path):
            return open_export(self.path, self.progress)
        # Seconds of torch that an export need not pay.
        from sracl_core.service.from_run import model_of

        return model_of(self.path, self.dataset, self.progress)

    def changed(self) -> bool:
        """Whether another model lies there than was opened last, or tried."""
        stamp = self._stamp()
        return stamp is not None and stamp != self._opened

    def _stamp(self) -> Hashable:
        files = (names.ABOUT, "checkpoints/best/state.json", ADDED)
        stamp = []
        for name in files:
            try:
                found = (self.path / name).stat()
            except OSError:
                continue
            stamp.append((name, found.st_ino, found.st_mtime_ns))
        return tuple(stamp) or None

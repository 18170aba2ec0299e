"""What the dashboard remembers between sessions: theme, chart settings, last run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sracl_core.errors import StorageError
from sracl_core.files import make_folder, read_json, write_json

DEFAULTS: dict[str, Any] = {
    "theme": "sracl-dark",
    "x_axis": "step",
    "smoothing": 1,
    "log_axis": False,
    "masking": "unmasked",
    "metric": "HR",
    "text_weight": 0.5,
}


class Preferences:
    """A small JSON file in the user's configuration folder; losing it loses nothing else.

    `problem` says in one line why the file cannot be written, "" while it can.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            import platformdirs

            path = Path(platformdirs.user_config_dir("sracl", appauthor=False)) / "dashboard.json"
        self.path = path
        self.problem = ""
        self._values = dict(DEFAULTS)
        saved = read_json(path) or {}
        self._values |= {
            key: value
            for key, value in saved.items()
            if key in DEFAULTS and isinstance(value, type(DEFAULTS[key]))
        }

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def set(self, key: str, value: Any) -> bool:
        """Remember `value`; False when it cannot be written, `problem` says why."""
        if self._values.get(key) == value:
            return True
        self._values[key] = value
        try:
            make_folder(self.path.parent)
            write_json(self.path, self._values, durable=False)
        except StorageError as error:
            self.problem = f"settings are not remembered: {error}"
            return False
        self.problem = ""
        return True

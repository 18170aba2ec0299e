"""What the dashboard remembers between sessions: theme, chart settings, last run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DEFAULTS: dict[str, Any] = {
    "theme": "sracl-dark",
    "x_axis": "step",
    "smoothing": 1,
    "log_axis": False,
    "masking": "unmasked",
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
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            saved = {}
        if isinstance(saved, dict):
            self._values.update(
                {
                    key: value
                    for key, value in saved.items()
                    if key in DEFAULTS and isinstance(value, type(DEFAULTS[key]))
                }
            )

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def set(self, key: str, value: Any) -> bool:
        """Remember `value`; False when it cannot be written, `problem` says why."""
        if self._values.get(key) == value:
            return True
        self._values[key] = value
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            beside = self.path.with_suffix(".tmp")
            beside.write_text(json.dumps(self._values, indent=2) + "\n", encoding="utf-8")
            beside.replace(self.path)
        except OSError as error:
            self.problem = f"settings are not remembered: {self.path}: {error.strerror or error}"
            return False
        self.problem = ""
        return True

"""Handing text to the person: to the clipboard and, as terminals may refuse it, to a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textual.widget import Widget

from sracl_core.errors import StorageError
from sracl_core.files import make_folder, write_json, write_text
from sracl_core.runs.records import as_csv


def copy(widget: Widget, text: str, what: str) -> None:
    """Copy to the clipboard and into a file, and say so."""
    widget.app.copy_to_clipboard(text)
    try:
        path = write_copy(text)
    except StorageError as error:
        widget.notify(f"{what}: copied; no file: {error}", severity="warning")
        return
    widget.notify(f"{what}: copied, also in {path}")


def export(widget: Widget, stem: str, rows: list[dict[str, Any]], whole: Any) -> None:
    """Write CSV and JSON into ./exports and say where."""
    try:
        paths = write_export(Path("exports"), stem, rows, whole)
    except StorageError as error:
        widget.notify(f"not exported: {error}", severity="error")
        return
    widget.notify("written: " + ", ".join(str(path) for path in paths))


def copy_file() -> Path:
    """Where the last copied text lies."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("sracl", appauthor=False)) / "copied.txt"


def write_copy(text: str) -> Path:
    """Write `text` to the copy file. Raises StorageError."""
    path = copy_file()
    make_folder(path.parent)
    write_text(path, text if text.endswith("\n") else text + "\n", durable=False)
    return path


def write_export(folder: Path, stem: str, rows: Sequence[Mapping[str, Any]], whole: Any) -> list[Path]:
    """Write `rows` as ``stem.csv`` and `whole` as ``stem.json`` into `folder`. Raises StorageError."""
    make_folder(folder)
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in stem)[:120]
    table, document = folder / f"{safe}.csv", folder / f"{safe}.json"
    write_text(table, as_csv(rows))
    write_json(document, whole)
    return [table, document]

"""The first rows of the files that are to be imported, each column with what it is taken for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sracl_core.plain import plain
from sracl_tui.content import Content, line
from sracl_tui.content import TextualContent as Text
from sracl_tui.widgets.plain import Static
from sracl_tui.widgets.quiet import put

PARTS = {"log": "the interactions", "items": "the items", "other": "not read"}
WIDEST = 18
MOST_FILES, ROWS = 3, 3


class FirstRows(Static):
    """What a look at the files found, or why there was none."""

    def say(self, text: str, style: str = "$muted") -> None:
        """One line in place of the rows."""
        put(self, Content.styled(text, style))

    def show(self, found: Mapping[str, Any]) -> None:
        """Draw the answer of ``sracl data look --json``."""
        put(self, Content("\n").join(_lines(found)))


def _lines(found: Mapping[str, Any]) -> list[Text]:
    files = found["files"]
    lines: list[Text] = []
    for file in files[:MOST_FILES]:
        lines += [_title(file), *_table(file)]
    if len(files) > MOST_FILES:
        names = ", ".join(str(file["file"]).rpartition("/")[2] for file in files[MOST_FILES:])
        lines.append(line(Content.styled(f"and {names}", "$muted")))
    if found["times"]:
        lines.append(line(Content.assemble(("times  ", "$muted"), found["times"])))
    if found["events"]:
        lines.append(line(Content.assemble(("events  ", "$muted"), ", ".join(found["events"]))))
    if not found["takes_columns"]:
        lines.append(line(Content.styled(f"{found['format']}: {found['sign']}", "$muted")))
    return lines


def _title(file: Mapping[str, Any]) -> Text:
    names = "" if file["header"] else ", without a line of names"
    return line(
        Content.assemble(
            (str(file["file"]).rpartition("/")[2], "bold"),
            (f"  {PARTS.get(file['part'], '')}{names}", "$muted"),
        )
    )


def _table(file: Mapping[str, Any]) -> list[Text]:
    roles = {guess["column"]: guess["role"] for guess in file["guesses"] if guess["column"]}
    columns, rows = file["columns"], file["rows"][:ROWS]
    if not columns:
        return []
    widths = [_width([name, roles.get(name, ""), *_cells(rows, at)]) for at, name in enumerate(columns)]
    drawn = [_row([roles.get(name, "") for name in columns], widths, "bold $accent")] if roles else []
    drawn.append(_row(columns, widths, "bold"))
    return [*drawn, *(_row([*row, *[""] * len(columns)], widths, "$foreground") for row in rows)]


def _cells(rows: Sequence[Sequence[str]], at: int) -> list[str]:
    return [row[at] for row in rows if at < len(row)]


def _width(cells: Sequence[str]) -> int:
    return min(WIDEST, max(Content(plain(cell)).cell_length for cell in cells))


def _row(cells: Sequence[str], widths: Sequence[int], style: str) -> Text:
    parts = [
        Content(plain(cell)).truncate(width, ellipsis=True, pad=True)
        for cell, width in zip(cells, widths, strict=False)
    ]
    return Content("  ").join(parts).stylize(style)

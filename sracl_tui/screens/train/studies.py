"""Comparisons and studies as they fill: read again every second, changing nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from sracl_core.files import read_json
from sracl_core.words import counted
from sracl_tui.content import Content, hints
from sracl_tui.deliver import copy
from sracl_tui.glyphs import RUN_GLYPHS
from sracl_tui.screens.base import OverScreen
from sracl_tui.screens.train.flow_line import FlowLine
from sracl_tui.screens.train.groups import table
from sracl_tui.session import Session
from sracl_tui.view_models import RunLine, settings_told
from sracl_tui.widgets.plain import Static, entitle

LOOK_SECONDS = 1.0
DONE = ("finished", "stopped")
MOST_STUDIES, MOST_ROWS = 5, 15
GAPS = 10
"""Columns of a mean, and of what keeps it from its neighbors."""
HEADS = {"tune": ("trial", "value", "run, and what it tries"), "ablate": ("variant", "mean", "runs")}
NOTHING = Content.assemble(
    ("No comparison or study beside these runs yet.\n\n", "bold"),
    ("sracl compare DIR --models sasrec,item-knn\n", ""),
    ("sracl ablate DIR\n", ""),
    ("sracl tune DIR --model sasrec\n\n", ""),
    ("fill a table here while they run.", "$muted"),
)


class StudiesScreen(OverScreen[None]):
    """Escape closes, y copies."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,c", "dismiss", "Close"),
        Binding("y", "copy", "Copy"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._text = Content("")

    def compose(self) -> ComposeResult:
        """The tables, in something that scrolls."""
        box = VerticalScroll(Static("reading the studies…", id="studies"), classes="dialog reading")
        entitle(box, "Comparisons and studies", hints("esc closes", "y copies"))
        yield box

    def on_mount(self) -> None:
        self.set_interval(LOOK_SECONDS, self._look)

    def on_resize(self) -> None:
        """Rows are as long as there is room."""
        self.call_after_refresh(self._look)

    def _look(self) -> None:
        studies, width = read_studies(self._session.runs_dir), self.query_one("#studies").size.width
        text = studies_text(studies, self._session.runs or (), width)
        if text.plain != self._text.plain:
            self._text = text
            self.query_one("#studies", Static).update(text)

    def action_copy(self) -> None:
        copy(self, self._text.plain, "studies")


def read_studies(runs_dir: Path) -> list[dict[str, Any]]:
    """What the files of comparisons and studies say, the one that changed last first.

    Of a damaged one {"damaged": its path}.
    """
    try:
        files = [(path.stat().st_mtime, path) for path in (runs_dir / "studies").glob("*.json")]
    except OSError:
        return []
    read = {path: read_json(path) for _, path in sorted(files, reverse=True)[:MOST_STUDIES]}
    return [
        one if one is not None and isinstance(one.get("rows"), list) else {"damaged": str(path)}
        for path, one in read.items()
    ]


def studies_text(studies: Sequence[Mapping[str, Any]], runs: Sequence[RunLine], width: int) -> Content:
    """A table for each: which run fills which place, how far it is, and its best validation."""
    if not studies:
        return NOTHING
    known = {line.name: line for line in runs}
    parts: list[Any] = []
    for one in studies:
        if damaged := one.get("damaged"):
            parts.append((f"{damaged} is damaged; its command, given again, writes it anew\n\n", "$warning"))
            continue
        rows = _rows(one)
        done, total = done_of(one, known)
        if one.get("kind") == "tune":
            rows = sorted(rows, key=lambda row: -(_mean(_values(row, known)) or 0.0))
        title = f"{one.get('kind')}  {one.get('dataset')}  validation {one.get('metric')}  "
        parts += [(title, "bold"), (f"{done} of {counted(total, 'run')} done\n", "$muted")]
        names = [_within(width // 2, _name(row, one)) for row in rows[:MOST_ROWS]]
        room = width - max((len(name) for name in names), default=0) - GAPS
        drawn, tried = [], _tried(one, rows)
        for name, row in zip(names, rows, strict=False):
            mean = _mean(_values(row, known))
            first, *more = FlowLine([*_cells(row, known), *tried.get(str(row.get("name")), ())]).lines(room)
            drawn.append((name, "-" if mean is None else f"{mean:.4f}", first.plain))
            drawn += [("", "", cells.plain) for cells in more]
        parts.append(table(HEADS.get(str(one.get("kind")), ("method", "mean", "runs")), drawn, right={1}))
        beyond = len(rows) - MOST_ROWS
        parts.append(f"\n{beyond} more\n\n" if beyond > 0 else "\n\n")
    return Content.assemble(*parts)


def names_of(study: Mapping[str, Any]) -> list[str | None]:
    """The names of its runs, None for one that waits; of a damaged study there are none."""
    return [str(name) if name else None for row in _rows(study) for name in row["runs"]]


def done_of(study: Mapping[str, Any], known: Mapping[str, RunLine]) -> tuple[int, int]:
    """How many of its runs have ended well, of how many that it will have."""
    lines = [known.get(name) if name else None for name in names_of(study)]
    done = sum(line is not None and line.status in DONE for line in lines)
    most = study.get("most")
    return done, max(len(lines), most if isinstance(most, int) else 0)


def studies_of(runs_dir: Path, runs: Sequence[RunLine]) -> dict[str, str]:
    """{run: what is told of its study when that has ended, else ""}."""
    known, told = {line.name: line for line in runs}, dict[str, str]()
    for study in read_studies(runs_dir):
        done, total = done_of(study, known)
        said = (
            f"{study.get('kind')} {study.get('dataset')}: {counted(total, 'run')} done"
            if done == total
            else ""
        )
        told |= {name: said for name in names_of(study) if name}
    return told


def _rows(study: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    held = study.get("rows", ())
    return [row for row in held if isinstance(row, Mapping) and isinstance(row.get("runs"), list)]


def _tried(study: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Content]]:
    """By the name of a row the settings that it tries, but for those that are the same in every row."""
    told = study.get("tried")
    names = [str(row.get("name")) for row in rows] if isinstance(told, Mapping) else []
    found = {name: told[name] for name in names if isinstance(told.get(name), Mapping)}
    values = {key: {str(one.get(key)) for one in found.values()} for one in found.values() for key in one}
    return {
        name: [
            Content(told)
            for told in settings_told(
                (key, value) for key, value in one.items() if len(found) == 1 or len(values[key]) > 1
            )
        ]
        for name, one in found.items()
    }


def _name(row: Mapping[str, Any], study: Mapping[str, Any]) -> str:
    name = str(row.get("name"))
    return f"{name} (baseline)" if name == study.get("baseline") else name


def _within(room: int, name: str) -> str:
    """`name` without its middle where it is longer than `room`: both ends tell it from others.

    >>> _within(20, "sasrec+sracl:neighbor_states=cached")
    'sasrec+…tates=cached'
    """
    kept = max(room - 1, 12)
    head = kept * 3 // 8
    return name if len(name) <= room else f"{name[:head]}…{name[head - kept :]}"


def _cells(row: Mapping[str, Any], known: Mapping[str, RunLine]) -> list[Content]:
    cells = []
    for name in row["runs"]:
        line = known.get(str(name)) if name else None
        if line is None:
            cells.append("· waits")
            continue
        sign = RUN_GLYPHS.get(line.status, RUN_GLYPHS["unknown"])[0]
        epoch = f" epoch {line.epoch + 1}" if line.status == "running" and line.epoch is not None else ""
        best = "" if line.best is None else f" {line.best:.4f}"
        cells.append(f"{sign}{best}{epoch}")
    return [Content(cell) for cell in cells] or [Content("")]


def _values(row: Mapping[str, Any], known: Mapping[str, RunLine]) -> list[float]:
    lines = [known.get(str(name)) for name in row["runs"] if name]
    return [line.best for line in lines if line is not None and line.best is not None]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None

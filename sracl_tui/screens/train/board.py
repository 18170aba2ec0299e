"""The runs as one ranked list over the whole screen: seeds together, differences, notes, names."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from sracl_core.progress import duration
from sracl_core.words import counted
from sracl_tui.commands import CommandError, ask, follow
from sracl_tui.content import Content
from sracl_tui.deliver import copy, export
from sracl_tui.screens.ask import AskScreen
from sracl_tui.screens.base import OverScreen
from sracl_tui.screens.confirm import ConfirmScreen
from sracl_tui.session import Session
from sracl_tui.view_models import settings_told, short_name
from sracl_tui.widgets.field import FilterField
from sracl_tui.widgets.key_line import KeyLine
from sracl_tui.widgets.plain import Static, entitle
from sracl_tui.widgets.row_list import MOST_ROWS, CursorList, RowList
from sracl_tui.widgets.split_line import SplitLine

MOST_SETTINGS = 5
READING = "reading the runs…"


class BoardRows(CursorList):
    """The list, whose key is told in the line below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Watch", tooltip="Show the run under the cursor")
    ]


class BoardScreen(OverScreen[Path | None]):
    """The run that was chosen, None where it was closed. What it shows is what `sracl runs board` says."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close", key_display="esc"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("s", "metric", "Metric", tooltip="Rank by the next metric"),
        Binding("m", "mark", "Mark", tooltip="Hold the others against the run under the cursor"),
        Binding("f", "fold", "Seeds", tooltip="Seeds as one row, or each run"),
        Binding("n", "note", "Note", tooltip="Write something down about the row's runs"),
        Binding("R", "rename", "Rename", key_display="R", tooltip="Rename the row's runs"),
        Binding("D", "delete", "Delete", key_display="D", tooltip="Delete the row's runs; asks first"),
        Binding("y", "copy", "Copy"),
        Binding("e", "export", "Export"),
        Binding("question_mark", "app.help", "Help", key_display="?"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._rows: list[dict[str, Any]] = []
        self._searched: list[str] = []
        self._metrics: list[str] = []
        self._metric = ""
        self._marked = ""
        self._fold = True

    def compose(self) -> ComposeResult:
        """A filter, the rows, and what is said of them."""
        with Vertical(id="leaderboard"):
            yield FilterField("/ filter runs, settings, notes", "leaderboard-filter")
            yield BoardRows(id="leaderboard-rows")
            yield Static(READING, id="leaderboard-said")
        yield KeyLine(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        entitle(self.query_one("#leaderboard"), "Leaderboard")
        self.set_focus(self.query_one(RowList))
        self._read()

    @work(group="board", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        self.query_one("#leaderboard-said", Static).update(READING)
        words = ["--runs-dir", str(self.session.runs_dir), "--fold" if self._fold else "--each"]
        words += ["--metric", self._metric] if self._metric else []
        words += ["--against", self._marked] if self._marked else []
        try:
            answer = await ask("runs", "board", *words)
        except CommandError as error:
            self.query_one("#leaderboard-said", Static).update(Content.styled(f"✗ {error}", "$error"))
            return
        self._rows, self._metrics = answer["rows"], answer["metrics"]
        self._searched = [_searched(row) for row in self._rows]
        self._metric = answer["metric"]
        self._show()

    def _show(self) -> None:
        wanted = self.query_one(Input).value.strip().lower()
        shown = [row for row, text in zip(self._rows, self._searched, strict=True) if wanted in text]
        self.query_one(RowList).show([(row["name"], self._row(row)) for row in shown[:MOST_ROWS]])
        seeds = "seeds of one setting together" if self._fold else "each run"
        many = counted(len(shown), "row")
        said = f"{many} by {self._metric.replace('/', ' ') or 'nothing yet'} (test; v: validation), {seeds}"
        if len({row["dataset"] for row in shown}) > 1:
            said += "; of several datasets: only rows of one compare (/ and its name)"
        if self._marked:
            said += f"; Δ against {short_name(self._marked)}, p of the paired test over users, Holm-corrected"
        self.query_one("#leaderboard-said", Static).update(
            said if self._rows else "no runs here yet; F2 starts one"
        )

    def _row(self, row: Mapping[str, Any]) -> SplitLine:
        note = row["note"].partition("\n")[0]
        return SplitLine(
            (_name(row, self._marked), _figures(row)),
            (Content.styled(f"  {settings_line(row)}", "$muted"), Content.styled(_facts(row), "$muted")),
            *([(f"  {note}", "")] if note else []),  # by itself: a long one would leave no room for the rest
        )

    def _current(self) -> dict[str, Any] | None:
        held = self.query_one(RowList).current_id
        return next((row for row in self._rows if row["name"] == held), None)

    def _with_current(self, then: Callable[[dict[str, Any]], None]) -> None:
        row = self._current()
        if row is None:
            self.notify("there is no run under the cursor")
        else:
            then(row)

    def action_close(self) -> None:
        self.dismiss(None)

    def action_leave_field(self) -> None:
        self.set_focus(self.query_one(RowList))

    def action_filter(self) -> None:
        self.set_focus(self.query_one(Input))

    def action_metric(self) -> None:
        """Rank by the next metric."""
        if self._metrics:
            at = self._metrics.index(self._metric) if self._metric in self._metrics else -1
            self._metric = self._metrics[(at + 1) % len(self._metrics)]
            self._read()

    def action_mark(self) -> None:
        """Hold the others against the run under the cursor, or against none any more."""

        def mark(row: dict[str, Any]) -> None:
            self._marked = "" if self._marked in row["runs"] else row["name"]
            self._read()

        self._with_current(mark)

    def action_fold(self) -> None:
        """Seeds as one row, or each run."""
        self._fold = not self._fold
        self._read()

    def action_note(self) -> None:
        """Write something down about the runs of a row."""

        def asked(row: dict[str, Any]) -> None:
            first, *_ = row["note"].split("\n")  # what was not changed keeps its other lines

            def written(text: str | None) -> None:
                if text not in (None, first):
                    self._change(*(("note", run, str(text)) for run in row["runs"]))

            self.app.push_screen(
                AskScreen(f"Note on {_told(row)}: (a #word is a tag; / finds it)", first), written
            )

        self._with_current(asked)

    def action_rename(self) -> None:
        """Give the runs of a row another name, several of them each with its seed."""

        def asked(row: dict[str, Any]) -> None:
            several = len(row["runs"]) > 1
            ends = [f"-{seed}" if several else "" for seed in row["seeds"]]

            def named(text: str | None) -> None:
                names = [f"{text}{end}" for end in ends]
                if text:
                    self._change(*(("rename", *pair) for pair in zip(row["runs"], names, strict=True)))

            question = f"New name of {_told(row)}{', each with its seed' if several else ''}:"
            self.app.push_screen(AskScreen(question, short_name(row["name"]).removesuffix(ends[0])), named)

        self._with_current(asked)

    def action_delete(self) -> None:
        """Delete what the row under the cursor holds, after a question."""

        def asked(row: dict[str, Any]) -> None:
            question = ConfirmScreen(f"Delete {_told(row)}, with models and results?", "Delete")
            self.app.push_screen(question, lambda yes: self._change(("rm", *row["runs"])) if yes else None)

        self._with_current(asked)

    def _change(self, *commands: Sequence[str]) -> None:
        """Work of the app: it is done to its end, also when the board is closed at once."""
        self.app.run_worker(self._changed(commands), group="board-change", exit_on_error=False)

    async def _changed(self, commands: Sequence[Sequence[str]]) -> None:
        for command, *rest in commands:
            options = ["--runs-dir", str(self.session.runs_dir), *(["--yes"] if command == "rm" else [])]
            try:
                await follow("runs", command, *options, "--", *rest, on_line=_nothing)
            except CommandError as error:
                self.app.notify(str(error), severity="error")
            self.session.look()
            if self._marked in rest and command != "note":
                self._marked = ""  # there is no run of this name any more
        if self.is_attached:
            self._read()

    def action_copy(self) -> None:
        """The rows as they read."""
        copy(self, self.query_one(RowList).as_text(), "leaderboard")

    def action_export(self) -> None:
        """The rows as CSV and JSON."""
        rows = [{**row, "runs": " ".join(row["runs"]), "settings": settings_line(row)} for row in self._rows]
        export(self, "leaderboard", rows, self._rows)

    @on(Input.Changed, "#leaderboard-filter")
    def _filter(self) -> None:
        self._show()

    @on(Input.Submitted, "#leaderboard-filter")
    def _to_rows(self) -> None:
        self.set_focus(self.query_one(RowList))

    @on(RowList.OptionSelected, "#leaderboard-rows")
    def _choose(self, event: RowList.OptionSelected) -> None:
        event.stop()
        if event.option.id:
            self.dismiss(self.session.runs_dir / event.option.id)


def _told(row: Mapping[str, Any]) -> str:
    """The runs of a row, as a question names them."""
    name, seeds = short_name(row["name"]), ", ".join(map(str, sorted(row["seeds"], key=str)))
    return name if len(row["runs"]) == 1 else f"these {len(row['runs'])} runs (seeds {seeds}) of {name}"


def settings_line(row: Mapping[str, Any]) -> str:
    """What is not the same in every row, as `key value` pairs, the model first.

    >>> settings_line({"settings": {"semantics.encoder": "static", "model.name": "sasrec"}})
    'sasrec · encoder static'
    """
    settings: Mapping[str, Any] = row["settings"]
    first = sorted(settings.items(), key=lambda pair: pair[0] != "model.name")[:MOST_SETTINGS]
    return " · ".join([*settings_told(first), *(["…"] if len(settings) > MOST_SETTINGS else [])])


def _name(row: Mapping[str, Any], marked: str) -> Content:
    seeds = f" ×{len(row['runs'])}" if len(row["runs"]) > 1 else ""
    star = "★ " if marked in row["runs"] else "  "
    return Content.assemble((star, "bold $accent"), (short_name(row["name"]), "bold"), (seeds, "$muted"))


def _figures(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return str(row["status"])
    parts = [f"{row['value']:.4f}" + ("" if row["deviation"] is None else f" ± {row['deviation']:.4f}")]
    if row["difference"] is not None:
        parts.append(f"{row['difference']:+.1%}")
    if row["p_value"] is not None:
        parts.append(f"p {row['p_value']:.4f}")
    return "  ".join([*parts, *(["v"] if row["part"] == "valid" else [])])


def _facts(row: Mapping[str, Any]) -> str:
    made = time.strftime("%d %b %H:%M", time.localtime(row["created"]))
    took = "" if row["seconds"] is None else duration(row["seconds"])
    return " · ".join(part for part in (row["dataset"], took, made) if part)


def _searched(row: Mapping[str, Any]) -> str:
    words: Sequence[str] = (*row["runs"], row["dataset"], row["status"], row["note"], settings_line(row))
    return " ".join(words).lower()


def _nothing(_: str) -> None:
    """What a command says beside its error is not shown."""

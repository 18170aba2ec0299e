"""The runs of the folder, with a filter."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input

from sracl_tui.content import Content
from sracl_tui.glyphs import RUN_GLYPHS
from sracl_tui.view_models import RunLine
from sracl_tui.widgets.field import FilterField
from sracl_tui.widgets.panel import Panel
from sracl_tui.widgets.plain import Static
from sracl_tui.widgets.row_list import MOST_ROWS, CursorList, RowList
from sracl_tui.widgets.split_line import SplitLine

EMPTY = "No runs here yet.\n\nF1 chooses a dataset,\nF2 sets up and starts\na run."


class RunList(Panel):
    """Enter shows a run; the marks tell which are drawn."""

    class Chosen(Message):
        """A run was picked."""

        def __init__(self, path: Path) -> None:
            self.path = path
            super().__init__()

    def __init__(self) -> None:
        super().__init__("Runs", id="runs")
        self._runs: tuple[RunLine, ...] = ()
        self._chosen: Path | None = None
        self._overlays: tuple[Path, ...] = ()
        self._often: set[str] = set()

    def compose(self) -> ComposeResult:
        """Filter, list, and what is said when there is nothing."""
        yield FilterField("/ filter runs", "run-filter")
        yield CursorList(id="run-rows")
        yield Static(EMPTY, id="no-runs")

    def show(self, runs: tuple[RunLine, ...], chosen: Path | None, overlays: tuple[Path, ...]) -> None:
        """Draw `runs`; `chosen` and `overlays` are marked."""
        self._runs, self._chosen, self._overlays = runs, chosen, overlays
        self._often = {name for name, times in Counter(run.short_name for run in runs).items() if times > 1}
        wanted = self.query_one(Input).value.strip().lower()
        shown = [
            run for run in runs if wanted in f"{run.name} {run.status} {run.dataset} {run.model}".lower()
        ]
        self.query_one(RowList).show([(str(run.path), self._row(run)) for run in shown[:MOST_ROWS]])
        self.query_one(RowList).display = self.query_one(Input).display = bool(runs)
        self.query_one("#no-runs").display = not runs
        more = f" of {len(shown)}" if len(shown) > MOST_ROWS else ""
        self.note(f"{min(len(shown), MOST_ROWS)}{more} shown" if runs else "")

    def highlighted_run(self) -> Path | None:
        """The run under the cursor."""
        held = self.query_one(RowList).current_id
        return Path(held) if held else None

    def line(self, path: Path | None) -> RunLine | None:
        """What is known of a run."""
        return next((run for run in self._runs if run.path == path), None)

    def focus_filter(self) -> None:
        """Put the cursor into the filter."""
        self.screen.set_focus(self.query_one(Input))

    def _row(self, run: RunLine) -> SplitLine:
        sign, color = RUN_GLYPHS.get(run.status, RUN_GLYPHS["unknown"])
        drawn = (self._chosen, *self._overlays) if self._chosen else self._overlays
        mark = str(drawn.index(run.path) + 1) if run.path in drawn else " "
        epoch = "" if run.epoch is None else f"epoch {run.epoch + 1}"
        facts = [f" · {fact}" for fact in (run.model, epoch, run.dataset) if fact]
        # As many facts as have room: half of a word says nothing.
        told = [
            Content.assemble((f"  {sign} {run.status}", color), ("".join(facts[:some]), "$muted"))
            for some in range(len(facts), -1, -1)
        ]
        best = "" if run.best is None else f"{run.best:.4f}"
        seed = f"seed {run.seed}" if run.short_name in self._often and run.seed is not None else ""
        # A line is the name's, which may differ from another's at its end; equal ones differ by the seed.
        return SplitLine(
            (
                Content.assemble(
                    (f"{mark} ", "bold $accent"), (run.short_name, "bold" if mark.strip() else "")
                ),
                Content.styled(seed, "$muted"),
            ),
            (
                told,
                Content.styled(best, "$muted"),
            ),
        )

    @on(Input.Changed, "#run-filter")
    def _filter(self) -> None:
        self.show(self._runs, self._chosen, self._overlays)

    @on(Input.Submitted, "#run-filter")
    def _to_rows(self) -> None:
        self.screen.set_focus(self.query_one(RowList))

    @on(RowList.OptionSelected, "#run-rows")
    def _choose(self, event: RowList.OptionSelected) -> None:
        event.stop()
        if event.option.id:
            self.post_message(self.Chosen(Path(event.option.id)))

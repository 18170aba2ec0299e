"""The run that is watched: its facts, what is wrong with it, its charts and its log."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Grid, Vertical

from sracl_tui.content import Content
from sracl_tui.screens.train import view
from sracl_tui.screens.train.banner_stack import BannerStack
from sracl_tui.screens.train.chart import ChartTile
from sracl_tui.screens.train.chart_settings import ChartSettings
from sracl_tui.screens.train.log_pane import LogPane
from sracl_tui.screens.train.run_header import RunHeader
from sracl_tui.view_models import Banner, RunSnapshot, banners
from sracl_tui.widgets.plain import Static, entitle

WELCOME = Content.assemble(
    ("Nothing to watch yet.\n\n", "bold"),
    ("F1", "bold"),
    "  choose a dataset (the sample is ready in a second)\n",
    ("F2", "bold"),
    "  set up a run and start it\n\n",
    ("A run that you start in a shell with `sracl train` appears here by itself.", "$muted"),
)


class WatchedRun(Vertical):
    """Draws a snapshot; what to do where there is none."""

    def __init__(self) -> None:
        super().__init__(id="watched")

    def compose(self) -> ComposeResult:
        """Facts and banners over four charts, the log below."""
        yield Static(WELCOME, id="welcome")
        yield RunHeader(id="run-header")
        yield BannerStack(id="banners")
        with Grid(id="tiles"):
            yield ChartTile("Loss", "The first steps draw the losses here.", "tile-loss")
            yield ChartTile("Speed", "The first steps draw what else is measured here.", "tile-parts")
            yield ChartTile("Validation", "The first epoch draws its metric here.", "tile-headline")
            yield ChartTile("Validation", "The first epoch draws its metrics here.", "tile-metric")
        yield LogPane()

    def show_nothing(self, chosen: bool) -> None:
        """No run is known of, or nothing yet of the `chosen` one."""
        self._whole(False)
        self.query_one("#welcome", Static).update("reading the run…" if chosen else WELCOME)
        self.query_one(BannerStack).show([])

    def show(self, runs: Sequence[RunSnapshot], how: ChartSettings, frozen: bool) -> None:
        """Draw the first of `runs`, and the others into its charts."""
        self._whole(True)
        try:
            self._draw(runs, how, "  frozen" if frozen else "")
        except Exception as error:
            # Whatever stands in a run's files must not take the others off the screen.
            fault = f"this run cannot be drawn: {type(error).__name__}: {error}"
            self.query_one(BannerStack).show([Banner("error", fault)])

    def _whole(self, there: bool) -> None:
        self.query_one("#welcome").display = not there
        self.set_class(not there, "-nothing")

    def _draw(self, runs: Sequence[RunSnapshot], how: ChartSettings, mark: str) -> None:
        self.query_one(RunHeader).show(runs[0])
        self.query_one(BannerStack).show(banners(runs[0]))
        self.query_one(LogPane).show(runs[0].log)
        for tile in view.tiles(runs, how):
            widget = self.query_one(f"#{tile.id}", ChartTile)
            entitle(widget, tile.title)
            widget.note(tile.note + mark)
            widget.show(tile.curves, how.x_axis, tile.log)

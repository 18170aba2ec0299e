"""Which dataset, which preset, what name, which settings to look at, and Run."""

from __future__ import annotations

from textual.app import ComposeResult

from sracl_core.settings.layers import preset_names
from sracl_tui.widgets.field import Field
from sracl_tui.widgets.panel import Panel
from sracl_tui.widgets.plain import Button, Select, Static
from sracl_tui.widgets.row_list import RowList

DEFAULTS = "defaults"
FIRST = (DEFAULTS, "quick", "fast", "best", "paper")
"""What one is looking for most; the others are of methods by their names."""


class RunChoices(Panel):
    """The left column of Configure; the screen listens to its parts."""

    def __init__(self) -> None:
        super().__init__("Run", id="choices")

    def compose(self) -> ComposeResult:
        """Each choice below its caption."""
        presets = [(name, name) for name in dict.fromkeys((*FIRST, *preset_names()))]
        yield Static("dataset", classes="caption")
        yield Select([], prompt="none: F1 prepares", id="pick-dataset", compact=True)
        yield Static("preset", classes="caption")
        yield Select(presets, allow_blank=False, value=DEFAULTS, id="pick-preset", compact=True)
        yield Static("name", classes="caption")
        yield Field(placeholder="from dataset and model", id="run-name")
        yield Field(placeholder="seeds: as set, or 1,2,3", id="run-seeds")
        yield Static("settings of", classes="caption")
        yield RowList(id="section-rows")
        yield Button("▶ Run (F5)", id="run", variant="primary", compact=True)

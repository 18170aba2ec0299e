"""Choosing one of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from sracl_tui.content import Content, hints
from sracl_tui.glyphs import RUN_GLYPHS
from sracl_tui.screens.base import OverScreen
from sracl_tui.view_models import RunLine
from sracl_tui.widgets.plain import entitle
from sracl_tui.widgets.row_list import RowList
from sracl_tui.widgets.split_line import SplitLine


class PickRunScreen(OverScreen[Path | None]):
    """Enter takes the run under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "Close")]

    def __init__(self, runs: Sequence[RunLine]) -> None:
        super().__init__()
        self._runs = runs

    def compose(self) -> ComposeResult:
        box = Vertical(RowList(id="pick-rows"), classes="dialog reading tall")
        entitle(box, "Compare with", hints("enter chooses", "esc closes"))
        yield box

    def on_mount(self) -> None:
        rows = []
        for run in self._runs:
            sign, color = RUN_GLYPHS.get(run.status, RUN_GLYPHS["unknown"])
            right = Content.assemble((f"{sign} {run.status}", color))
            rows.append((str(run.path), SplitLine((f"{run.short_name}  {run.dataset}  {run.model}", right))))
        self.query_one(RowList).show(rows)
        self.set_focus(self.query_one(RowList))

    @on(RowList.OptionSelected)
    def _choose(self, event: RowList.OptionSelected) -> None:
        self.dismiss(Path(str(event.option.id)))

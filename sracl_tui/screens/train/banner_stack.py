"""The lines that must not be missed, above the charts."""

from __future__ import annotations

from collections.abc import Sequence

from sracl_tui.content import Content, line
from sracl_tui.view_models import Banner
from sracl_tui.widgets.plain import Static
from sracl_tui.widgets.quiet import put

SIGNS = {"error": ("✗ error", "$error"), "warning": ("! warning", "$warning"), "info": ("· note", "$primary")}


class BannerStack(Static):
    """One line a banner, each with its level as a word; not there when there is none."""

    def show(self, banners: Sequence[Banner]) -> None:
        self.display = bool(banners)
        lines = []
        for banner in banners:
            words, color = SIGNS[banner.level]
            lines.append(line(Content.assemble((f" {words} ", f"bold {color}"), " ", banner.text)))
        put(self, Content("\n").join(lines))

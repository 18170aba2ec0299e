"""How much the free text counts against the history: a bar from 0 to 1."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from sracl_tui.content import Content

WIDTH = 10


class WeightBar(Widget, can_focus=True):
    """Left and right, or a click, change it in tenths."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "change(-0.1)", "Less text", show=False),
        Binding("right", "change(0.1)", "More text", show=False),
    ]
    weight: reactive[float] = reactive(0.5)

    class Changed(Message):
        """Another weight was set."""

        def __init__(self, weight: float) -> None:
            self.weight = weight
            super().__init__()

    def render(self) -> Content:
        """The bar and the number."""
        at = round(self.weight * WIDTH)
        return Content.assemble(
            ("history ", "$muted"),
            ("─" * at, "$primary"),
            ("●", "bold $accent"),
            ("─" * (WIDTH - at), "$border"),
            (" text ", "$muted"),
            (f"{self.weight:.1f}", "bold"),
        )

    def validate_weight(self, weight: float) -> float:
        """Between 0 and 1, in tenths."""
        return round(min(1.0, max(0.0, weight)), 1)

    def action_change(self, by: float) -> None:
        before = self.weight
        self.weight = before + by
        if self.weight != before:
            self.post_message(self.Changed(self.weight))

    def on_click(self, event: events.Click) -> None:
        """To where it was clicked."""
        offset = event.get_content_offset(self)
        if offset is not None:
            self.action_change((offset.x - len("history ")) / WIDTH - self.weight)

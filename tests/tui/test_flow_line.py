"""Facts of a run in as many lines as they need, or as there are."""

from __future__ import annotations

from textual.content import Content
from textual.style import Style
from textual.visual import RenderOptions

from sracl_tui.screens.train.flow_line import FlowLine

FACTS = FlowLine([Content("epoch 3"), Content("loss 7.5"), Content("HR@20 0.1234")])


def drawn(width: int, height: int) -> list[str]:
    options = RenderOptions(lambda _: Style(), {})
    return [strip.text.rstrip() for strip in FACTS.render_strips(width, height, Style(), options)]


def test_given_room_every_fact_is_whole() -> None:
    assert drawn(40, 1) == ["epoch 3  loss 7.5  HR@20 0.1234"]
    assert drawn(20, 2) == ["epoch 3  loss 7.5", "HR@20 0.1234"]


def test_without_room_no_half_of_a_number_is_drawn() -> None:
    assert drawn(25, 1) == ["epoch 3  loss 7.5…"]
    assert drawn(12, 2) == ["epoch 3", "loss 7.5…"]
    assert drawn(17, 1) == ["epoch 3…"]  # "epoch 3  loss 7.5" is 17 wide itself

"""For whom a finished run is good, and what its lists show: as a text, from what the command answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sracl_core.runs.records import at_largest
from sracl_core.settings.models import MASKS
from sracl_tui.content import Content
from sracl_tui.glyphs import padded_bar

BAR = 18
SHARES = ("coverage", "head")
"""Of 1, so that they read as per cent."""


def group_text(answer: Mapping[str, Any]) -> Content:
    """The answer of ``sracl runs show RUN --groups --json``, narrow enough for eighty columns."""
    found, beyond = answer["groups"], answer["beyond_accuracy"]
    metrics = at_largest(name for row in found for name in row[MASKS[0]])
    parts: list[Any] = []
    for mask in MASKS:
        rows = [
            (row["by"], row["group"], f"{row['users']:,}", *(_metric(row[mask], name) for name in metrics))
            for row in found
        ]
        parts += [
            (f"Test, seen items {mask}\n", "bold"),
            table(("by", "group", "users", *metrics), rows, range(2, 3 + len(metrics))),
            "\n\n",
        ]
    measures = [name for name in beyond[MASKS[0]] if name != "length"]
    shown = [(mask, *(_measure(name, beyond[mask][name]) for name in measures)) for mask in MASKS]
    title = f"What the lists of {beyond[MASKS[0]]['length']:.0f} items show\n"
    parts += [(title, "bold"), table(("seen items", *measures), shown, range(1, 9))]
    if tail := answer.get("long_tail"):
        parts += ["\n\n", _tail(tail)]
    return Content.assemble(*parts)


def _tail(tail: Mapping[str, Sequence[float]]) -> Content:
    """Bars of what each tenth of the items has, in the data and in the lists."""
    lists = tail[MASKS[0]]
    most = max([*tail["train"], *lists, 1e-9])
    head = f"{'':<12}{'of training':<{BAR + 9}}of the lists, seen items {MASKS[0]}"
    parts: list[Any] = [("The long tail, by tenths of the items\n", "bold"), (head, "$muted")]
    for at, (data, shown) in enumerate(zip(tail["train"], lists, strict=True), start=1):
        name = "most bought" if at == 1 else "least" if at == len(lists) else str(at)
        parts += [(f"\n{name:<12}", "$muted"), (padded_bar(data / most, BAR), "$primary"), f"{data:>7.1%}  "]
        parts += [(padded_bar(shown / most, BAR), "$accent"), f"{shown:>7.1%}"]
    return Content.assemble(*parts)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int]) -> Content:
    """Aligned columns, those of the places `right` to the right."""
    widths = [max(len(str(row[at])) for row in (head, *rows)) for at in range(len(head))]

    def drawn(row: Sequence[str]) -> str:
        cells = [
            str(cell).rjust(width) if at in right else str(cell).ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return Content.assemble((drawn(head), "$muted"), *(f"\n{drawn(row)}" for row in rows))


def _metric(metrics: Mapping[str, float], name: str) -> str:
    value = metrics.get(name)
    return "-" if value is None else f"{value:.4f}"


def _measure(name: str, value: float) -> str:
    return f"{value:.1%}" if name in SHARES else f"{value:.3f}"

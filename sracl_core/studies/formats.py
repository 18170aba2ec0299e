"""A comparison as cells, and the cells as Markdown, CSV or LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sracl_core.settings.models import MASKS
from sracl_core.studies.published import FIGURES
from sracl_core.studies.table import Spread, Table
from sracl_core.words import counted

CHANCE = 0.05
PUBLISHED_SHOWN = 8
"""Of each mask, where a person reads; data holds all."""
MARK = "†"
"""Behind the name of a row of another protocol; `remarks` says which."""


def columns(table: Table) -> list[str]:
    """Those of `cells`."""
    gains = [f"{name} vs {table.baseline}" for name in table.tested]
    chances = [f"p {name}" for name in table.tested]
    return ["method", *table.rows[0].test, *gains, *chances, "training seconds", "memory MB", "parameters"]


def cells(table: Table) -> list[list[str]]:
    """Text of every cell; "*" marks a difference whose corrected p-value is below 0.05."""
    found = []
    for row in table.rows:
        paired = row.paired or {}
        gains = [
            f"{100 * paired[name].relative:+.1f}%{'*' if paired[name].p_holm < CHANCE else ''}"
            if name in paired
            else "-"
            for name in table.tested
        ]
        chances = [f"{paired[name].p_holm:.4f}" if name in paired else "-" for name in table.tested]
        size = "-" if row.parameters is None else f"{row.parameters:,}"
        metrics = [_shown(spread) for spread in row.test.values()]
        memory = "-" if row.memory is None else f"{row.memory / 1e6:,.0f}"
        name = f"{row.name} {MARK}" if row.differs else row.name
        found.append([name, *metrics, *gains, *chances, f"{row.seconds.mean:.1f}", memory, size])
    return found


def remarks(table: Table) -> list[str]:
    """Lines below: rows that differ or are missing, how settings were chosen, what else must be known."""
    found = [
        f"{MARK} {row.name}: another protocol than {table.baseline}'s ({', '.join(row.differs)}); "
        "not tested, and not to be compared"
        for row in table.rows
        if row.differs
    ]
    found += [f"{name} is left out, as a run of it failed: {reason}" for name, reason in table.failed.items()]
    for name, tuned in table.tuned.items():
        best = tuned["trials"][0] if tuned["trials"] else None
        told = "nothing of it can be searched"
        if best:
            settings = ", ".join(f"{key} {_short(value)}" for key, value in best["settings"].items())
            trials = counted(len(tuned["trials"]), "trial")
            told = f"{tuned['metric']} {best['value']:.4f} on validation, of {trials}: {settings}"
        found.append(f"{name}: {told}")
    return found + table.notes


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _shown(spread: Spread) -> str:
    return f"{spread.mean:.4f}" + ("" if spread.deviation is None else f" ± {spread.deviation:.4f}")


def published_cells(table: Table) -> list[list[str]]:
    """What others published by the same protocol, as `cells`: the first few of each mask."""
    found = []
    for mask in MASKS:
        for row in [one for one in table.published if one["seen_items"] == mask][:PUBLISHED_SHOWN]:
            figures = _figures(row, table)
            measured = ["-" if value is None else f"{value:.4f}" for value in figures.values()]
            empty = ["-"] * (len(columns(table)) - 1 - len(measured))
            found.append([f"{row['model']} (published, {row['grade']})", *measured, *empty])
    return found


def _figures(row: Mapping[str, Any], table: Table) -> dict[str, float | None]:
    """Of a published row, by the names of the table's metrics."""
    named = {f"{row['seen_items']}/{name}": row.get(name) for name in FIGURES}
    return {name: named.get(name) for name in table.rows[0].test}


def markdown(table: Table) -> str:
    """A table of GitHub's Markdown."""
    head = columns(table)
    lines = [head, ["---"] * len(head), *cells(table), *published_cells(table)]
    drawn = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join(drawn + [f"\n{remark}" for remark in remarks(table)])


def as_csv(table: Table) -> str:
    """Numbers unrounded, mean and deviation in columns of their own; "published" tells others' source."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    metrics = list(table.rows[0].test)
    spread = [f"{name} {part}" for name in metrics for part in ("mean", "deviation")]
    tested = [f"{name} {part}" for name in table.tested for part in ("relative", "p", "p_holm")]
    about = ["training seconds", "peak memory bytes", "parameters", "differs in"]
    writer.writerow(["method", *spread, *tested, *about, "published"])
    for row in table.rows:
        numbers = [value for name in metrics for value in (row.test[name].mean, row.test[name].deviation)]
        for name in table.tested:
            test = (row.paired or {}).get(name)
            numbers += [test.relative, test.p_value, test.p_holm] if test else [None] * 3
        differs = ", ".join(row.differs)
        writer.writerow([row.name, *numbers, row.seconds.mean, row.memory, row.parameters, differs, None])
    for other in table.published:
        numbers = [value for mean in _figures(other, table).values() for value in (mean, None)]
        empty = [None] * (len(tested) + len(about))
        writer.writerow([other["model"], *numbers, *empty, f"{other['grade']}: {other['source']}"])
    return out.getvalue().removesuffix("\n")


def latex(table: Table) -> str:
    """A tabular for the booktabs package, and the remarks below it."""
    head, others = columns(table), published_cells(table)
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule", _line(head), r"\midrule"]
    lines += map(_line, cells(table))
    lines += [r"\midrule", *map(_line, others)] if others else []
    below = [rf"\par {{\footnotesize {escaped(remark)}}}" for remark in remarks(table)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", *below])


def escaped(text: str) -> str:
    r"""What LaTeX prints as `text`.

    >>> escaped("50% of a_b & {c}")
    '50\\% of a\\_b \\& \\{c\\}'
    """
    return text.translate(_LATEX)


_LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "_%&#{}$"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"±": r"$\pm$", MARK: r"$\dagger$"}
)


def _line(texts: Sequence[str]) -> str:
    return " & ".join(map(escaped, texts)) + r" \\"


FORMATS: dict[str, Callable[[Table], str]] = {"markdown": markdown, "csv": as_csv, "latex": latex}

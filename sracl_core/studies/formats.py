"""A comparison as cells, and the cells as Markdown, CSV or LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from sracl_core.studies.table import Spread, Table

CHANCE = 0.05
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
    """Lines below the table: rows that differ, how settings were chosen, and what else must be known."""
    found = [
        f"{MARK} {row.name}: another protocol than {table.baseline}'s ({', '.join(row.differs)}); "
        "not tested, and not to be compared"
        for row in table.rows
        if row.differs
    ]
    for name, tuned in table.tuned.items():
        best = tuned["trials"][0] if tuned["trials"] else None
        told = "nothing of it can be searched"
        if best:
            settings = ", ".join(f"{key} {_short(value)}" for key, value in best["settings"].items())
            told = f"{tuned['metric']} {best['value']:.4f} on validation, of {len(tuned['trials'])} trials: "
            told += settings
        found.append(f"{name}: {told}")
    return found + table.notes


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _shown(spread: Spread) -> str:
    return f"{spread.mean:.4f}" + ("" if spread.deviation is None else f" ± {spread.deviation:.4f}")


def markdown(table: Table) -> str:
    """A table of GitHub's Markdown."""
    head = columns(table)
    lines = [head, ["---"] * len(head), *cells(table)]
    drawn = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join(drawn + [f"\n{remark}" for remark in remarks(table)])


def as_csv(table: Table) -> str:
    """Numbers unrounded, mean and deviation in columns of their own."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    metrics = list(table.rows[0].test)
    spread = [f"{name} {part}" for name in metrics for part in ("mean", "deviation")]
    tested = [f"{name} {part}" for name in table.tested for part in ("relative", "p", "p_holm")]
    writer.writerow(
        ["method", *spread, *tested, "training seconds", "peak memory bytes", "parameters", "differs in"]
    )
    for row in table.rows:
        numbers = [value for name in metrics for value in (row.test[name].mean, row.test[name].deviation)]
        for name in table.tested:
            test = (row.paired or {}).get(name)
            numbers += [test.relative, test.p_value, test.p_holm] if test else [None] * 3
        differs = ", ".join(row.differs)
        writer.writerow([row.name, *numbers, row.seconds.mean, row.memory, row.parameters, differs])
    return out.getvalue().removesuffix("\n")


def latex(table: Table) -> str:
    """A tabular for the booktabs package."""
    head = columns(table)
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule", _line(head), r"\midrule"]
    return "\n".join([*lines, *map(_line, cells(table)), r"\bottomrule", r"\end{tabular}"])


def _line(texts: Sequence[str]) -> str:
    escaped = (
        text.replace("\\", r"\textbackslash ")
        .replace("_", r"\_")
        .replace("%", r"\%")
        .replace("&", r"\&")
        .replace("#", r"\#")
        .replace("±", r"$\pm$")
        .replace(MARK, r"$\dagger$")
        for text in texts
    )
    return " & ".join(escaped) + r" \\"


FORMATS: dict[str, Callable[[Table], str]] = {"markdown": markdown, "csv": as_csv, "latex": latex}

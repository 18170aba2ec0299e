"""A comparison as Markdown, CSV, LaTeX and JSON, each read back by what reads it."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import polars as pl
import pytest

from sracl_core.studies import table as tables
from sracl_core.studies.formats import PUBLISHED_SHOWN, as_csv, columns, escaped, latex, markdown
from sracl_core.studies.table import Row, Spread, Table

ODD = r'a_b & 50% #1 {c} $d$ e~f^g \h|i, "j"'
METRICS = [f"{mask}/{name}" for mask in ("unmasked", "masked") for name in ("HR@20", "MRR@20", "NDCG@20")]


def row(name: str, deviation: float | None, paired: dict[str, Any] | None, differs: list[str]) -> Row:
    test = {metric: Spread(0.125 + at / 7, deviation) for at, metric in enumerate(METRICS)}
    return Row(name, [name], test, test, [3], Spread(61.25, None), 2_500_000, 12_345, paired, differs)


@pytest.fixture
def table() -> Table:
    tested = ["masked/NDCG@20"]
    paired = {tested[0]: tables.Tested(0.01, 0.034, 0.0004, 0.0008, 22_363)}
    rows = [row("plain", 0.001, None, []), row(ODD, None, paired, []), row("other", None, None, ["split"])]
    others = [
        {"model": f"Them_{at}", "seen_items": "masked", "NDCG@20": 0.07, "grade": "A", "source": "a, b"}
        for at in range(PUBLISHED_SHOWN + 1)
    ]
    return Table({"name": "shop"}, [], {}, "plain", tested, rows, others, ["50% of it_all"])


def test_csv_is_read_as_numbers_with_others_figures_behind(table: Table) -> None:
    read = pl.read_csv(io.StringIO(as_csv(table)))
    assert read["method"].to_list()[:3] == ["plain", ODD, "other"]
    assert read["masked/NDCG@20 mean"].to_list() == [0.125 + 5 / 7] * 3 + [0.07] * len(table.published)
    assert read["masked/NDCG@20 deviation"].to_list()[:2] == [0.001, None]
    assert read["unmasked/NDCG@20 mean"].to_list()[3:] == [None] * len(table.published), "of the other mask"
    assert read["masked/NDCG@20 p_holm"].to_list()[:3] == [None, 0.0008, None]
    assert read["differs in"].to_list()[:3] == [None, None, "split"]
    assert read["published"].to_list()[2:4] == [None, "A: a, b"]


def test_every_line_of_markdown_has_the_same_cells(table: Table) -> None:
    drawn = [line for line in markdown(table).splitlines() if line.startswith("|")]
    assert len(drawn) == 2 + len(table.rows) + PUBLISHED_SHOWN
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in drawn]
    assert {len(line) for line in cells} == {len(columns(table))}
    assert cells[3][0].strip() == ODD.replace("|", r"\|")
    assert cells[5][0].strip() == "Them_0 (published, A)"
    assert cells[5][columns(table).index("masked/NDCG@20")].strip() == "0.0700"
    assert "† other: another protocol than plain's (split)" in markdown(table)


def test_nothing_of_a_name_is_a_command_to_latex(table: Table) -> None:
    text = latex(table)
    lines = text.splitlines()
    body = [line for line in lines if line.endswith(r"\\")]
    assert len(body) == 1 + len(table.rows) + PUBLISHED_SHOWN
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {len(columns(table)) - 1}
    plain = re.sub(r"\\[_%&#{}$]|\\text\w+\{\}|\$\\(pm|dagger)\$", "", text)
    assert not re.search(r"[_%#$~^]", plain)
    assert plain.count("{") == plain.count("}")
    assert set(re.findall(r"\\[a-z]+", plain)) == {
        r"\begin", r"\end", r"\toprule", r"\midrule", r"\bottomrule", r"\par", r"\footnotesize",
    }  # fmt: skip
    assert [line for line in lines if line.startswith(r"\par")][-1].endswith(r"50\% of it\_all}")
    assert escaped("\\") == r"\textbackslash{}"


def test_json_is_strict(table: Table) -> None:
    held = json.loads(json.dumps(table.to_dict(), allow_nan=False))
    assert [one["name"] for one in held["rows"]] == ["plain", ODD, "other"]

"""The forms of a file of lists: Parquet and CSV a row a recommendation, JSON lines an object a person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from sracl_core.errors import InputError
from sracl_core.files import error_number, move, storage_error

Join = Callable[[list[Path], Path], None]
COLUMNS = {
    "user_id": pl.String,
    "rank": pl.Int32,
    "item_id": pl.String,
    "score": pl.Float32,
    "source": pl.String,
}


def form_of(out: Path) -> Join:
    """How parts become `out`, by its ending. Raises InputError for one that is not known."""
    forms = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json_lines}
    if out.suffix.lower() not in forms:
        raise InputError(f"--out {out} ends in none of {', '.join(forms)}; the ending decides the form")
    return forms[out.suffix.lower()]


def join(parts: list[Path], out: Path, scratch: Path) -> None:
    """Make `out` of the parts, in their order; it takes the place of an earlier file in one move."""
    made = scratch / f"whole{out.suffix.lower()}"
    try:
        form_of(out)(parts, made)
    except Exception as error:
        if error_number(error) is None:
            raise
        raise storage_error(error, out) from error
    move(made, out)


def _scan(parts: list[Path]) -> pl.LazyFrame:
    return pl.concat([pl.scan_parquet(part.absolute(), glob=False) for part in parts])


def _parquet(parts: list[Path], made: Path) -> None:
    _scan(parts).sink_parquet(made.absolute(), compression="zstd", compression_level=1, maintain_order=True)


def _csv(parts: list[Path], made: Path) -> None:
    _scan(parts).sink_csv(made.absolute(), maintain_order=True)


def _json_lines(parts: list[Path], made: Path) -> None:
    with made.open("wb") as stream:
        for part in parts:
            rows = pl.read_parquet(part.absolute(), glob=False)
            lists = rows.group_by("user_id", maintain_order=True).agg(
                pl.col("source").first(), pl.struct("rank", "item_id", "score").alias("items")
            )
            lists.write_ndjson(stream)

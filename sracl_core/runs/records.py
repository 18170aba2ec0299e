"""Which numbers the records of a run hold. Names travel with the records: nobody lists them.

A new loss part, metric or cut-off shows wherever these functions are asked, without being known here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CLOCK = frozenset(
    {"time", "step", "epoch", "elapsed", "seconds", "prefixes_per_second", "learning_rate", "best"}
)
"""What says when and how fast; every other number of a step or an epoch is a loss."""

TOTAL = "loss"
DEFAULT_HEADLINE = "unmasked/NDCG@20"
Metrics = Mapping[str, Mapping[str, float]]


def is_number(value: Any) -> bool:
    """An int or a float, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def loss_names(records: Iterable[Mapping[str, Any]], meta: Mapping[str, Any]) -> list[str]:
    """The loss and its parts, the loss first; the parts as meta.json lists them, then as they were met.

    >>> loss_names([{"event": "epoch", "epoch": 0, "mine": 0.5, "loss": 2.0}], {"parts": ["mine"]})
    ['loss', 'mine']
    """
    met = dict.fromkeys(
        name
        for record in records
        for name, value in record.items()
        if name not in CLOCK and (is_number(value) or (value is None and name in _listed(meta)))
    )
    return [name for name in dict.fromkeys([TOTAL, *_listed(meta), *met]) if name in met]


def _listed(meta: Mapping[str, Any]) -> Sequence[str]:
    return meta.get("parts") or ()


def epoch_rows(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The epochs of a run as flat rows, their metrics as "masked/NDCG@20"."""
    rows = []
    for record in records:
        row = {key: value for key, value in record.items() if key not in ("event", "valid", "non_finite")}
        for mask, metrics in (record.get("valid") or {}).items():
            row |= {f"{mask}/{name}": value for name, value in metrics.items()}
        rows.append(row)
    return rows


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """`rows` as CSV, with a column for each name that one of them has; "" for no rows."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(
            text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def headline_of(meta: Mapping[str, Any]) -> str:
    """The metric that chooses a run's best epoch, such as "unmasked/NDCG@20".

    Runs from before meta.json had it say it in their protocol.
    """
    said = meta.get("headline")
    if isinstance(said, str) and "/" in said:
        return said
    protocol = meta.get("protocol")
    chosen = protocol.get("chosen_by") if isinstance(protocol, Mapping) else None
    if isinstance(chosen, str) and chosen.startswith("validation ") and "/" in chosen:
        return chosen.removeprefix("validation ")
    return DEFAULT_HEADLINE


def headline_name(headline: str) -> str:
    """As a person reads it.

    >>> headline_name("unmasked/NDCG@20"), headline_name("masked/HR@5")
    ('NDCG@20', 'masked HR@5')
    """
    return headline.removeprefix("unmasked/").replace("/", " ", 1)


def at_largest(names: Iterable[str]) -> list[str]:
    """Those of the metrics at their largest cut-off, once each; what has none is passed over.

    >>> at_largest(["HR@5", "NDCG@5", "HR@20", "NDCG@20", "HR@20", "mine"])
    ['HR@20', 'NDCG@20']
    """
    cut_offs = {name: int(k) for name in names if (k := name.rpartition("@")[2]).isdecimal()}
    largest = max(cut_offs.values(), default=0)
    return [name for name, k in cut_offs.items() if k == largest]


def metric(metrics: Metrics | None, headline: str) -> float | None:
    """The value of `headline` in {"unmasked": {"NDCG@20": 0.1}}, None where it was not measured."""
    mask, _, name = headline.partition("/")
    return ((metrics or {}).get(mask) or {}).get(name)

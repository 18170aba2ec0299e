"""SRA-CL with one part taken away at a time, as in Table 2 of the paper (arXiv 2503.04162).

A comparison whose rows are changes of one configuration, with the paper's figures beside them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sracl_core.errors import InputError, nearest
from sracl_core.settings.deciding import settings_hash
from sracl_core.settings.known import flatten
from sracl_core.settings.models import MASKS, RunConfig
from sracl_core.settings.validation import validated
from sracl_core.studies.planning import Wanted, seeds_of
from sracl_core.studies.table import Spread, Table

SHOWN = ("HR@20", "NDCG@20")
TESTED = tuple(f"{mask}/{name}" for mask in MASKS for name in SHOWN)


@dataclass(frozen=True)
class Variant:
    """What a variant changes, and the paper's HR@20 and NDCG@20 (unmasked, test) by dataset."""

    name: str
    changes: dict[str, Any]
    paper: dict[str, tuple[float, float]]

    def config(self, base: RunConfig, seed: int) -> RunConfig:
        """`base` with this variant's changes and `seed`."""
        return validated({**flatten(base), **self.changes, "training.seed": seed}, {})


VARIANTS = (
    Variant(
        "full",
        {},
        {
            "yelp": (0.1282, 0.0533),
            "sports": (0.0823, 0.0347),
            "beauty": (0.1314, 0.0568),
            "office": (0.1702, 0.0725),
        },
    ),
    Variant(
        "no_inter",
        {"objectives.sracl.alpha": 0.0},
        {
            "yelp": (0.1203, 0.0504),
            "sports": (0.0780, 0.0315),
            "beauty": (0.1273, 0.0546),
            "office": (0.1621, 0.0691),
        },
    ),
    Variant(
        "no_intra",
        {"objectives.sracl.beta": 0.0},
        {
            "yelp": (0.1228, 0.0519),
            "sports": (0.0795, 0.0332),
            "beauty": (0.1279, 0.0545),
            "office": (0.1619, 0.0689),
        },
    ),
    Variant(
        "mean_synthesizer",
        {"objectives.sracl.synthesizer": "mean"},
        {
            "yelp": (0.1253, 0.0520),
            "sports": (0.0792, 0.0336),
            "beauty": (0.1273, 0.0551),
            "office": (0.1617, 0.0681),
        },
    ),
    Variant(
        "random_neighbors",
        {"retrieval.source": "random"},
        {
            "yelp": (0.1187, 0.0495),
            "sports": (0.0772, 0.0311),
            "beauty": (0.1265, 0.0532),
            "office": (0.1624, 0.0673),
        },
    ),
    Variant(
        "next_item",
        {"objectives.sracl.alpha": 0.0, "objectives.sracl.beta": 0.0},
        {
            "yelp": (0.1101, 0.0473),
            "sports": (0.0745, 0.0296),
            "beauty": (0.1206, 0.0518),
            "office": (0.1476, 0.0599),
        },
    ),
)


def variant_rows(
    names: Sequence[str] | None, base: RunConfig, seeds: Sequence[int]
) -> dict[str, list[Wanted]]:
    """The runs of each variant of `base`, by its name, one a seed; all variants where `names` is None.

    Raises InputError for a name that is none, for variants that are the same here (a part that is off
    cannot be taken away), and where the paper's figures would have none beside them.
    """
    seeds = seeds_of(seeds)
    if 20 not in base.evaluation.ks:
        raise InputError("a study shows HR@20 and NDCG@20, as the paper does: add 20 to evaluation.ks")
    known = {variant.name: variant for variant in VARIANTS}
    for name in names or ():
        if name not in known:
            hint = nearest(name, known) or f"; there are {', '.join(known)}"
            raise InputError(f"there is no variant '{name}'{hint}")
    chosen = [known[name] for name in dict.fromkeys(known if names is None else names)]
    for one, other in itertools.combinations(chosen, 2):
        if settings_hash(one.config(base, 0)) == settings_hash(other.config(base, 0)):
            same = ", ".join(f"{key} {value}" for key, value in {**one.changes, **other.changes}.items())
            raise InputError(
                f"variants {one.name} and {other.name} are the same settings here ({same}): switch that part "
                "on, with objectives.sracl.alpha=0.1 and objectives.sracl.beta=0.1, or leave one of them out"
            )
    return {
        one.name: [Wanted(f"ablate-{one.name}-{seed}", one.config(base, seed)) for seed in seeds]
        for one in chosen
    }


def paper_figures(variant: str, dataset: str) -> dict[str, float] | None:
    """HR@20 and NDCG@20 (unmasked, test) that the paper reports, where its datasets are known by name."""
    paper = next(one.paper for one in VARIANTS if one.name == variant)
    found = next((figures for name, figures in paper.items() if name in dataset.lower()), None)
    return None if found is None else dict(zip(SHOWN, found, strict=True))


def as_study(table: Table) -> list[dict[str, Any]]:
    """The rows of a comparison of variants as JSON has them, with the paper's figures."""
    return [
        {
            "variant": row.name,
            "runs": row.runs,
            "test": _by_mask(row.test),
            "valid": _by_mask(row.valid),
            "training_minutes": row.seconds.mean / 60.0,
            "best_epoch": row.best_epochs,
            "paired": row.paired and {name: asdict(test) for name, test in row.paired.items()},
            "paper": paper_figures(row.name, table.dataset["name"]),
        }
        for row in table.rows
    ]


def _by_mask(metrics: dict[str, Spread]) -> dict[str, dict[str, Any]]:
    return {
        mask: {
            name.removeprefix(f"{mask}/"): asdict(spread)
            for name, spread in metrics.items()
            if name.startswith(f"{mask}/")
        }
        for mask in MASKS
    }

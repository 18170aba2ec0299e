"""How the person wants the charts, and what each key turns it to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sracl_tui.screens.train.curves import SMOOTHINGS, X_AXES, families
from sracl_tui.view_models import RunSnapshot

if TYPE_CHECKING:
    from sracl_tui.preferences import Preferences

USUAL = ("NDCG", "HR")
"""What the empty charts are called before the first epoch says what is measured."""


@dataclass(frozen=True)
class ChartSettings:
    """By the names under which preferences remember them."""

    x_axis: str
    smoothing: int
    log_axis: bool
    masking: str
    metric: str

    @staticmethod
    def of(preferences: Preferences) -> ChartSettings:
        """Those that are remembered."""
        return ChartSettings(**{name: preferences[name] for name in ChartSettings.__dataclass_fields__})

    def next(self, name: str, run: RunSnapshot | None) -> Any:
        """What `name` is to be after it was turned once more; of metrics, what `run` has."""
        match name:
            case "x_axis":
                return after(self.x_axis, X_AXES)
            case "smoothing":
                return after(self.smoothing, SMOOTHINGS)
            case "masking":
                return "unmasked" if self.masking == "masked" else "masked"
            case "metric":
                if run is None:
                    return self.metric
                return after(shown_families(run, self)[1], families(run, self.masking)[1:] or USUAL[1:])
            case _:
                return not self.log_axis


def after(now: Any, choices: Sequence[Any]) -> Any:
    """The choice after `now`, round and round.

    >>> after(3, (1, 3, 9)), after(9, (1, 3, 9)), after(7, (1, 3, 9))
    (9, 1, 1)
    """
    return choices[(choices.index(now) + 1) % len(choices)] if now in choices else choices[0]


def shown_families(run: RunSnapshot, how: ChartSettings) -> tuple[str, str]:
    """The metric that chooses the best epoch, and the other one that the person wants to see beside it."""
    met = families(run, how.masking) or list(USUAL)
    others = met[1:] or met
    return met[0], how.metric if how.metric in others else others[0]

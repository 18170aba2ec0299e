"""The map of the items: a window on the plane as braille cells, colored by an attribute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from sracl_core.errors import InputError
from sracl_core.explorer.item_answers import Group, ItemMap, Layout, NearbyItems, Placed, Space
from sracl_core.explorer.item_layout import Plane, principal_plane
from sracl_core.explorer.item_space import ItemSpace
from sracl_core.explorer.umap_layout import UmapLayout
from sracl_core.rules.catalogue import PATH

MOST_CELLS = 1000
"""Columns and rows of a window at most."""
COLORS = 12
"""Groups with a color of their own; the rest is one."""
REST = "other"
MOST_VALUES = 200
"""A column with more values than this colors nothing that an eye could tell apart."""
CATEGORIES = ("categories", "category", "genres", "genre", "kind")
ALIKE = 0.9
"""A step of a category that so many items share says too little."""
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""The bit of each dot of a braille character, by row and column."""

Window = tuple[float, float, float, float]


class ItemMaps:
    """Windows on a run's items, N of them; a plane and a coloring are worked out once."""

    def __init__(self, space: ItemSpace) -> None:
        self.space = space
        self.principal = lru_cache(maxsize=4)(self._principal)
        self.umap = lru_cache(maxsize=4)(self._umap)
        self.groups = lru_cache(maxsize=4)(self._groups)

    def _principal(self, space: Space) -> Plane:
        return principal_plane(self.space.vectors(space))

    def _umap(self, space: Space) -> UmapLayout:
        return UmapLayout(self.space.vectors(space))

    def plane(self, space: Space, layout: Layout, wait: bool = True) -> Plane:
        """Every item in the plane. Without `wait` raises NotReady while UMAP lays them out."""
        return Plane(self.umap(space).result(wait), None) if layout == "umap" else self.principal(space)

    def whole(self, plane: Plane) -> Window:
        """The window that holds every item, and a little room around."""
        low, high = plane.xy.min(axis=0), plane.xy.max(axis=0)
        room = np.maximum((high - low) * 0.02, 1e-6)
        (left, bottom), (right, top) = (low - room).tolist(), (high + room).tolist()
        return left, right, bottom, top

    @cached_property
    def columns(self) -> list[str]:
        """Attributes by which one may color, the category first."""
        known = self.space.loaded.catalogue.columns
        fit = [name for name, cells in known.items() if name not in ("item_id", "title") and _colors(cells)]
        return sorted(fit, key=lambda name: name.lower() not in CATEGORIES)

    def _color(self, color: str | None) -> str | None:
        """The attribute to color by; None stands for the first, "" for none."""
        return next(iter(self.columns), None) if color is None else color or None

    def _groups(self, color: str | None) -> tuple[list[tuple[str, int]], NDArray[np.int64]]:
        """(name, items) of each group, and the group of each item, int64 [N]."""
        catalogue = self.space.loaded.catalogue
        if color is None:
            return [("items", len(catalogue))], np.zeros(len(catalogue), dtype=np.int64)
        names = _steps(catalogue.column(color))
        counts = Counter(names)
        often = counts.most_common()
        if len(often) > COLORS:
            kept = often[: COLORS - 1]
            often = [*kept, (REST, len(names) - sum(count for _, count in kept))]
        places = {name: at for at, (name, _) in enumerate(often)}
        rest = len(often) - 1
        return often, np.array([places.get(name, rest) for name in names], dtype=np.int64)

    def window(
        self,
        space: Space,
        layout: Layout,
        columns: int,
        rows: int,
        window: Window | None,
        color: str | None,
        only: str | None,
        places_of: Sequence[int],
        wait: bool,
    ) -> ItemMap:
        """`window` (None is the whole) in `columns` times `rows` cells of a terminal.

        color: an attribute, "" for none, None for the first of `columns`. only: the one group that is drawn.
        wait: see `plane`.
        """
        if not (1 <= columns <= MOST_CELLS and 1 <= rows <= MOST_CELLS):
            raise InputError(f"a map of {columns} x {rows} cells is not one of 1 to {MOST_CELLS}")
        plane = self.plane(space, layout, wait)
        window = self.whole(plane) if window is None else _checked(window)
        color = self._color(color)
        groups, group = self.groups(color)
        x, y = _dots(plane.xy, window, 2 * columns, 4 * rows)
        inside = (x >= 0) & (x < 2 * columns) & (y >= 0) & (y < 4 * rows)
        shown = np.bincount(group[inside], minlength=len(groups))
        if only is not None:
            names = [name for name, _ in groups]
            if only not in names:
                raise InputError(f"the map has no group '{only}'; there is {', '.join(names)}")
            inside &= group == names.index(only)
        at = np.flatnonzero(inside)
        return ItemMap(
            space=space,
            layout=layout,
            explained=plane.explained,
            window=window,
            cells=_cells(x[at], y[at], group[at], columns, len(groups)),
            shown=len(at),
            items=len(plane.xy),
            color=color,
            columns=self.columns,
            groups=[Group(name, count, int(shown[place])) for place, (name, count) in enumerate(groups)],
            places=[self._placed(plane, color, index - 1) for index in places_of],
        )

    def near(
        self,
        space: Space,
        layout: Layout,
        spot: tuple[float, float],
        extent: tuple[float, float],
        k: int,
        color: str | None,
        only: str | None,
    ) -> NearbyItems:
        """The `k` items nearest to `spot`, where a window of width and height `extent` is as wide as high."""
        if min(extent) <= 0 or not np.isfinite([*spot, *extent]).all():
            raise InputError(f"no spot at {list(spot)} of a window of {list(extent)}")
        plane = self.plane(space, layout)
        distance = np.square((plane.xy - np.array(spot)) / np.array(extent)).sum(axis=1)
        color = self._color(color)
        if only is not None:
            groups, group = self.groups(color)
            distance[group != next((at for at, (name, _) in enumerate(groups) if name == only), -1)] = np.inf
        k = min(k, len(distance))
        rows = np.argpartition(distance, k - 1)[:k]
        rows = rows[np.isfinite(distance[rows])]
        rows = rows[np.lexsort((rows, distance[rows]))]
        return NearbyItems([self._placed(plane, color, int(row)) for row in rows])

    def _placed(self, plane: Plane, color: str | None, row: int) -> Placed:
        named = self.space.loaded.item(row + 1)
        cell = self.space.loaded.catalogue.column(color)[row] if color else None
        return Placed(
            named.item, named.title, float(plane.xy[row, 0]), float(plane.xy[row, 1]), (cell or "").strip()
        )


def _checked(window: Window) -> Window:
    left, right, bottom, top = window
    if not (np.isfinite(window).all() and left < right and bottom < top):
        raise InputError(f"the window {list(window)} is not left < right, bottom < top")
    return window


def _dots(
    xy: NDArray[np.float32], window: Window, width: int, height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The dot of each item, columns and rows from the left and the top; outside of the window any other."""
    left, right, bottom, top = window
    x = np.floor((xy[:, 0].astype(np.float64) - left) / (right - left) * width)
    y = np.floor((top - xy[:, 1].astype(np.float64)) / (top - bottom) * height)
    return np.clip(x, -1, width).astype(np.int64), np.clip(y, -1, height).astype(np.int64)


def _cells(
    x: NDArray[np.int64], y: NDArray[np.int64], group: NDArray[np.int64], columns: int, groups: int
) -> list[tuple[int, int, int, int, int]]:
    cell = y // 4 * columns + x // 2
    held, place, counts = np.unique(cell, return_inverse=True, return_counts=True)
    dots = np.zeros(len(held), dtype=np.int64)
    np.bitwise_or.at(dots, place, _DOTS[y % 4, x % 2])
    most = np.bincount(place * groups + group, minlength=len(held) * groups)
    most = most.reshape(-1, groups).argmax(axis=1)
    row, column = np.divmod(held, columns)
    told = (column.tolist(), row.tolist(), dots.tolist(), most.tolist(), counts.tolist())
    return list(zip(*told, strict=True))


def _colors(cells: Sequence[str | None]) -> bool:
    """Whether a column's values are few and shared, so that a color says something."""
    values = {step for step in _steps(cells) if step}
    if all(_is_number(value) for value in values):
        return False
    return 1 < len(values) <= min(MOST_VALUES, max(2, len(cells) // 2))


def _steps(cells: Sequence[str | None]) -> list[str]:
    """What of each cell tells items apart: of "A > B > C" the first step that most items do not share."""
    split = [cell.strip().split(PATH) if cell else [] for cell in cells]
    depth = max((len(steps) for steps in split), default=0)
    at = 0
    for at in range(depth):
        counts = Counter(steps[at] for steps in split if len(steps) > at)
        if counts and counts.most_common(1)[0][1] < ALIKE * len(cells):
            break
    return [steps[min(at, len(steps) - 1)].strip() if steps else "" for steps in split]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

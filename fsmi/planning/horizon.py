"""Receding horizon: the information of whole paths, what two views share counted once."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel
from fsmi.planning.tour import cover
from fsmi.planning.views import Views

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Cells = npt.NDArray[np.int32]

VIEWS = 14  # views that paths are made of
ON_THE_WAY = 1.0  # distance [m] between the looks taken while driving to the first view
PATIENCE = 10.0  # distance [m] after which a bit is worth 1 / e of a bit here


@kernel
def _take(
    taken: npt.NDArray[np.uint8], cells: Cells, first: int, last: int,
    worth: npt.NDArray[np.float32],
) -> float:  # fmt: skip
    """Mark cells[first:last] as seen once more; what those seen for the first time are worth."""
    total = 0.0
    for k in range(first, last):
        at = cells[k]
        if taken[at] == 0:
            total += float(worth[at])
        taken[at] += 1
    return total


@kernel
def _put_back(taken: npt.NDArray[np.uint8], cells: Cells, first: int, last: int) -> None:
    for k in range(first, last):
        taken[cells[k]] -= 1


@kernel
def _best_paths(
    starts: Index, cells: Cells, way: Index, way_cells: Cells,
    worth: npt.NDArray[np.float32], distance: Array, stop: float, patience: float, out: Array,
) -> None:  # fmt: skip
    """out[a]: the most discounted bits of a path over up to three views that begins with a.

    `distance` is between the robot (0) and the views (1..n); every path of three is tried.
    """
    n = out.shape[0]
    taken = np.zeros(worth.shape[0], dtype=np.uint8)
    for a in range(n):
        at_a = distance[0, a + 1] + stop
        gained = _take(taken, way_cells, way[a], way[a + 1], worth)
        gained += _take(taken, cells, starts[a], starts[a + 1], worth)
        first = gained * math.exp(-at_a / patience)
        best = first
        for b in range(n):
            if b == a:
                continue
            at_b = at_a + distance[a + 1, b + 1] + stop
            two = first + math.exp(-at_b / patience) * _take(
                taken, cells, starts[b], starts[b + 1], worth
            )
            best = max(best, two)
            for c in range(n):
                if c in (a, b):
                    continue
                at_c = at_b + distance[b + 1, c + 1] + stop
                more = _take(taken, cells, starts[c], starts[c + 1], worth)
                best = max(best, two + more * math.exp(-at_c / patience))
                _put_back(taken, cells, starts[c], starts[c + 1])
            _put_back(taken, cells, starts[b], starts[b + 1])
        _put_back(taken, cells, starts[a], starts[a + 1])
        _put_back(taken, way_cells, way[a], way[a + 1])
        out[a] = best


def looks_on(path: npt.ArrayLike, spacing: float) -> Array:
    """Poses (k, 3) every `spacing` [m] along a path (n, 3), without its ends, facing along it."""
    points = np.asarray(path, dtype=np.float64)
    steps = np.diff(points[:, :2], axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    driven = np.concatenate(([0.0], np.cumsum(lengths)))
    at = np.arange(spacing, driven[-1] - 0.5 * spacing, spacing)
    leg = np.clip(np.searchsorted(driven, at, side="right") - 1, 0, max(0, len(lengths) - 1))
    out = np.empty((len(at), 3))
    out[:, 0] = np.interp(at, driven, points[:, 0])
    out[:, 1] = np.interp(at, driven, points[:, 1])
    if len(at):
        out[:, 2] = np.arctan2(steps[leg, 1], steps[leg, 0])
    return out


def _seen_on_the_way(views: Views, chosen: npt.NDArray[np.int64]) -> tuple[Index, Cells]:
    """Cells probably seen while driving to each chosen view: view k sees cells[way[k]:way[k+1]]."""
    paths = []
    for pose in views.poses[chosen]:
        i, j = (int(v) for v in views.field.grid.world_to_cell(pose[:2]))
        paths.append(looks_on(views.field.path_to((i, j), float(pose[2])), ON_THE_WAY))
    ends = np.cumsum([0, *map(len, paths)])
    starts, cells = views.sight.likely(np.concatenate(paths))
    return starts[ends], cells


def path_information(views: Views, *, stop: float) -> tuple[npt.NDArray[np.int64], Array]:
    """Views worth beginning a path with, and the discounted information of the best one [bit].

    Up to `VIEWS` views that together see what can be seen; paths go to one, two or three of them.
    A cell counts once along a path: where it is first seen, on the way to the first view or at a
    view. A bit behind d metres of path counts exp(-d / PATIENCE); `stop` [m] is added at a view.
    """
    chosen, _ = cover(views, VIEWS)
    if len(chosen) == 0:
        return chosen, np.empty(0)
    places = np.vstack((np.array(views.field.start[:2]), views.poses[chosen, :2]))
    distance = views.roadmap.between(places)
    distance[0, 1:] = distance[1:, 0] = views.cost[chosen]
    starts, cells = views.sight.likely(views.poses[chosen])
    way, way_cells = _seen_on_the_way(views, chosen)
    out = np.empty(len(chosen))
    worth = views.sight.worth.ravel()
    _best_paths(starts, cells, way, way_cells, worth, distance, stop, PATIENCE, out)
    return chosen, out

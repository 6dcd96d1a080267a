"""A sampled roadmap through free space: places, straight ways between them, shortest paths."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from fsmi._jit import kernel
from fsmi.planning.space3d import Mask, Space
from fsmi.raycast import trace_3d

Array = npt.NDArray[np.float64]
NEIGHBOURS = 16  # ways tried from each place
REACH = 3.0  # longest way, in spacings


@kernel
def _clear_ways(
    starts: Array, ends: Array, room: npt.NDArray[np.bool_], out: npt.NDArray[np.bool_]
) -> None:
    """Whether each straight way (n, 3) -> (n, 3) [voxels] stays in `room` (z, y, x)."""
    shape = np.array(room.shape)
    flat = np.empty(shape.sum() + 5, dtype=np.uintp)
    edges = np.empty(flat.size + 1)
    inside, ray = room.ravel(), np.empty(3)
    for m in range(starts.shape[0]):
        length = 0.0
        for a in range(3):
            ray[a] = ends[m, a] - starts[m, a]
            length += ray[a] * ray[a]
        length = math.sqrt(length)
        if length == 0.0:
            out[m] = True
            continue
        for a in range(3):
            ray[a] /= length
        n = trace_3d(starts[m], ray, length, shape, flat, edges)
        out[m] = n > 0 and edges[n] >= length - 1e-6
        for k in range(n):
            if not inside[flat[k]]:
                out[m] = False
                break


def clear_ways(space: Space, room: Mask, starts: npt.ArrayLike, ends: npt.ArrayLike) -> Mask:
    """Whether a body can go straight from each start (n, 3) to its end (n, 3) [m]; bool (n,)."""
    low = np.array(space.belief.bounds[:3])
    a, b = (
        np.ascontiguousarray((np.asarray(p, dtype=np.float64) - low) / space.belief.resolution)
        for p in (starts, ends)
    )
    out = np.empty(len(a), dtype=np.bool_)
    _clear_ways(a, b, np.ascontiguousarray(room), out)
    return out


@final
@dataclass(frozen=True)
class Ways:
    """Shortest paths from one place to all others on a roadmap.

    Attributes
    ----------
    places : array (n, 3)
        [m]; place 0 is where the paths begin.
    distance : array (n,)
        [m]; inf where no path leads.
    before : array (n,)
        The place before each one on its path.
    """

    places: Array
    distance: Array
    before: npt.NDArray[np.int32]

    def path_to(self, place: int) -> Array:
        """The places (m, 3) [m] on the way to a place that can be reached, both ends included."""
        if not math.isfinite(self.distance[place]):
            raise ValueError(f"place {place} can't be reached")
        order = [place]
        while order[-1] != 0:
            order.append(int(self.before[order[-1]]))
        return self.places[order[::-1]]

    def __repr__(self) -> str:
        return f"Ways({int(np.isfinite(self.distance).sum())} of {len(self.places)} places)"


def _neighbours(places: Array, reach: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The pairs (first < second) of places that are near neighbours, each once."""
    k = min(NEIGHBOURS + 1, len(places))
    found = cKDTree(places).query(places, k=k, distance_upper_bound=reach)
    near = np.asarray(found[1]).reshape(len(places), k)
    rows, columns = np.repeat(np.arange(len(places)), k), near.ravel()
    pairs = (columns < len(places)) & (columns != rows)
    first, second = np.minimum(rows, columns)[pairs], np.maximum(rows, columns)[pairs]
    _, once = np.unique(first * np.int64(len(places)) + second, return_index=True)
    return first[once], second[once]


@final
class Roadmap3D:
    """Places sampled in free space, kept from plan to plan as long as they stay free.

    Parameters
    ----------
    spacing : float
        Places keep this distance [m] from each other.
    max_places : int
        No more are sampled than that.
    rng : Generator, int or None
        Source of the samples.
    """

    def __init__(
        self,
        spacing: float,
        *,
        max_places: int = 2000,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        if not (math.isfinite(spacing) and spacing > 0.0):
            raise ValueError(f"spacing is {spacing}; need a positive number of metres")
        self.spacing, self.max_places = float(spacing), int(max_places)
        self.places: Array = np.empty((0, 3))
        self._rng = np.random.default_rng(rng)

    def refresh(self, space: Space, room: Mask, *, tries: int = 4000) -> None:
        """Forget the places that are no longer in `room`, sample new ones where there are none."""
        self.places = self.places[space.within(room, self.places)]
        cells = np.flatnonzero(room)
        if not cells.size or len(self.places) >= self.max_places:
            return
        picks = self._rng.choice(cells, size=min(tries, cells.size), replace=False)
        points = space.centre_of(np.stack(np.unravel_index(picks, room.shape), axis=-1))
        if len(self.places):
            gaps, _ = cKDTree(self.places).query(points)
            points = points[gaps >= self.spacing]
        self._thin_in(points)

    def _thin_in(self, points: Array) -> None:
        """Add those of the points that keep their distance from all added before them."""
        if not len(points):
            return
        near = cKDTree(points).query_ball_point(points, self.spacing * (1.0 - 1e-9))
        taken = np.zeros(len(points), dtype=np.bool_)
        for m in range(len(points)):
            taken[m] = not taken[near[m]].any()
        kept = points[taken][: self.max_places - len(self.places)]
        self.places = np.vstack((self.places, kept))

    def ways_from(self, space: Space, room: Mask, point: npt.ArrayLike) -> Ways:
        """Shortest paths from a point [m] along clear ways between neighbouring places."""
        places = np.vstack((np.asarray(point, dtype=np.float64)[None], self.places))
        if len(places) == 1:
            return Ways(places, np.zeros(1), np.full(1, -9999, dtype=np.int32))
        first, second = _neighbours(places, REACH * self.spacing)
        clear = clear_ways(space, room, places[first], places[second])
        first, second = first[clear], second[clear]
        lengths = np.linalg.norm(places[first] - places[second], axis=1)
        graph = coo_array((lengths, (first, second)), shape=(len(places),) * 2).tocsr()
        distance, before = dijkstra(graph, directed=False, indices=[0], return_predecessors=True)
        return Ways(places, distance[0], before[0])

    def __repr__(self) -> str:
        return f"Roadmap3D({len(self.places)} places, {self.spacing:g} m apart)"

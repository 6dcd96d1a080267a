"""Candidates: places to look from, with what they cost and what a scan there is worth."""

from __future__ import annotations

import math
from functools import cached_property
from typing import final

import numpy as np
import numpy.typing as npt

from fsmi.planning.frontier import Viewpoints
from fsmi.planning.gains import GAINS
from fsmi.planning.paths import DistanceField
from fsmi.planning.plan import Pose
from fsmi.planning.roadmap import Roadmap
from fsmi.planning.sight import Sight

Array = npt.NDArray[np.float64]
HEADINGS = 8  # directions tried for a sensor that does not see all around


@final
class Views:
    """Candidates as columns, all (n,); what only some strategies need is computed when asked for.

    Attributes
    ----------
    poses : array (n, 3)
        Each with its best heading [m, m, rad].
    cost : array (n,)
        Length of the path to each [m].
    information : array (n,)
        Of a scan there, each cell counted once [bit].
    gain : array (n,)
        What the strategy counts in place of it, by default the same.
    frontier : array (n,)
        Length of the frontier it was chosen for [m], 0 for a viewpoint of the lattice.
    least : float
        Information that makes a view worth a scan [bit].
    goal : int
        Which of them the robot is driving to, -1 if none.
    """

    def __init__(
        self,
        sight: Sight,
        field: DistanceField,
        poses: Array,
        cost: Array,
        information: Array,
        gain: Array,
        frontier: Array,
        *,
        least: float = 0.0,
        goal: int = -1,
    ) -> None:
        self.sight, self.field, self.poses = sight, field, poses
        self.cost, self.information, self.gain, self.frontier = cost, information, gain, frontier
        self.least, self.goal = least, goal

    def __len__(self) -> int:
        return len(self.cost)

    def take(self, rows: npt.NDArray[np.intp]) -> Views:
        """Some of the candidates, in the order of `rows`."""
        where = np.flatnonzero(rows == self.goal)
        return Views(
            self.sight,
            self.field,
            self.poses[rows],
            self.cost[rows],
            self.information[rows],
            self.gain[rows],
            self.frontier[rows],
            least=self.least,
            goal=int(where[0]) if self.goal >= 0 and len(where) else -1,
        )

    @cached_property
    def visible(self) -> Array:
        """Unknown cells (n,) in view of each candidate if all of them were free."""
        return self.sight.count(self.poses)

    @cached_property
    def roadmap(self) -> Roadmap:
        """Distances between any two places that the robot can reach."""
        return Roadmap.of(self.field)

    def __repr__(self) -> str:
        return f"Views({len(self)})"


def candidate_views(
    sight: Sight,
    field: DistanceField,
    points: Viewpoints,
    *,
    gain: str,
    goal: Pose | None,
    limit: int,
    least: float,
) -> Views:
    """The viewpoints and the present goal, the `limit` nearest of them, with their gain."""
    grid = field.grid
    cells, frontier, facing = points.cells, points.frontier, points.facing
    kept = -1
    if goal is not None:  # it stays a candidate as long as it can be reached
        place = grid.world_to_cell(goal[:2])
        inside = bool(((place >= 0) & (place < grid.shape)).all())
        if inside and math.isfinite(float(field.distance[place[0], place[1]])):
            same = np.flatnonzero((cells == place).all(axis=1))
            if len(same):
                kept = int(same[0])
            else:
                kept = len(cells)
                cells = np.vstack((cells, place))
                frontier = np.append(frontier, _size_near(points, place, grid.resolution))
                facing = np.append(facing, goal[2] - grid.origin[2])
    cost = field.distance[cells[:, 0], cells[:, 1]].astype(np.float64)
    order = np.argsort(cost, kind="stable")
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    if kept >= 0 and rank[kept] >= limit:
        order[limit - 1] = kept
    order = order[:limit]
    poses, information = _turned(sight, cells[order], facing[order])
    size = frontier[order].astype(np.float64) * grid.resolution
    gains = information if gain == "joint" else GAINS[gain](sight, poses, size)
    where = np.flatnonzero(order == kept)
    return Views(
        sight, field, poses, cost[order], information, gains, size,
        least=least, goal=int(where[0]) if len(where) else -1,
    )  # fmt: skip


def _turned(sight: Sight, cells: npt.NDArray[np.intp], facing: Array) -> tuple[Array, Array]:
    """Poses (n, 3) at the cells, each with its best heading, and their information (n,)."""
    grid = sight.known.belief
    xy = grid.cell_to_world(cells)
    around = sight.sensor.fov >= 2.0 * math.pi - 1e-9
    turns = np.arange(1 if around else HEADINGS) * (2.0 * math.pi / HEADINGS)
    headings = (facing + grid.origin[2])[:, None] + turns[None, :]
    headings = (headings + math.pi) % (2.0 * math.pi) - math.pi
    n, k = headings.shape
    poses = np.column_stack((np.repeat(xy, k, axis=0), headings.ravel()))
    gains = sight.information(poses).reshape(n, k)
    best = gains.argmax(axis=1) if n else np.zeros(0, dtype=np.intp)
    rows = np.arange(n)
    return np.column_stack((xy, headings[rows, best])), gains[rows, best]


def _size_near(points: Viewpoints, cell: npt.NDArray[np.intp], resolution: float) -> int:
    """Size of the frontier of the viewpoint within half a metre of a cell, 0 if there is none."""
    if len(points.cells) == 0:
        return 0
    gaps = ((points.cells - cell) ** 2).sum(axis=1)
    near = int(gaps.argmin())
    return int(points.frontier[near]) if gaps[near] <= (0.5 / resolution) ** 2 else 0

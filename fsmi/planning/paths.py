"""Where a robot can go and how: inflated obstacles, one distance field a replan, straight paths."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fsmi._jit import kernel
from fsmi.grid import OccupancyGrid
from fsmi.planning.knowledge import Knowledge, Mask
from fsmi.raycast import trace

STRAIGHT, DIAGONAL = 70, 99  # 99 / 70 = 1.41429: integer steps let buckets replace a heap
NARROW = 2  # a step through a cell close to a wall costs this many times more when planning


@kernel
def _inflate(mask: Mask, offsets: npt.NDArray[np.int64], out: Mask) -> None:
    h, w = mask.shape
    for i in range(h):
        for j in range(w):
            if not mask[i, j]:
                continue
            out[i, j] = True
            if (
                0 < i < h - 1
                and 0 < j < w - 1
                and (mask[i - 1, j] and mask[i + 1, j] and mask[i, j - 1] and mask[i, j + 1])
            ):
                continue  # inner cells reach no further than the rim does
            for k in range(offsets.shape[0]):
                a, b = i + offsets[k, 0], j + offsets[k, 1]
                if 0 <= a < h and 0 <= b < w:
                    out[a, b] = True


def inflate(mask: Mask, radius: float) -> Mask:
    """Cells whose centre lies within `radius` [cells] of the centre of a cell of `mask`."""
    # 0.2 / 0.1 may come out a hair below 2: a hair more keeps the robot on the safe side.
    radius += 1e-9
    reach = int(radius)
    side = np.arange(-reach, reach + 1)
    rows, columns = np.meshgrid(side, side, indexing="ij")
    near = rows**2 + columns**2 <= radius**2
    out = np.zeros(mask.shape, dtype=np.bool_)
    _inflate(mask, np.column_stack((rows[near], columns[near])), out)
    return out


@final
@dataclass(frozen=True)
class Traversable:
    """Where the robot's centre may be.

    Attributes
    ----------
    open : bool array (H, W)
        Free cells at which the whole footprint is known to be free, or fitted before.
    weight : uint8 array (H, W)
        How many times longer a step through a cell counts when paths are compared.
    """

    open: Mask
    weight: npt.NDArray[np.uint8]

    def without(
        self, grid: OccupancyGrid, xy: npt.NDArray[np.float64], radius: float
    ) -> Traversable:
        """The same without the cells whose centre is within `radius` [m] of the points (k, 2)."""
        h, w = self.open.shape
        rows, columns = np.arange(h)[:, None], np.arange(w)[None, :]
        points = grid.world_to_grid(np.atleast_2d(xy))
        u, v = points[:, 0], points[:, 1]
        gaps = (columns[..., None] + 0.5 - u) ** 2 + (rows[..., None] + 0.5 - v) ** 2
        near = (gaps <= (radius / grid.resolution) ** 2).any(axis=-1)
        return Traversable(self.open & ~near, self.weight)

    def __repr__(self) -> str:
        return f"Traversable({int(self.open.sum())} of {self.open.size} cells open)"


def traversable(
    known: Knowledge, robot_radius: float, driven: Mask | None = None, *, beside: bool = True
) -> Traversable:
    """Where a disc of `robot_radius` [m] fits: free, clear of walls and of the unknown.

    The cell added to the radius covers half the wall's cell and the robot's offset in its own.
    Where the robot has `driven` (H, W) before, the first half is enough: the second was proved.
    A sensor that does not see what is `beside` the robot needs a cell of distance from the
    unknown as well: the wall that begins there is not seen before it is touched.
    """
    if not (math.isfinite(robot_radius) and robot_radius > 0.0):
        raise ValueError(f"robot_radius is {robot_radius}; need a positive number of metres")
    cells = robot_radius / known.belief.resolution
    unseen = inflate(known.unknown, cells + (0.0 if beside else 1.0))
    blocked = inflate(known.solid, cells + 1.0) | unseen
    open_cells = known.free & ~blocked
    if driven is not None and (driven & known.free & ~open_cells).any():
        open_cells |= driven & known.free & ~inflate(known.solid, cells + 0.5)
    weight = np.where(inflate(known.solid, cells + 3.0), NARROW, 1).astype(np.uint8)
    return Traversable(open_cells, weight)


@kernel
def _field(
    open_cells: Mask,
    weight: npt.NDArray[np.uint8],
    start: int,
    length: npt.NDArray[np.float32],
    parent: npt.NDArray[np.int32],
) -> None:
    """Dial's algorithm: Dijkstra with one doubly linked list for each integer cost.

    Fills, for each cell reached, the length [cells] of the cheapest path and the cell before it.
    """
    h, w = open_cells.shape
    n_buckets = DIAGONAL * NARROW + 1
    cost = np.full(h * w, np.iinfo(np.int32).max, dtype=np.int32)
    head = np.full(n_buckets, -1, dtype=np.int32)
    after = np.empty(h * w, dtype=np.int32)
    before = np.empty(h * w, dtype=np.int32)
    cells, weights = open_cells.ravel(), weight.ravel()
    lengths, parents = length.ravel(), parent.ravel()
    cost[start], lengths[start], head[0] = 0, 0.0, start
    after[start] = before[start] = -1
    waiting, now = 1, 0
    while waiting > 0:
        bucket = now % n_buckets
        at = head[bucket]
        if at < 0:
            now += 1
            continue
        head[bucket] = after[at]
        if after[at] >= 0:
            before[after[at]] = -1
        waiting -= 1
        i, j = at // w, at % w
        for di in range(-1, 2):
            for dj in range(-1, 2):
                a, b = i + di, j + dj
                if (di == 0 and dj == 0) or a < 0 or b < 0 or a >= h or b >= w:
                    continue
                to = a * w + b
                if not cells[to]:
                    continue
                diagonal = di != 0 and dj != 0
                # No corner is cut: both cells beside a diagonal step must be open.
                if diagonal and not (open_cells[i, b] and open_cells[a, j]):
                    continue
                reached = now + (DIAGONAL if diagonal else STRAIGHT) * np.int64(weights[to])
                if reached >= cost[to]:
                    continue
                if parents[to] >= 0:  # waits in a dearer bucket: unlink
                    if before[to] >= 0:
                        after[before[to]] = after[to]
                    else:
                        head[cost[to] % n_buckets] = after[to]
                    if after[to] >= 0:
                        before[after[to]] = before[to]
                else:
                    waiting += 1
                cost[to], parents[to] = reached, at
                lengths[to] = lengths[at] + (1.4142135 if diagonal else 1.0)
                slot = reached % n_buckets
                after[to], before[to] = head[slot], -1
                if head[slot] >= 0:
                    before[head[slot]] = to
                head[slot] = to


@final
@dataclass(frozen=True)
class DistanceField:
    """Cheapest paths from one place to everywhere.

    Attributes
    ----------
    distance : float32 array (H, W)
        Length of the path to each cell [m], inf where there is none.
    parent : int32 array (H, W)
        Flat index of the cell before each cell on its path, -1 at the start and where none.
    passable : bool array (H, W)
        The cells that paths may use: the open ones and those the robot stands on.
    start : (x, y, theta)
        Where the paths begin.
    """

    distance: npt.NDArray[np.float32]
    parent: npt.NDArray[np.int32]
    passable: Mask
    grid: OccupancyGrid
    start: tuple[float, float, float]

    def cells_to(self, cell: tuple[int, int]) -> npt.NDArray[np.intp]:
        """Cells (n, 2) of the path from the start to `cell`; empty if there is none."""
        if not math.isfinite(float(self.distance[cell])):
            return np.empty((0, 2), dtype=np.intp)
        w = self.grid.shape[1]
        parent = self.parent.ravel()
        chain = [int(cell[0]) * w + int(cell[1])]
        while parent[chain[-1]] >= 0:  # parents form a tree: at most one step a cell
            chain.append(int(parent[chain[-1]]))
        return np.column_stack(np.divmod(np.array(chain[::-1], dtype=np.intp), w))

    def path_to(self, cell: tuple[int, int], heading: float) -> npt.NDArray[np.float64]:
        """Poses (n, 3) [m, m, rad] from the start to `cell`, ending with `heading`.

        Waypoints face along the path; straight lines replace every staircase that they can.
        """
        cells = self.cells_to(cell)
        if len(cells) == 0:
            return np.empty((0, 3))
        points = cells[:, ::-1].astype(np.float64) + 0.5
        points[0] = self.grid.world_to_grid(np.array(self.start[:2]))
        kept = _corners(self.passable, points)
        xy = self.grid.cell_to_world(points[kept, ::-1] - 0.5)
        xy[0] = self.start[:2]
        path = np.column_stack((xy, np.zeros(len(xy))))
        if len(xy) > 1:
            steps = np.diff(xy, axis=0)
            path[1:, 2] = np.arctan2(steps[:, 1], steps[:, 0])
        path[0, 2] = self.start[2]
        path[-1, 2] = heading
        return path

    def __repr__(self) -> str:
        return f"DistanceField({int(np.isfinite(self.distance).sum())} cells reached)"


def passable_from(
    known: Knowledge, room: Traversable, pose: tuple[float, float, float], robot_radius: float
) -> Mask:
    """The cells (H, W) that a path may use that begins at `pose`.

    The open ones. A robot that stands where its footprint does not fit (it was put down close to
    a wall, or a wall was seen late) may also use the free cells near it that are no closer to a
    wall than it is now: it can leave, and touches nothing on the way.
    """
    i, j = (int(v) for v in known.belief.world_to_cell(pose[:2]))
    return passable_around(known, room, (i, j), robot_radius)


def passable_around(
    known: Knowledge, room: Traversable, cell: tuple[int, int], robot_radius: float
) -> Mask:
    """`passable_from` for a robot in a given cell; looks no further than the robot is wide."""
    i, j = cell
    passable = room.open.copy()
    if passable[i, j]:
        return passable
    reach = int(robot_radius / known.belief.resolution) + 3
    top, left = max(0, i - reach), max(0, j - reach)
    near = np.s_[top : i + reach + 1, left : j + reach + 1]
    walls = known.solid[near]
    gaps = ndimage.distance_transform_edt(~walls) if walls.any() else np.ones(walls.shape)
    passable[near] |= known.free[near] & (gaps >= gaps[i - top, j - left])
    passable[i, j] = True
    return passable


def lengths_from(passable: Mask, start: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Length [cells] of the cheapest path from `start` to each cell (H, W), inf without one."""
    length = np.full(passable.shape, np.inf, dtype=np.float32)
    parent = np.full(passable.shape, -1, dtype=np.int32)
    weight = np.ones(passable.shape, dtype=np.uint8)
    _field(passable, weight, start[0] * passable.shape[1] + start[1], length, parent)
    return length


def distance_field(
    known: Knowledge, room: Traversable, pose: tuple[float, float, float], *, robot_radius: float
) -> DistanceField:
    """Cheapest paths from `pose` to every cell that a robot of `robot_radius` [m] can reach."""
    grid = known.belief
    i, j = (int(v) for v in grid.world_to_cell(pose[:2]))
    h, w = grid.shape
    passable = passable_from(known, room, pose, robot_radius)
    length = np.full((h, w), np.inf, dtype=np.float32)
    parent = np.full((h, w), -1, dtype=np.int32)
    _field(passable, room.weight, i * w + j, length, parent)
    length *= np.float32(grid.resolution)
    return DistanceField(length, parent, passable, grid, pose)


@kernel
def in_sight(
    passable: Mask, u0: float, v0: float, u1: float, v1: float,
    flat: npt.NDArray[np.uintp], edges: npt.NDArray[np.float64],
) -> bool:  # fmt: skip
    """Whether the straight line between two points (column, row) stays on passable cells."""
    h, w = passable.shape
    du, dv = u1 - u0, v1 - v0
    length = math.hypot(du, dv)
    cells = passable.ravel()
    if length == 0.0:
        return bool(cells[int(v0) * w + int(u0)])
    n = trace(u0, v0, du / length, dv / length, length, h, w, flat, edges)
    for m in range(n):
        if not cells[flat[m]]:
            return False
        # A line through a corner touches two more cells; neither may be a wall.
        a, b = flat[max(m - 1, 0)], flat[m]
        if (
            a // w != b // w
            and a % w != b % w
            and not (cells[a // w * w + b % w] and cells[b // w * w + a % w])
        ):
            return False
    return n > 0


@kernel
def _corners(passable: Mask, points: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Indices of the waypoints left when every point skips ahead as far as it can see."""
    h, w = passable.shape
    flat = np.empty(h + w + 2, dtype=np.uintp)
    edges = np.empty(h + w + 3)
    n = points.shape[0]
    kept = np.empty(n, dtype=np.intp)
    kept[0], count, anchor = 0, 1, 0
    while anchor < n - 1:
        ahead = anchor + 1
        while ahead + 1 < n and in_sight(
            passable, points[anchor, 0], points[anchor, 1],
            points[ahead + 1, 0], points[ahead + 1, 1], flat, edges,
        ):  # fmt: skip
            ahead += 1
        kept[count], count, anchor = ahead, count + 1, ahead
    return kept[:count]


def path_length(path: npt.ArrayLike) -> float:
    """Length [m] of the line through poses or points (n, 2) or (n, 3)."""
    points = np.asarray(path, dtype=np.float64)[:, :2]
    return float(np.hypot(*np.diff(points, axis=0).T).sum()) if len(points) > 1 else 0.0


def is_clear(grid: OccupancyGrid, passable: Mask, path: npt.ArrayLike) -> bool:
    """Whether the straight lines between the points of a path (n, >= 2) [m] stay passable."""
    points = grid.world_to_grid(np.asarray(path, dtype=np.float64)[:, :2])
    h, w = grid.shape
    if not ((points >= 0.0) & (points < (w, h))).all():
        return False
    flat = np.empty(h + w + 2, dtype=np.uintp)
    edges = np.empty(h + w + 3)
    return all(
        in_sight(passable, u0, v0, u1, v1, flat, edges)
        for (u0, v0), (u1, v1) in itertools.pairwise(points.tolist())
    )

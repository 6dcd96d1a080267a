"""Slow, obvious twins of mapping, planning and simulation: one loop a definition."""

from __future__ import annotations

import heapq
import itertools
import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from shapely.geometry import LineString, Point

from fsmi import OccupancyGrid, RangeSensor
from fsmi.sim.worlds import World

SQRT2 = math.sqrt(2.0)


def cells_on_ray(
    grid: OccupancyGrid, x: float, y: float, angle: float, length: float
) -> list[tuple[int, int]]:
    """Cells in order with a chord of positive length, by sorting every crossing of a grid line."""
    c, s = math.cos(angle), math.sin(angle)
    u, v = grid.world_to_grid(np.array((x, y)))
    reach = length / grid.resolution
    yaw = grid.origin[2]
    du, dv = c * math.cos(yaw) + s * math.sin(yaw), s * math.cos(yaw) - c * math.sin(yaw)
    cuts = {0.0, reach}
    h, w = grid.shape
    for position, slope, size in ((u, du, w), (v, dv, h)):
        if abs(slope) > 1e-12:
            cuts |= {(k - position) / slope for k in range(size + 1)}
    ts = sorted(t for t in cuts if 0.0 <= t <= reach)
    cells: list[tuple[int, int]] = []
    for a, b in itertools.pairwise(ts):
        if b - a < 1e-9:
            continue
        m = 0.5 * (a + b)
        i, j = math.floor(v + m * dv), math.floor(u + m * du)
        if not (0 <= i < h and 0 <= j < w):
            break
        cells.append((i, j))
    return cells


def update(
    grid: OccupancyGrid,
    pose: tuple[float, float, float],
    ranges: npt.NDArray[np.float64],
    sensor: RangeSensor,
    angles: npt.NDArray[np.float64],
    limits: tuple[float, float],
) -> npt.NDArray[np.float64]:
    """Occupancy after a scan: sets of hit and crossed cells, then one odds update each."""
    hit, crossed = set(), set()
    for angle, reading in zip(angles, ranges, strict=True):
        if math.isnan(reading) or reading <= 0.0:
            continue
        returned = reading <= sensor.max_range
        length = reading + 1e-6 * grid.resolution if returned else sensor.max_range
        cells = cells_on_ray(grid, pose[0], pose[1], pose[2] + angle, length)
        crossed |= set(cells)
        end = np.array(pose[:2]) + length * np.array(
            (math.cos(pose[2] + angle), math.sin(pose[2] + angle))
        )
        if returned and grid.contains(end) and cells:
            hit.add(cells[-1])
    out = np.array(grid.occupancy, dtype=np.float64)
    for i, j in crossed:
        p = min(max(out[i, j], limits[0]), limits[1])
        odds = p / (1.0 - p) * (sensor.delta_occ if (i, j) in hit else sensor.delta_emp)
        out[i, j] = min(max(odds / (1.0 + odds), limits[0]), limits[1])
    return out


def inflated(mask: npt.NDArray[np.bool_], radius: float) -> npt.NDArray[np.bool_]:
    """Cells within `radius` of a cell of `mask`, by the exact Euclidean distance transform."""
    if not mask.any():
        return mask.copy()
    return np.asarray(ndimage.distance_transform_edt(~mask) <= radius + 1e-9)


def distances(
    passable: npt.NDArray[np.bool_], weight: npt.NDArray[np.uint8], start: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Cheapest cost to each cell by Dijkstra with a heap; steps of 70 and 99, times the weight."""
    h, w = passable.shape
    cost = np.full((h, w), np.inf)
    cost[start] = 0.0
    heap = [(0.0, start)]
    while heap:
        c, (i, j) = heapq.heappop(heap)
        if c > cost[i, j]:
            continue
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                a, b = i + di, j + dj
                if (di, dj) == (0, 0) or not (0 <= a < h and 0 <= b < w) or not passable[a, b]:
                    continue
                if di and dj and not (passable[i, b] and passable[a, j]):
                    continue
                new = c + (99 if di and dj else 70) * int(weight[a, b])
                if new < cost[a, b]:
                    cost[a, b] = new
                    heapq.heappush(heap, (new, (a, b)))
    return cost


def world_ranges(
    world: World, pose: tuple[float, float, float], sensor: RangeSensor
) -> npt.NDArray[np.float64]:
    """Noise-free ranges by intersecting lines with shapely."""
    edges = world.obstacles.boundary
    out = np.full(sensor.n_beams, np.inf)
    for k, angle in enumerate(pose[2] + sensor.angles()):
        tip = (
            pose[0] + sensor.max_range * math.cos(angle),
            pose[1] + sensor.max_range * math.sin(angle),
        )
        met = LineString([pose[:2], tip]).intersection(edges)
        if not met.is_empty:
            out[k] = Point(pose[:2]).distance(met)
    return out

"""What earlier scans taught about single cells: walls that flicker, cells that stay dark."""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.planning.knowledge import FREE_BELOW, Mask, grown
from fsmi.planning.sight import Sight
from fsmi.sensor import RangeSensor

BESIDE = 0.3 * np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])  # [cells]
PATIENCE = 3  # scans that may leave a cell unknown although it was in view


@final
class Memory:
    """Cells that a planner must take for solid although the map does not call them occupied.

    *Flickering walls*: beams that graze a wall from far away cross the cells of its surface and
    clear them, beams from nearby hit them. A cell that was occupied once stays solid while one of
    its neighbours is not free.

    *Dark cells*: the inside of a wall behind a gap in its surface, glass, a shadow between two
    beams. A cell that three scans should have crossed and of which the map still says nothing is
    written off; one whose value moves but does not settle gets as many scans more as the sensor
    needs to make an untouched cell free.

    The opposite of these are *driven cells*: where the centre of the robot was. Walls that noise
    thickens must not close behind it a passage that it came through.

    Parameters
    ----------
    sensor : RangeSensor
    free_below : float
        Probability at which a cell counts as free.
    """

    def __init__(self, sensor: RangeSensor, free_below: float = FREE_BELOW) -> None:
        self._sensor, self._free_below = sensor, free_below
        odds = max(free_below, 1e-3) / (1.0 - free_below)
        self._slow = min(PATIENCE + math.ceil(math.log(odds) / math.log(sensor.delta_emp)), 255)
        self._dark: npt.NDArray[np.uint8] = np.zeros((0, 0), dtype=np.uint8)
        self._walls: Mask = np.zeros((0, 0), dtype=np.bool_)
        self._driven: Mask = np.zeros((0, 0), dtype=np.bool_)
        self._layout: tuple[Any, ...] = ()
        self._cells: npt.NDArray[Any] | None = None

    def opaque(self, grid: OccupancyGrid, window: tuple[slice, slice] = np.s_[:, :]) -> Mask | None:
        """The cells (H, W) to take for solid; None if there is no memory of a map laid out so.

        With a `window` only what lies in it; its outermost cells know nothing of those outside.
        """
        if self._layout != _layout(grid):
            return None
        p, dark = grid.occupancy[window], self._dark[window]
        uncertain = p > self._free_below
        limit = np.where(p == 0.5, PATIENCE, self._slow)
        return np.asarray((self._walls[window] & grown(uncertain)) | (uncertain & (dark >= limit)))

    def driven(self, grid: OccupancyGrid, window: tuple[slice, slice] = np.s_[:, :]) -> Mask | None:
        """The cells (H, W) that the robot's centre crossed; None without a memory of such a map."""
        return self._driven[window] if self._layout == _layout(grid) else None

    def drive(self, grid: OccupancyGrid, xy: npt.NDArray[np.float64]) -> None:
        """Remember that the robot's centre was at the places (n, 2) [m] of the map added last."""
        # Around each, so that no line through a corner of cells is broken.
        points = grid.world_to_grid(xy)[:, None, :] + BESIDE
        j, i = np.floor(points.reshape(-1, 2)).astype(np.intp).T
        h, w = self._driven.shape
        inside = (i >= 0) & (j >= 0) & (i < h) & (j < w)
        self._driven[i[inside], j[inside]] = True

    def add(self, grid: OccupancyGrid, sight: Sight, pose: npt.ArrayLike) -> None:
        """Remember the walls of `grid` and the unknown cells in view of the scan from `pose`.

        The same map twice counts once: no scan lies between. A map with another layout starts
        the memory afresh.
        """
        if self._cells is grid.cells:
            return
        self._cells = grid.cells
        if self._layout != _layout(grid):
            self._dark = np.zeros(grid.shape, dtype=np.uint8)
            self._walls = np.zeros(grid.shape, dtype=np.bool_)
            self._driven = np.zeros(grid.shape, dtype=np.bool_)
            self._layout = _layout(grid)
        self._walls |= sight.known.occupied
        seen = sight.mask(pose)
        self._dark[seen] = np.minimum(self._dark[seen], 254) + 1

    def state(self, grid: OccupancyGrid) -> dict[str, Any]:
        """A copy of what is remembered, for a plan on `grid`."""
        return {
            "dark": self._dark.copy(),
            "walls": self._walls.copy(),
            "driven": self._driven.copy(),
            "layout": self._layout,
            "same_map": self._cells is grid.cells,
        }

    def restore(self, state: dict[str, Any], grid: OccupancyGrid) -> None:
        """Remember what `state` says, `grid` being the map it was made for."""
        self._dark, self._walls, self._driven = state["dark"], state["walls"], state["driven"]
        shape, resolution, origin = state["layout"] or ((), 0.0, ())
        self._layout = (tuple(shape), resolution, tuple(origin)) if shape else ()
        self._cells = grid.cells if state["same_map"] else None

    def __repr__(self) -> str:
        return f"Memory({int(self._walls.sum())} wall cells)"


def _layout(grid: OccupancyGrid) -> tuple[Any, ...]:
    return (grid.shape, grid.resolution, grid.origin)

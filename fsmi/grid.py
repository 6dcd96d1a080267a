"""Occupancy grids in 2-D: cells, coordinates, entropy."""

from __future__ import annotations

import math
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt

ROS_UNKNOWN = -1
# Probability of each ROS value, indexed by value + 1: unknown, 0 %, 1 %, ..., 100 %.
ROS_TABLE: npt.NDArray[np.float32] = np.concatenate(([0.5], np.arange(101) / 100)).astype(
    np.float32
)
ROS_TABLE.flags.writeable = False


def binary_entropy(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Entropy of a cell [bit] with occupancy probability `p`, any shape; 0 at p = 0 and 1."""
    p = np.asarray(p, dtype=np.float64)
    safe = np.clip(p, 1e-300, 1.0)
    rest = np.clip(1.0 - p, 1e-300, 1.0)
    return np.asarray(np.maximum(-(p * np.log2(safe) + (1.0 - p) * np.log2(rest)), 0.0))


def _checked_cells(cells: npt.ArrayLike) -> npt.NDArray[Any]:
    """A read-only view of `cells`: int8 in ROS coding or float32 probabilities; checks both."""
    array = np.asarray(cells)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"occupancy has shape {array.shape}; need a non-empty 2-D array (H, W), row 0 at the"
            " smallest y"
        )
    if array.dtype == np.bool_ or not (
        np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)
    ):
        raise TypeError(
            f"occupancy has dtype {array.dtype}; need floats in [0, 1] or integers in ROS coding"
            " (-1 unknown, 0..100 per cent)"
        )
    if np.issubdtype(array.dtype, np.integer):
        low, high = int(array.min()), int(array.max())
        if low < ROS_UNKNOWN or high > 100:
            bad = low if low < ROS_UNKNOWN else high
            raise ValueError(
                f"integer occupancy holds {bad}; ROS coding allows -1 (unknown) and 0..100"
                " (per cent); pass floats in [0, 1] for probabilities"
            )
        array = array.astype(np.int8, copy=False)
    else:
        least, most = float(array.min()), float(array.max())
        if not (least >= 0.0 and most <= 1.0):
            wrong = least if not least >= 0.0 else most
            raise ValueError(
                f"occupancy holds {wrong}; probabilities must lie in [0, 1] (0.5 is unknown)"
            )
        array = array.astype(np.float32, copy=False)
    view = array.view()
    view.flags.writeable = False
    return view


def _checked_origin(origin: tuple[float, ...]) -> tuple[float, float, float]:
    if len(origin) != 3 or not all(math.isfinite(v) for v in origin):
        raise ValueError(f"origin is {origin}; need three finite numbers (x [m], y [m], yaw [rad])")
    return float(origin[0]), float(origin[1]), float(origin[2])


@final
class OccupancyGrid:
    """A 2-D map of occupancy probabilities.

    Parameters
    ----------
    occupancy : array (H, W)
        Probability that each cell is occupied, floats in [0, 1], 0.5 unknown, row 0 at the
        smallest y. Integers are read in ROS coding: -1 unknown, 0..100 per cent. float32 and
        int8 arrays are kept without a copy (as a read-only view).
    resolution : float
        Side of a cell [m].
    origin : (x, y, yaw)
        Pose of the outer corner of cell (0, 0) in the map frame [m, m, rad].

    Attributes
    ----------
    cells : array (H, W)
        What was given: float32 probabilities or int8 ROS codes, read-only.

    Raises
    ------
    ValueError, TypeError
        If a value lies outside its range; the message names it.
    """

    __slots__ = ("_occupancy", "cells", "origin", "resolution")

    def __init__(
        self,
        occupancy: npt.ArrayLike,
        resolution: float,
        origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        self.cells = _checked_cells(occupancy)
        self.resolution = float(resolution)
        if not (math.isfinite(self.resolution) and self.resolution > 0.0):
            raise ValueError(f"resolution is {resolution}; need a positive number of metres a cell")
        self.origin = _checked_origin(origin)
        self._occupancy: npt.NDArray[np.float32] | None = (
            self.cells if self.cells.dtype == np.float32 else None
        )

    @classmethod
    def unknown(
        cls,
        width: float,
        height: float,
        resolution: float,
        origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
        *,
        prior: float = 0.5,
    ) -> Self:
        """A grid of `width` x `height` [m] in which every cell holds `prior`."""
        for name, value in (("width", width), ("height", height), ("resolution", resolution)):
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} is {value}; need a positive number of metres")
        # 1e-6 of a cell of slack: 10 / 0.05 must be 200 cells, not 201.
        rows, columns = (max(1, math.ceil(v / resolution - 1e-6)) for v in (height, width))
        return cls(np.full((rows, columns), prior, dtype=np.float32), resolution, origin)

    @classmethod
    def from_ros(
        cls,
        data: npt.ArrayLike,
        width: int,
        height: int,
        resolution: float,
        origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Self:
        """A grid from the fields of a nav_msgs/OccupancyGrid: `data` is row-major int8 (H*W,)."""
        flat = np.asarray(data)
        if flat.size != width * height:
            raise ValueError(
                f"data holds {flat.size} cells; width {width} x height {height} need"
                f" {width * height}"
            )
        return cls(flat.reshape(height, width), resolution, origin)

    def to_ros(self) -> npt.NDArray[np.int8]:
        """The cells in ROS coding, row-major int8 (H*W,): exactly 0.5 becomes -1 (unknown)."""
        if self.cells.dtype == np.int8:
            return np.array(self.cells.ravel(), dtype=np.int8)
        percent: npt.NDArray[np.int8] = np.rint(self.occupancy.ravel() * 100.0).astype(np.int8)
        percent[self.occupancy.ravel() == 0.5] = ROS_UNKNOWN
        return percent

    @property
    def occupancy(self) -> npt.NDArray[np.float32]:
        """Probability that each cell is occupied, float32 (H, W), read-only."""
        if self._occupancy is None:
            self._occupancy = ROS_TABLE[self.cells + np.int16(1)]
            self._occupancy.flags.writeable = False
        return self._occupancy

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W): rows (y) and columns (x)."""
        return self.cells.shape[0], self.cells.shape[1]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Smallest axis-aligned box around the map: (x_min, y_min, x_max, y_max) [m]."""
        h, w = self.shape
        corners = self.cell_to_world(
            np.array([[-0.5, -0.5], [-0.5, w - 0.5], [h - 0.5, -0.5], [h - 0.5, w - 0.5]])
        )
        low, high = corners.min(axis=0), corners.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def entropy(self) -> float:
        """Entropy of the map [bit]: the sum over its independent cells."""
        if self.cells.dtype == np.int8:
            counts = np.bincount(self.cells.ravel() + np.int16(1), minlength=102)
            return float(counts @ binary_entropy(ROS_TABLE))
        return float(binary_entropy(self.occupancy).sum())

    def world_to_cell(self, xy: npt.ArrayLike) -> npt.NDArray[np.intp]:
        """Row and column (..., 2) of the cell that holds each point (..., 2) [m].

        Points outside the map get indices outside the array; `contains` tells.
        """
        return np.floor(self.world_to_grid(xy)[..., ::-1]).astype(np.intp)

    def world_to_grid(self, xy: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Continuous (column, row) coordinates (..., 2); cell (i, j) starts at (j, i)."""
        points = np.asarray(xy, dtype=np.float64)
        x0, y0, yaw = self.origin
        dx, dy = points[..., 0] - x0, points[..., 1] - y0
        if yaw:
            c, s = math.cos(yaw), math.sin(yaw)
            dx, dy = c * dx + s * dy, c * dy - s * dx
        return np.stack((dx, dy), axis=-1) / self.resolution

    def cell_to_world(self, ij: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Centre (..., 2) [m] of each cell (..., 2) = (row, column)."""
        cells = np.asarray(ij, dtype=np.float64)
        x0, y0, yaw = self.origin
        u = (cells[..., 1] + 0.5) * self.resolution
        v = (cells[..., 0] + 0.5) * self.resolution
        c, s = math.cos(yaw), math.sin(yaw)
        return np.stack((x0 + c * u - s * v, y0 + s * u + c * v), axis=-1)

    def contains(self, xy: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether each point (..., 2) [m] lies in the map; shape (...)."""
        uv = self.world_to_grid(xy)
        h, w = self.shape
        inside = (uv[..., 0] >= 0) & (uv[..., 0] < w) & (uv[..., 1] >= 0) & (uv[..., 1] < h)
        return np.asarray(inside)

    def __repr__(self) -> str:
        h, w = self.shape
        return f"OccupancyGrid({h} x {w} cells of {self.resolution:g} m, origin {self.origin})"

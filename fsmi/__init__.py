"""Fast Shannon mutual information of range scans on occupancy grids, and exploration with it."""

from __future__ import annotations

from fsmi.grid import OccupancyGrid
from fsmi.sensor import RangeSensor

__all__ = ["OccupancyGrid", "RangeSensor"]

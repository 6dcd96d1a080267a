"""Fast Shannon mutual information of range scans on occupancy grids, and exploration with it.

Public names are loaded on first use (PEP 562), so that `import fsmi` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsmi.grid import OccupancyGrid
    from fsmi.information import monte_carlo_mi, path_mi, scan_mi
    from fsmi.io.map_server import load_map, save_map
    from fsmi.io.octomap import load_octomap, save_octomap
    from fsmi.mapping import update
    from fsmi.measures import MEASURES, beam_mi, run_lengths, runs_mi
    from fsmi.planning.explorer import Explorer
    from fsmi.planning.plan import Plan
    from fsmi.raycast import expected_ranges, simulate_ranges, traverse, traverse_3d
    from fsmi.sensor import RangeSensor
    from fsmi.surface import mi_map
    from fsmi.voxels import VoxelMap

# Public name -> the module that defines it.
_HOME = {
    "Explorer": "fsmi.planning.explorer",
    "MEASURES": "fsmi.measures",
    "OccupancyGrid": "fsmi.grid",
    "Plan": "fsmi.planning.plan",
    "RangeSensor": "fsmi.sensor",
    "VoxelMap": "fsmi.voxels",
    "beam_mi": "fsmi.measures",
    "expected_ranges": "fsmi.raycast",
    "load_map": "fsmi.io.map_server",
    "load_octomap": "fsmi.io.octomap",
    "mi_map": "fsmi.surface",
    "monte_carlo_mi": "fsmi.information",
    "path_mi": "fsmi.information",
    "run_lengths": "fsmi.measures",
    "runs_mi": "fsmi.measures",
    "save_map": "fsmi.io.map_server",
    "save_octomap": "fsmi.io.octomap",
    "scan_mi": "fsmi.information",
    "simulate_ranges": "fsmi.raycast",
    "traverse": "fsmi.raycast",
    "traverse_3d": "fsmi.raycast",
    "update": "fsmi.mapping",
}

__all__ = [
    "MEASURES",
    "Explorer",
    "OccupancyGrid",
    "Plan",
    "RangeSensor",
    "VoxelMap",
    "beam_mi",
    "expected_ranges",
    "load_map",
    "load_octomap",
    "mi_map",
    "monte_carlo_mi",
    "path_mi",
    "run_lengths",
    "runs_mi",
    "save_map",
    "save_octomap",
    "scan_mi",
    "simulate_ranges",
    "traverse",
    "traverse_3d",
    "update",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

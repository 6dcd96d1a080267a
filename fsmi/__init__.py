"""Fast Shannon mutual information of range scans on occupancy grids, and exploration with it.

Public names are loaded on first use (PEP 562), so that `import fsmi` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsmi.continuous import condition_on_view, fcmi_map
    from fsmi.grid import OccupancyGrid
    from fsmi.information import monte_carlo_mi, path_mi, scan_mi
    from fsmi.information3d import path_mi_3d, scan_mi_3d
    from fsmi.io.map_server import load_map, save_map
    from fsmi.io.octomap import load_octomap, save_octomap
    from fsmi.mapping import update
    from fsmi.mapping3d import update_3d
    from fsmi.measures import MEASURES, beam_mi, run_lengths, runs_mi
    from fsmi.planning.explorer import Explorer, replay
    from fsmi.planning.explorer3d import Explorer3D
    from fsmi.planning.plan import Plan
    from fsmi.planning.views3d import Plan3D
    from fsmi.raycast import expected_ranges, simulate_ranges, traverse, traverse_3d
    from fsmi.raycast3d import cast_runs, simulate_ranges_3d
    from fsmi.sensor import RangeSensor
    from fsmi.sensor3d import DepthCamera, SpinningLidar
    from fsmi.surface import mi_map
    from fsmi.tiles import mi_map_tiled, write_mi_map
    from fsmi.voxels import VoxelMap

# Public name -> the module that defines it.
_HOME = {
    "DepthCamera": "fsmi.sensor3d",
    "Explorer": "fsmi.planning.explorer",
    "Explorer3D": "fsmi.planning.explorer3d",
    "MEASURES": "fsmi.measures",
    "OccupancyGrid": "fsmi.grid",
    "Plan": "fsmi.planning.plan",
    "Plan3D": "fsmi.planning.views3d",
    "RangeSensor": "fsmi.sensor",
    "SpinningLidar": "fsmi.sensor3d",
    "VoxelMap": "fsmi.voxels",
    "beam_mi": "fsmi.measures",
    "cast_runs": "fsmi.raycast3d",
    "condition_on_view": "fsmi.continuous",
    "expected_ranges": "fsmi.raycast",
    "fcmi_map": "fsmi.continuous",
    "load_map": "fsmi.io.map_server",
    "load_octomap": "fsmi.io.octomap",
    "mi_map": "fsmi.surface",
    "mi_map_tiled": "fsmi.tiles",
    "monte_carlo_mi": "fsmi.information",
    "path_mi": "fsmi.information",
    "path_mi_3d": "fsmi.information3d",
    "replay": "fsmi.planning.explorer",
    "run_lengths": "fsmi.measures",
    "runs_mi": "fsmi.measures",
    "save_map": "fsmi.io.map_server",
    "save_octomap": "fsmi.io.octomap",
    "scan_mi": "fsmi.information",
    "scan_mi_3d": "fsmi.information3d",
    "simulate_ranges": "fsmi.raycast",
    "simulate_ranges_3d": "fsmi.raycast3d",
    "traverse": "fsmi.raycast",
    "traverse_3d": "fsmi.raycast",
    "update": "fsmi.mapping",
    "update_3d": "fsmi.mapping3d",
    "write_mi_map": "fsmi.tiles",
}

__all__ = [
    "MEASURES",
    "DepthCamera",
    "Explorer",
    "Explorer3D",
    "OccupancyGrid",
    "Plan",
    "Plan3D",
    "RangeSensor",
    "SpinningLidar",
    "VoxelMap",
    "beam_mi",
    "cast_runs",
    "condition_on_view",
    "expected_ranges",
    "fcmi_map",
    "load_map",
    "load_octomap",
    "mi_map",
    "mi_map_tiled",
    "monte_carlo_mi",
    "path_mi",
    "path_mi_3d",
    "replay",
    "run_lengths",
    "runs_mi",
    "save_map",
    "save_octomap",
    "scan_mi",
    "scan_mi_3d",
    "simulate_ranges",
    "simulate_ranges_3d",
    "traverse",
    "traverse_3d",
    "update",
    "update_3d",
    "write_mi_map",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

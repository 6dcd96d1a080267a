"""One map format into another: map_server, GeoJSON worlds, OctoMap, CARMEN logs, arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fsmi.grid import OccupancyGrid
from fsmi.io.atomic import whole_file
from fsmi.io.carmen import LaserScan, read_carmen
from fsmi.io.map_server import load_map, save_map
from fsmi.io.octomap import load_octomap, save_octomap
from fsmi.mapping import update
from fsmi.sensor import RangeSensor
from fsmi.sim.worlds import World, load_world, save_world
from fsmi.voxels import VoxelMap

Progress = Callable[[float, str], None]

MAPS = (".yaml", ".yml")
WORLD_FILES = (".geojson", ".json")
OCTREES = (".bt", ".ot")
LOGS = (".log", ".clf", ".carmen")
ARRAYS = (".npy",)
READABLE = (*MAPS, *WORLD_FILES, *OCTREES, *LOGS)
WRITABLE = (*MAPS, *WORLD_FILES, *OCTREES, *ARRAYS)


def read_any(
    path: str | Path, *, max_range: float = 30.0, resolution: float = 0.1,
    progress: Progress | None = None,
) -> OccupancyGrid | World | VoxelMap:  # fmt: skip
    """What a file holds, by its ending: a grid, a world or voxels. A log is mapped first.

    Parameters
    ----------
    path : path
        Ends in one of ``READABLE``.
    max_range, resolution : float
        For logs: range of the laser and side of a cell [m].
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in READABLE:
        raise ValueError(f"{path} ends in {ending!r}; can read {', '.join(READABLE)}")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    if ending in MAPS:
        return load_map(path)
    if ending in WORLD_FILES:
        return load_world(path)
    if ending in OCTREES:
        return load_octomap(path)
    return map_of_log(path, max_range=max_range, resolution=resolution, progress=progress)


def read_world(path: str | Path, *, start: tuple[float, float, float] | None = None) -> World:
    """The world in a file: a GeoJSON world, or a map whose unknown cells become walls."""
    path = Path(path)
    if path.suffix.lower() in WORLD_FILES and path.is_file():
        return load_world(path, start=start)
    found = read_any(path)
    if isinstance(found, World):
        return found
    if isinstance(found, VoxelMap):
        raise ValueError(f"{path} is three-dimensional; cut a slice first: fsmi convert --slice Z")
    return World.from_grid(found, start)


def map_of_log(
    path: str | Path,
    *,
    max_range: float = 30.0,
    resolution: float = 0.1,
    progress: Progress | None = None,
) -> OccupancyGrid:
    """The map drawn by all the scans of a CARMEN log, at the poses that the log states."""
    scans = list(read_carmen(path))
    if not scans:
        raise ValueError(f"{path} holds no FLASER line")
    ends = np.concatenate([_ends(scan, max_range) for scan in scans])
    low, high = ends.min(axis=0) - 2 * resolution, ends.max(axis=0) + 2 * resolution
    width, height = high - low
    if width * height > 4e8 * resolution**2:
        raise ValueError(f"the log spans {width:.0f} x {height:.0f} m; choose a larger resolution")
    grid = OccupancyGrid.unknown(
        float(width), float(height), resolution, (float(low[0]), float(low[1]), 0.0)
    )
    # The inverse model of a laser scanner: one hit outweighs two misses.
    sensor = RangeSensor(n_beams=1, max_range=max_range, delta_occ=4.0, delta_emp=0.5)
    for k, scan in enumerate(scans):
        fitting = replace(sensor, n_beams=len(scan.ranges))
        grid = update(grid, scan.pose, scan.ranges, fitting, scan.angles)
        if progress is not None and k % 100 == 0:
            progress(k / len(scans), f"scan {k} of {len(scans)}")
    return grid


def _ends(scan: LaserScan, max_range: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Points (n, 2) [m] that the beams of a scan reach, its pose among them."""
    reach = np.clip(np.nan_to_num(scan.ranges, nan=0.0, posinf=max_range), 0.0, max_range)
    angles = scan.pose[2] + scan.angles
    xy = np.column_stack((np.cos(angles), np.sin(angles))) * reach[:, None]
    return np.vstack((np.zeros((1, 2)), xy)) + scan.pose[:2]


def write_any(
    value: OccupancyGrid | World | VoxelMap,
    path: str | Path,
    *,
    resolution: float = 0.1,
    slice_z: float | None = None,
    mode: str = "trinary",
) -> str:
    """Write a grid, a world or voxels in the format of the path's ending; returns what it did.

    Parameters
    ----------
    value : OccupancyGrid, World or VoxelMap
    path : path
        Ends in one of ``WRITABLE``.
    resolution : float
        Side of a cell [m] when a world becomes a grid.
    slice_z : float, optional
        Height [m] at which voxels are cut into a grid.
    mode : str
        Of map_server maps: trinary, scale or raw.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in WRITABLE:
        raise ValueError(f"{path} ends in {ending!r}; can write {', '.join(WRITABLE)}")
    if isinstance(value, VoxelMap) and ending not in OCTREES:
        if slice_z is None:
            raise ValueError(f"voxels become {ending} only as a slice: say --slice Z [m]")
        value = value.slice_at(slice_z)
    if isinstance(value, World) and ending not in WORLD_FILES:
        value = value.truth(resolution)
    if ending in OCTREES:
        if not isinstance(value, VoxelMap):
            raise ValueError(f"{path} needs a three-dimensional map; the input has two dimensions")
        with whole_file(path) as part:
            save_octomap(value, part)
    elif isinstance(value, OccupancyGrid) and ending in MAPS:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_map(value, path, mode=mode, image="png" if mode == "scale" else "pgm")
    elif isinstance(value, OccupancyGrid) and ending in ARRAYS:
        with whole_file(path) as part:
            np.save(part, value.occupancy)
    else:
        world = World.from_grid(value) if isinstance(value, OccupancyGrid) else value
        assert isinstance(world, World)  # voxels were written or cut above
        with whole_file(path) as part:
            save_world(world, part)
        value = world
    return f"{value!r} -> {path}"

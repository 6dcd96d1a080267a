"""A 3-D scan or a depth image into a `VoxelMap`: the 3-D side of `update`."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fsmi import _octree as octree
from fsmi._bricks import brick_grid, bricks_of, room_for_bricks, trace_slots
from fsmi._jit import kernel
from fsmi._lattice import encode, log_limits
from fsmi._runs import rotate, way_out
from fsmi.information3d import brick_window
from fsmi.raycast3d import box_of, room_for_runs, scaled_poses
from fsmi.sensor import BeamModel
from fsmi.sensor3d import DepthCamera, beam_directions
from fsmi.voxels import VoxelMap

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.uint8]
CROSSED, HIT = 1, 2


@kernel
def mark_scan_3d(
    start: Array,
    frame: Array,
    rays: Array,
    ranges: Array,
    max_range: float,
    edge: float,
    box: tuple[Ints, Ints],
    window: tuple[Ints, Ints],
    room: int,
) -> tuple[Marks, Ints]:
    """What one scan says of each voxel, bricks (n, 512) of 0, CROSSED, HIT; their places (n,).

    Readings follow `fsmi.mapping.mark_scan`. A voxel that is hit and crossed counts as hit.
    """
    grid = brick_grid(window)
    marks = np.zeros((256, 512), dtype=np.uint8)
    slots, turned = np.empty(room, dtype=np.int64), np.empty((1, 3))
    ray = turned[0]
    used = 0
    for b in range(rays.shape[0]):
        reading = ranges[b]
        if not reading > 0.0:
            continue
        rotate(frame, rays, b, turned)
        hit = reading <= max_range
        length = reading + edge if hit else max_range
        limit = way_out(start, ray, box)
        if limit <= 0.0:
            continue
        hit = hit and length <= limit
        marks = room_for_bricks(marks, used, bricks_of(room))
        n, used = trace_slots(start, ray, room, min(length, limit), grid, used, slots)
        for m in range(n):
            brick, i = slots[m] >> 9, slots[m] & 511
            if marks[brick, i] == 0:
                marks[brick, i] = CROSSED
        if hit:
            marks[slots[n - 1] >> 9, slots[n - 1] & 511] = HIT
    return marks[:used], grid[3][:used]


@kernel
def apply_marks(
    blocks: octree.Blocks,
    marks: Marks,
    places: Ints,
    window: tuple[Ints, Ints],
    after: npt.NDArray[np.int32],
) -> octree.Blocks:
    """A copy of the tree in which a voxel of code c and mark m has code after[m, c]."""
    corner, size = window
    count = blocks.shape[0]
    out = octree.room_for(blocks, count, count + 1024)
    cube = np.empty(512, dtype=np.int32)
    for b in range(places.size):
        place = places[b]
        x = corner[0] + place % size[0] * 8
        y = corner[1] + place // size[0] % size[1] * 8
        z = corner[2] + place // (size[0] * size[1]) * 8
        octree.get_brick(out, x, y, z, cube)
        for i in range(512):
            cube[i] = after[marks[b, i], cube[i]]
        out = octree.room_for(out, count, 85)
        entry, count = octree.brick_entry(out, count, cube)
        count = octree.put_brick(out, count, x, y, z, entry)
    return out[:count]


def checked_scan_3d(
    ranges: npt.ArrayLike, sensor: BeamModel, directions: npt.ArrayLike | None
) -> tuple[Array, Array]:
    """Ranges (n,) [m] and unit directions (n, 3) of a scan, a depth image or a point cloud."""
    readings = np.asarray(ranges, dtype=np.float64)
    if directions is None:
        if isinstance(sensor, DepthCamera) and readings.ndim == 2:
            readings = sensor.to_ranges(readings)
        elif readings.size == sensor.n_beams:
            readings = readings.ravel()
        else:
            raise ValueError(
                f"ranges have shape {readings.shape}; the sensor has {sensor.n_beams} beams (pass"
                " directions for a scan of another layout)"
            )
        rays = beam_directions(sensor)
    else:
        rays = np.asarray(directions, dtype=np.float64)
        if readings.ndim != 1 or rays.shape != (readings.size, 3):
            raise ValueError(
                f"ranges have shape {readings.shape} and directions {rays.shape}; need (n,) and"
                " (n, 3)"
            )
        norm = np.linalg.norm(rays, axis=1, keepdims=True)
        if not (np.isfinite(norm) & (norm > 0.0)).all():
            raise ValueError("directions hold a vector that is zero or not finite")
        rays = rays / norm
    finite = readings[np.isfinite(readings)]
    if (finite < 0.0).any():
        raise ValueError(f"ranges hold {finite.min()}; need metres of at least 0, inf or nan")
    return readings, np.ascontiguousarray(rays)


def update_3d(
    voxels: VoxelMap,
    pose: npt.ArrayLike,
    ranges: npt.ArrayLike,
    sensor: BeamModel,
    *,
    directions: npt.ArrayLike | None = None,
    limits: tuple[float, float] = (0.03, 0.97),
    edge: float = 1e-6,
) -> VoxelMap:
    """The map after one scan: odds times `delta_occ` where it hit, `delta_emp` where it passed.

    Parameters
    ----------
    pose : (x, y, z, yaw) or (x, y, z, qx, qy, qz, qw)
        Of the sensor in the map frame, inside the map.
    ranges : array (n_beams,), or a depth image (height, width) for a `DepthCamera`
        [m], in the order of the sensor's directions; inf, nan, 0 as in `fsmi.update`.
    directions : array (n, 3), optional
        In the sensor frame, in place of the sensor's, any length but zero.
    limits : (low, high)
        Updated probabilities are kept in this interval.
    edge : float
        Voxels by which a return is pushed on, so that walls on voxel faces do not flicker.
    """
    if np.shape(pose) not in ((4,), (7,)):
        raise ValueError(
            f"pose has shape {np.shape(pose)}; need x, y, z [m], yaw [rad], or x, y, z, qx, qy,"
            " qz, qw"
        )
    starts, frames = scaled_poses(voxels, pose)
    readings, rays = checked_scan_3d(ranges, sensor, directions)
    low, high = log_limits(limits)
    length = sensor.max_range / voxels.resolution
    finite = readings[(readings > 0.0) & (readings <= sensor.max_range)]
    farthest = length if (readings > sensor.max_range).any() else finite.max(initial=0.0)
    farthest = farthest if farthest == length else farthest / voxels.resolution + edge
    window = brick_window(voxels, starts, farthest)
    marks, places = mark_scan_3d(
        starts[0], frames[0], rays, readings / voxels.resolution, length, edge, box_of(voxels),
        window, room_for_runs(voxels, length + 1.0),
    )  # fmt: skip
    start = np.clip(np.nan_to_num(voxels.values.astype(np.float64), nan=0.0), low, high)
    missed = np.clip(start + math.log(sensor.delta_emp), low, high).astype(np.float32)
    struck = np.clip(start + math.log(sensor.delta_occ), low, high).astype(np.float32)
    values, after = encode(np.concatenate((voxels.values, missed, struck)))
    blocks = apply_marks(voxels.tree, marks, places, window, after.reshape(3, -1))
    return VoxelMap(blocks, values, voxels.resolution, voxels.low, voxels.high)

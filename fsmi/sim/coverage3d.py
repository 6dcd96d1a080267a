"""Which voxels of a world a flying robot could ever see: the denominator of coverage in 3-D."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import label

from fsmi._jit import kernel
from fsmi._runs import rotate
from fsmi.planning.space3d import Mask, classify_3d, room_for_body
from fsmi.planning.views3d import coarse
from fsmi.raycast import trace_3d
from fsmi.raycast3d import simulate_ranges_3d
from fsmi.sensor import BeamModel, RangeSensor
from fsmi.sensor3d import DepthCamera, SpinningLidar, beam_directions, pose_frames
from fsmi.sim.worlds3d import World3D
from fsmi.voxels import VoxelMap

Array = npt.NDArray[np.float64]
HEADINGS = 8  # of a sensor that does not see all around
BEAMS = 4000  # of the thinned sensor at a place: hundreds of places look into every corner


@kernel
def mark_crossed(start: Array, frames: Array, rays: Array, reach: Array, seen: Mask) -> None:
    """Mark the voxels that rays (n, 3), turned by frames (P, 3, 3), cross up to reach (P, n)."""
    shape = np.array(seen.shape)
    flat = np.empty(shape.sum() + 5, dtype=np.uintp)
    edges = np.empty(flat.size + 1)
    marks, turned = seen.ravel(), np.empty((1, 3))
    for p in range(frames.shape[0]):
        for b in range(rays.shape[0]):
            rotate(frames[p], rays, b, turned)
            n = trace_3d(start, turned[0], reach[p, b], shape, flat, edges)
            for k in range(n):
                marks[flat[k]] = True


@final
class Coverage3D:
    """Share of the free voxels visible from where a robot can fly that were measured.

    Parameters
    ----------
    world : World3D
    sensor : SpinningLidar, DepthCamera or RangeSensor
        Its field of view and range count, not its noise.
    resolution : float
        Of the maps to be judged [m], a multiple of the world's.
    robot_radius : float
        [m]
    stride : float
        The robot looks from places this far apart [m].

    Attributes
    ----------
    target : bool array (D, H, W)
        Free voxels that are seen from at least one place the robot can reach.
    """

    def __init__(
        self,
        world: World3D,
        sensor: BeamModel,
        resolution: float,
        *,
        robot_radius: float,
        stride: float = 0.7,
    ) -> None:
        self.solid = world.solid_at(resolution)
        where = VoxelMap.from_dense(
            np.where(self.solid, 0.9, 0.1), resolution, world.voxels.bounds[:3]
        )
        room = room_for_body(classify_3d(where), robot_radius)
        k, i, j = (where.world_to_key(world.start[:3]) - np.array(where.low))[::-1]
        # the body may begin closer to a wall than the cube it is taken for
        room[k, i, j] = True
        parts, _ = label(room)
        cells = np.argwhere(parts == parts[k, i, j])
        step = max(1, round(stride / where.resolution))
        tiles = cells // step
        _, first = np.unique(tiles @ np.array((1_000_000, 1_000, 1)), return_index=True)
        turns = HEADINGS if isinstance(sensor, DepthCamera) else 1
        exact = coarse(_noise_free(sensor), BEAMS // turns)
        seen = np.zeros(self.solid.shape, dtype=np.bool_)
        low, step_m = np.array(where.bounds[:3]), where.resolution
        for place in low + (cells[first][:, ::-1] + 0.5) * step_m:
            poses = np.tile(np.append(place, 0.0), (turns, 1))
            poses[:, 3] = np.arange(turns) * 2.0 * math.pi / turns
            _, frames = pose_frames(poses)
            ranges = simulate_ranges_3d(world.voxels, poses, exact)
            reach = np.minimum(ranges, exact.max_range) / step_m
            mark_crossed((place - low) / step_m, frames, beam_directions(exact), reach, seen)
        self.target: Mask = seen & ~self.solid

    def of(self, voxels: VoxelMap) -> float:
        """Share of the target that was measured, 0 to 1."""
        return self._share(self.target, self._occupancy(voxels) != 0.5)

    def accuracy(self, voxels: VoxelMap) -> float:
        """Share of the measured target that the map rightly holds for free, 0 to 1."""
        p = self._occupancy(voxels)
        return self._share(self.target & (p != 0.5), p < 0.5)

    def _occupancy(self, voxels: VoxelMap) -> npt.NDArray[np.float32]:
        if voxels.shape != self.target.shape:
            raise ValueError(f"the map has {voxels.shape} voxels, the world {self.target.shape}")
        return np.asarray(voxels.to_dense(), dtype=np.float32)

    @staticmethod
    def _share(of: Mask, part: Mask) -> float:
        total = int(of.sum())
        return int((of & part).sum()) / total if total else 1.0

    def __repr__(self) -> str:
        return f"Coverage3D({int(self.target.sum())} voxels to see)"


def _noise_free(sensor: BeamModel) -> BeamModel:
    if isinstance(sensor, DepthCamera | SpinningLidar | RangeSensor):
        return replace(sensor, sigma=0.0)
    raise TypeError(f"sensor is a {type(sensor).__name__}; need one of fsmi")

"""Which cells of a world a robot could ever see: the denominator of coverage."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.mapping import mark_scan
from fsmi.planning.knowledge import Mask, classify
from fsmi.planning.paths import distance_field, traversable
from fsmi.sensor import RangeSensor
from fsmi.sim.lidar import ranges_in
from fsmi.sim.worlds import Pose, World


@final
class Coverage:
    """Share of the free cells visible from where a robot can go that were measured.

    Parameters
    ----------
    world : World
    sensor : RangeSensor
        Its range counts, not its noise; the robot may turn.
    resolution : float
        Of the maps to be judged [m].
    robot_radius : float
        [m].
    start : (x, y, theta), optional
        Default: the start of the world.
    stride : float
        The robot looks from places this far apart [m].

    Attributes
    ----------
    target : bool array (H, W)
        Free cells, connected to the start and visible from a place that the robot can reach.
    """

    def __init__(
        self,
        world: World,
        sensor: RangeSensor,
        resolution: float,
        *,
        robot_radius: float,
        start: Pose | None = None,
        stride: float = 0.5,
    ) -> None:
        self.truth = world.truth(resolution)
        known = classify(self.truth)
        room = traversable(known, robot_radius)
        field = distance_field(known, room, start or world.start, robot_radius=robot_radius)
        step = max(1, round(stride / resolution))
        reached = np.isfinite(field.distance)
        looks = np.argwhere(reached)
        # The first reached cell of each tile, so that narrow places are looked from as well.
        _, first = np.unique(looks // step @ np.array((reached.shape[1], 1)), return_index=True)
        around = replace(sensor, fov=2.0 * math.pi, n_beams=max(sensor.n_beams, 360), sigma=0.0)
        angles, segments = around.angles(), world.segments()
        marks = np.zeros(self.truth.shape, dtype=np.int8)
        reach = sensor.max_range / resolution
        for x, y in self.truth.cell_to_world(looks[first]):
            ranges = ranges_in(segments, (x, y, 0.0), around) / resolution
            u, v = self.truth.world_to_grid(np.array((x, y)))
            mark_scan(marks, u, v, angles, ranges, reach)
        self.target: Mask = (marks > 0) & known.free

    def of(self, grid: OccupancyGrid) -> float:
        """Share of the target that was measured (its cells are no longer 0.5), 0 to 1."""
        return self._share(self.target, self._checked(grid) != 0.5)

    def accuracy(self, grid: OccupancyGrid) -> float:
        """Share of the measured target that `grid` rightly holds for free, 0 to 1."""
        p = self._checked(grid)
        return self._share(self.target & (p != 0.5), p < 0.5)

    def _checked(self, grid: OccupancyGrid) -> npt.NDArray[np.float32]:
        if grid.shape != self.target.shape:
            raise ValueError(
                f"the map has {grid.shape} cells, the world {self.target.shape} at its resolution"
            )
        return grid.occupancy

    @staticmethod
    def _share(of: Mask, part: Mask) -> float:
        total = int(of.sum())
        return int((of & part).sum()) / total if total else 1.0

    def __repr__(self) -> str:
        return f"Coverage({int(self.target.sum())} cells to see)"

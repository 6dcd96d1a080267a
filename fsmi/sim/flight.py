"""The closed loop in 3-D: scan, update the voxel map, plan, fly, until the plan is finished."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np
import numpy.typing as npt

from fsmi.planning.explorer3d import Explorer3D
from fsmi.planning.views3d import Plan3D, Pose3D
from fsmi.raycast3d import simulate_ranges_3d
from fsmi.sensor import BeamModel
from fsmi.sim.coverage3d import Coverage3D
from fsmi.sim.loop import Loop, Progress, RunResult, check_loop, report
from fsmi.sim.worlds3d import World3D
from fsmi.voxels import VoxelMap

Array = npt.NDArray[np.float64]
LOOKS = 4  # headings of the first look around


class Flyer(Protocol):
    """What a simulator must offer to be explored in 3-D: three methods.

    `scan` returns ranges (n_beams,) [m] in the order of the sensor's directions (inf: no return,
    nan: invalid), `pose` is (x, y, z, yaw) [m, m, m, rad], `go_to` flies straight to a pose a
    short way ahead and returns when the robot is there or has given up.
    """

    def scan(self) -> Array:
        """Ranges seen from where the robot is now."""
        ...

    def pose(self) -> Pose3D:
        """Where the robot is."""
        ...

    def go_to(self, pose: Pose3D) -> None:
        """Fly straight to `pose`; return on arrival or when the way is blocked."""
        ...


@final
class SimulatedFlyer:
    """A ball with a range sensor in a world of voxels; stops short of walls and counts that.

    Parameters
    ----------
    world : World3D
    sensor : SpinningLidar, DepthCamera or RangeSensor
    radius : float
        Of the robot [m].
    rng : Generator, int or None
        Source of the range noise.
    """

    def __init__(
        self,
        world: World3D,
        sensor: BeamModel,
        *,
        radius: float = 0.25,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        if not (math.isfinite(radius) and radius > 0.0):
            raise ValueError(f"radius is {radius}; need a positive number of metres")
        self.world, self.sensor, self.radius = world, sensor, radius
        self.collisions = 0
        self._solid = world.solid()
        self._pose = world.start
        self._rng = np.random.default_rng(rng)
        if self._touches(np.array(world.start[:3])):
            raise ValueError(
                f"the start {world.start[:3]} is less than {radius:g} m from something solid"
            )

    def pose(self) -> Pose3D:
        """Where the robot is."""
        return self._pose

    def scan(self) -> Array:
        """A noisy scan from where the robot is."""
        ranges = simulate_ranges_3d(self.world.voxels, self._pose, self.sensor)[0]
        if self.sensor.sigma > 0.0:
            noise = self._rng.normal(0.0, self.sensor.sigma, ranges.shape)
            ranges = np.maximum(ranges + noise, 1e-3)
        return np.asarray(ranges)

    def go_to(self, pose: Pose3D) -> None:
        """Fly straight to `pose`, or to the last place before something would be touched."""
        here, there = np.array(self._pose[:3]), np.array(pose[:3])
        length = float(np.linalg.norm(there - here))
        steps = max(1, math.ceil(length / (0.25 * self.world.voxels.resolution)))
        for k in range(1, steps + 1):
            place = here + (there - here) * (k / steps)
            if self._touches(place):
                self.collisions += 1
                there = here + (there - here) * ((k - 1) / steps)
                break
        self._pose = (float(there[0]), float(there[1]), float(there[2]), float(pose[3]))

    def _touches(self, place: Array) -> bool:
        """Whether a ball here would overlap a solid voxel or leave the world."""
        voxels, step = self.world.voxels, self.world.voxels.resolution
        local = (place - np.array(voxels.bounds[:3])) / step
        reach = self.radius / step
        low, high = np.floor(local - reach).astype(int), np.floor(local + reach).astype(int) + 1
        if (low < 0).any() or (high > np.array(self._solid.shape[::-1])).any():
            return True
        part = self._solid[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
        where = np.argwhere(part)[:, ::-1] + low
        nearest = np.clip(local, where, where + 1)
        return bool(((nearest - local) ** 2).sum(axis=1).min(initial=math.inf) < reach * reach)


@final
@dataclass(frozen=True, repr=False)
class FlightResult(RunResult):
    """How an exploration in 3-D went.

    Attributes
    ----------
    accuracy : float or None
        Share of the voxels seen that the map rightly holds for free.
    voxels : VoxelMap
        The final map.
    """

    accuracy: float | None
    voxels: VoxelMap


def _look_around(loop: Loop[VoxelMap]) -> None:
    """The first scans, in several headings."""
    x, y, z, yaw = loop.robot.pose()
    for k in range(1, LOOKS + 1):
        loop.look()
        loop.robot.go_to((x, y, z, yaw + 2.0 * math.pi * (k / LOOKS)))


def explore_3d(
    robot: Flyer,
    voxels: VoxelMap,
    explorer: Explorer3D,
    *,
    coverage: Coverage3D | None = None,
    scan_every: float = 0.4,
    replan_every: float = 1.5,
    max_steps: int = 300,
    progress: Progress | None = None,
    each: Callable[[VoxelMap, Plan3D, Array], None] | None = None,
) -> FlightResult:
    """Explore to the end.

    Parameters
    ----------
    robot : Flyer
    voxels : VoxelMap
        The map to begin with; usually ``VoxelMap.unknown(...)``.
    explorer : Explorer3D
        Its `sensor` describes the scans.
    coverage : Coverage3D, optional
        Says how much of a known world has been seen.
    scan_every, replan_every : float
        Distances [m] between two scans and between two plans on a path.
    max_steps : int
        Plans after which the loop ends whatever the plan says.
    each : callable, optional
        Called with the map, the plan and the trail after every plan.
    """
    check_loop(scan_every, replan_every, max_steps)
    before = voxels.entropy()
    loop = Loop(robot, voxels, explorer)
    _look_around(loop)
    records: list[dict[str, Any]] = []
    plan = Plan3D("steps", reason=f"{max_steps} plans were made")
    for index in range(max_steps):
        begin = time.perf_counter()
        plan = explorer.plan(loop.map, robot.pose())
        seconds = time.perf_counter() - begin
        seen = None if coverage is None else coverage.of(loop.map)
        entropy = loop.map.entropy()
        records.append(
            {
                "index": index,
                "pose": list(robot.pose()),
                "travelled": loop.travelled,
                "entropy": entropy,
                "coverage": seen,
                "plan_seconds": seconds,
                "leaves": loop.map.n_leaves,
                **{k: v for k, v in plan.to_dict().items() if k != "path"},
            }
        )
        if each is not None:
            each(loop.map, plan, np.array(loop.trail))
        if progress is not None:
            report(progress, seen, entropy, before, loop.travelled)
        if plan.finished:
            break
        loop.follow(plan.path, replan_every, scan_every)
    return FlightResult(
        plan.status if plan.finished else "steps",
        plan.reason if plan.finished else f"{max_steps} plans were made",
        None if coverage is None else coverage.of(loop.map),
        loop.travelled,
        before,
        loop.map.entropy(),
        loop.collisions(),
        np.array(loop.trail),
        tuple(records),
        None if coverage is None else coverage.accuracy(loop.map),
        loop.map,
    )

"""The closed loop in 3-D: scan, update the voxel map, plan, fly, until the plan is finished."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np
import numpy.typing as npt

from fsmi.mapping3d import update_3d
from fsmi.planning.explorer3d import Explorer3D
from fsmi.planning.views3d import Plan3D, Pose3D
from fsmi.raycast3d import simulate_ranges_3d
from fsmi.sensor import BeamModel
from fsmi.sim.coverage3d import Coverage3D
from fsmi.sim.worlds3d import World3D
from fsmi.voxels import VoxelMap

Array = npt.NDArray[np.float64]
Progress = Callable[[float, str], None]
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
@dataclass(frozen=True)
class FlightResult:
    """How an exploration in 3-D went.

    Attributes
    ----------
    status, reason : str
        Those of the last plan, or "steps" if it ran out of them.
    coverage : float or None
        Share of the free voxels that can be seen that were seen.
    accuracy : float or None
        Share of those seen that the map rightly holds for free.
    path_length : float
        [m]
    entropy_before, entropy_after : float
        Of the map [bit].
    collisions : int
    trail : array (n, 4)
        Every pose a scan was taken from.
    steps : tuple of dict
        One record a plan.
    voxels : VoxelMap
        The final map.
    """

    status: str
    reason: str
    coverage: float | None
    accuracy: float | None
    path_length: float
    entropy_before: float
    entropy_after: float
    collisions: int
    trail: Array
    steps: tuple[dict[str, Any], ...]
    voxels: VoxelMap

    def plan_milliseconds(self) -> tuple[float, float]:
        """Median and 95th percentile of the planning time [ms]."""
        times = [1e3 * s["plan_seconds"] for s in self.steps]
        return float(np.median(times)), float(np.percentile(times, 95))

    def to_dict(self) -> dict[str, Any]:
        """Everything but the map as plain lists and numbers."""
        median, p95 = self.plan_milliseconds()
        return {
            "status": self.status,
            "reason": self.reason,
            "coverage": self.coverage,
            "accuracy": self.accuracy,
            "path_length": self.path_length,
            "entropy_before": self.entropy_before,
            "entropy_after": self.entropy_after,
            "collisions": self.collisions,
            "plans": len(self.steps),
            "plan_ms_median": median,
            "plan_ms_p95": p95,
            "trail": self.trail.tolist(),
            "steps": list(self.steps),
        }

    def __repr__(self) -> str:
        seen = "" if self.coverage is None else f"{100 * self.coverage:.1f} % seen, "
        return f"FlightResult({self.status}: {seen}{self.path_length:.1f} m)"


@final
class _Loop:
    """A robot with its map: flies, scans, counts."""

    def __init__(self, robot: Flyer, voxels: VoxelMap, explorer: Explorer3D) -> None:
        self.robot, self.voxels, self.explorer = robot, voxels, explorer
        self.trail: list[Pose3D] = []
        self.travelled = 0.0

    def look(self) -> None:
        pose = self.robot.pose()
        self.voxels = update_3d(self.voxels, pose, self.robot.scan(), self.explorer.sensor)
        if self.trail:
            self.travelled += math.dist(self.trail[-1][:3], pose[:3])
        self.trail.append(pose)

    def look_around(self) -> None:
        x, y, z, yaw = self.robot.pose()
        for k in range(1, LOOKS + 1):
            self.look()
            self.robot.go_to((x, y, z, yaw + 2.0 * math.pi * (k / LOOKS)))

    def follow(self, plan: Plan3D, distance: float, scan_every: float) -> None:
        """Fly along a path for at most `distance` [m]; stop where it is no longer clear."""
        if len(plan.path) == 1:
            self._hop(plan.path[0])
            return
        flown = 0.0
        for m in range(1, len(plan.path)):
            end = plan.path[m]
            begin = np.array(self.robot.pose())
            length = math.dist(begin[:3], end[:3])
            n = max(1, math.ceil(length / scan_every - 1e-9))
            for k in range(1, n + 1):
                target = begin + (end - begin) * (k / n)
                target[3] = end[3]
                ahead = np.array([self.robot.pose(), target])
                if not self.explorer.is_clear(self.voxels, ahead) or not self._hop(target):
                    return
                flown += length / n
                if flown >= distance:
                    return

    def _hop(self, target: Array) -> bool:
        """Fly straight to a pose and look; whether the robot got there."""
        x, y, z, yaw = (float(v) for v in target)
        self.robot.go_to((x, y, z, yaw))
        self.look()
        return math.dist(self.robot.pose()[:3], (x, y, z)) < 2.0 * self.voxels.resolution


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
    for name, value in (("scan_every", scan_every), ("replan_every", replan_every)):
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} is {value}; need a positive number of metres")
    if max_steps < 1:
        raise ValueError(f"max_steps is {max_steps}; need at least 1")
    before = voxels.entropy()
    loop = _Loop(robot, voxels, explorer)
    loop.look_around()
    records: list[dict[str, Any]] = []
    plan = Plan3D("steps", reason=f"{max_steps} plans were made")
    for index in range(max_steps):
        begin = time.perf_counter()
        plan = explorer.plan(loop.voxels, robot.pose())
        seconds = time.perf_counter() - begin
        seen = None if coverage is None else coverage.of(loop.voxels)
        entropy = loop.voxels.entropy()
        records.append(
            {
                "index": index,
                "pose": list(robot.pose()),
                "travelled": loop.travelled,
                "entropy": entropy,
                "coverage": seen,
                "plan_seconds": seconds,
                "leaves": loop.voxels.n_leaves,
                **{k: v for k, v in plan.to_dict().items() if k != "path"},
            }
        )
        if each is not None:
            each(loop.voxels, plan, np.array(loop.trail))
        if progress is not None:
            share = seen if seen is not None else 1.0 - entropy / before
            progress(min(1.0, max(0.0, share)), f"{loop.travelled:.0f} m, {entropy:.0f} bit left")
        if plan.finished:
            break
        loop.follow(plan, replan_every, scan_every)
    return FlightResult(
        plan.status if plan.finished else "steps",
        plan.reason if plan.finished else f"{max_steps} plans were made",
        None if coverage is None else coverage.of(loop.voxels),
        None if coverage is None else coverage.accuracy(loop.voxels),
        loop.travelled,
        before,
        loop.voxels.entropy(),
        int(getattr(robot, "collisions", 0)),
        np.array(loop.trail),
        tuple(records),
        loop.voxels,
    )

"""The closed loop: scan, update the map, plan, drive, until the plan says it is finished."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.mapping import update
from fsmi.planning.explorer import Explorer
from fsmi.planning.plan import Plan, Pose
from fsmi.sim.coverage import Coverage
from fsmi.sim.robot import Robot

Progress = Callable[[float, str], None]


@final
@dataclass(frozen=True)
class Step:
    """The state after a plan was made and driven.

    Attributes
    ----------
    index : int
        0 after the first scan.
    grid : OccupancyGrid
        The map when the plan was made.
    pose : (x, y, theta)
        Where it was made [m, m, rad].
    plan : Plan
    trail : array (n, 3)
        Every pose a scan was taken from so far.
    travelled : float
        [m]
    entropy, belief_entropy : float
        Of the map, and of what the planner expects given its prior [bit].
    coverage : float or None
        Share of what can be seen that has been seen; None without a known world.
    collisions : int
    seconds : float
        Taken by planning.
    """

    index: int
    grid: OccupancyGrid
    pose: Pose
    plan: Plan
    trail: npt.NDArray[np.float64]
    travelled: float
    entropy: float
    belief_entropy: float
    coverage: float | None
    collisions: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The numbers of this step, without the map."""
        return {
            "index": self.index,
            "pose": list(self.pose),
            "status": self.plan.status,
            "goal": None if self.plan.goal is None else list(self.plan.goal),
            "information": self.plan.information,
            "cost": self.plan.cost,
            "travelled": self.travelled,
            "entropy": self.entropy,
            "belief_entropy": self.belief_entropy,
            "coverage": self.coverage,
            "collisions": self.collisions,
            "plan_seconds": self.seconds,
        }

    def __repr__(self) -> str:
        return f"Step({self.index}: {self.travelled:.1f} m, {self.entropy:.0f} bit, {self.plan})"


@final
@dataclass(frozen=True)
class EpisodeResult:
    """How an exploration went.

    Attributes
    ----------
    status, reason : str
        Why it ended: those of the last plan, or "steps" if it ran out of them.
    coverage : float or None
        Share of the free cells that can be seen that were seen.
    path_length : float
        [m]
    entropy_before, entropy_after : float
        Of the map [bit].
    collisions : int
    trail : array (n, 3)
        Every pose a scan was taken from.
    steps : tuple of dict
        One record a plan, as of `Step.to_dict`.
    grid : OccupancyGrid
        The final map.
    """

    status: str
    reason: str
    coverage: float | None
    path_length: float
    entropy_before: float
    entropy_after: float
    collisions: int
    trail: npt.NDArray[np.float64]
    steps: tuple[dict[str, Any], ...]
    grid: OccupancyGrid

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
        return f"EpisodeResult({self.status}: {seen}{self.path_length:.1f} m)"


@final
class _Loop:
    """A robot with its map: drives, scans, counts."""

    def __init__(self, robot: Robot, grid: OccupancyGrid, explorer: Explorer) -> None:
        self.robot, self.grid, self.explorer = robot, grid, explorer
        self.trail: list[Pose] = []
        self.travelled = 0.0
        self.look()

    def look(self) -> None:
        pose = self.robot.pose()
        self.grid = update(self.grid, pose, self.robot.scan(), self.explorer.sensor)
        if self.trail:
            self.travelled += math.dist(self.trail[-1][:2], pose[:2])
        self.trail.append((float(pose[0]), float(pose[1]), float(pose[2])))

    def follow(self, path: npt.NDArray[np.float64], distance: float, scan_every: float) -> None:
        """Drive along a path for at most `distance` [m]; stop where it is no longer clear."""
        if len(path) == 1:  # the goal is here: turn and look
            self._hop(path[0])
            return
        driven = 0.0
        for start, end in itertools.pairwise(path):
            length = math.dist(start[:2], end[:2])
            n = max(1, math.ceil(length / scan_every - 1e-9))
            for k in range(1, n + 1):
                target = start + (end - start) * (k / n)
                target[2] = end[2]
                ahead = np.array([self.robot.pose(), target])
                if not self.explorer.is_clear(self.grid, ahead) or not self._hop(target):
                    return
                driven += length / n
                if driven >= distance:
                    return

    def _hop(self, target: npt.NDArray[np.float64]) -> bool:
        """Drive straight to a pose and look; whether the robot got there."""
        self.robot.go_to((float(target[0]), float(target[1]), float(target[2])))
        self.look()
        return math.dist(self.robot.pose()[:2], target[:2]) < 2.0 * self.grid.resolution


def run(
    robot: Robot,
    grid: OccupancyGrid,
    explorer: Explorer,
    *,
    coverage: Coverage | None = None,
    scan_every: float = 0.5,
    replan_every: float = 1.5,
    max_steps: int = 1000,
) -> Iterator[Step]:
    """Explore, one plan at a time; the last step yielded has a plan that is finished.

    Parameters
    ----------
    robot : Robot
        Anything with `scan`, `pose` and `go_to`.
    grid : OccupancyGrid
        The map to begin with; usually ``OccupancyGrid.unknown(...)``.
    explorer : Explorer
        Its `sensor` describes the scans.
    coverage : Coverage, optional
        Says how much of a known world has been seen.
    scan_every, replan_every : float
        Distances [m] between two scans and between two plans on a path.
    max_steps : int
        Plans after which the loop ends whatever the plan says.
    """
    for name, value in (("scan_every", scan_every), ("replan_every", replan_every)):
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} is {value}; need a positive number of metres")
    if max_steps < 1:
        raise ValueError(f"max_steps is {max_steps}; need at least 1")
    loop = _Loop(robot, grid, explorer)
    for index in range(max_steps):
        pose = robot.pose()
        begin = time.perf_counter()
        plan = explorer.plan(loop.grid, pose)
        seconds = time.perf_counter() - begin
        yield Step(
            index,
            loop.grid,
            pose,
            plan,
            np.array(loop.trail),
            loop.travelled,
            loop.grid.entropy(),
            explorer.knowledge(loop.grid).entropy(),
            None if coverage is None else coverage.of(loop.grid),
            int(getattr(robot, "collisions", 0)),
            seconds,
        )
        if plan.finished:
            return
        loop.follow(plan.path, replan_every, scan_every)


def explore(
    robot: Robot,
    grid: OccupancyGrid,
    explorer: Explorer,
    *,
    coverage: Coverage | None = None,
    scan_every: float = 0.5,
    replan_every: float = 1.5,
    max_steps: int = 1000,
    progress: Progress | None = None,
    each: Callable[[Step], None] | None = None,
) -> EpisodeResult:
    """Explore to the end; parameters as of `run`, `each` is called with every step."""
    records: list[dict[str, Any]] = []
    before = grid.entropy()
    last: Step | None = None
    steps = run(
        robot, grid, explorer, coverage=coverage,
        scan_every=scan_every, replan_every=replan_every, max_steps=max_steps,
    )  # fmt: skip
    for last in steps:
        records.append(last.to_dict())
        if each is not None:
            each(last)
        if progress is not None:
            # Without a world to compare with, the entropy that is gone stands for the share done.
            share = last.coverage if last.coverage is not None else 1.0 - last.entropy / before
            text = f"{last.travelled:.0f} m, {last.entropy:.0f} bit left"
            progress(min(1.0, max(0.0, share)), text)
    if last is None:  # pragma: no cover - run() yields at least one step
        raise RuntimeError("no step was taken")
    ended = last.plan.finished
    return EpisodeResult(
        last.plan.status if ended else "steps",
        last.plan.reason if ended else f"{max_steps} plans were made",
        last.coverage,
        last.travelled,
        before,
        last.entropy,
        last.collisions,
        last.trail,
        tuple(records),
        last.grid,
    )

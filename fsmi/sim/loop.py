"""What the closed loops in 2-D and 3-D share: a robot that moves, scans and maps; its report."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar, final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.mapping import update
from fsmi.voxels import VoxelMap

Array = npt.NDArray[np.float64]
Progress = Callable[[float, str], None]
Map = TypeVar("Map", OccupancyGrid, VoxelMap)


@dataclass(frozen=True, repr=False)
class RunResult:
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
    trail : array (n, 3 or 4)
        Every pose a scan was taken from.
    steps : tuple of dict
        One record a plan.
    """

    status: str
    reason: str
    coverage: float | None
    path_length: float
    entropy_before: float
    entropy_after: float
    collisions: int
    trail: Array
    steps: tuple[dict[str, Any], ...]

    def plan_milliseconds(self) -> tuple[float, float]:
        """Median and 95th percentile of the planning time [ms]."""
        times = [1e3 * s["plan_seconds"] for s in self.steps]
        return float(np.median(times)), float(np.percentile(times, 95))

    def to_dict(self) -> dict[str, Any]:
        """Everything but the map as plain lists and numbers."""
        median, p95 = self.plan_milliseconds()
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            **{k: v for k, v in values.items() if v is None or isinstance(v, str | float | int)},
            "plans": len(self.steps),
            "plan_ms_median": median,
            "plan_ms_p95": p95,
            "trail": self.trail.tolist(),
            "steps": list(self.steps),
        }

    def __repr__(self) -> str:
        seen = "" if self.coverage is None else f"{100 * self.coverage:.1f} % seen, "
        return f"{type(self).__name__}({self.status}: {seen}{self.path_length:.1f} m)"


@final
class Loop(Generic[Map]):
    """A robot with its map: moves, scans, counts. Poses are a place, then the heading."""

    def __init__(self, robot: Any, known: Map, explorer: Any) -> None:
        self.robot, self.explorer = robot, explorer
        self.map: Map = known
        self.trail: list[tuple[float, ...]] = []
        self.travelled = 0.0

    def look(self) -> None:
        """Take a scan into the map."""
        pose = tuple(float(v) for v in self.robot.pose())
        self.map = update(self.map, pose, self.robot.scan(), self.explorer.sensor)
        if self.trail:
            self.travelled += math.dist(self.trail[-1][:-1], pose[:-1])
        self.trail.append(pose)

    def follow(self, path: Array, distance: float, scan_every: float) -> None:
        """Move along a path for at most `distance` [m]; stop where it is no longer clear."""
        if len(path) == 1:  # the goal is here: turn and look
            self._hop(path[0])
            return
        moved = 0.0
        for start, end in itertools.pairwise(path):
            length = math.dist(start[:-1], end[:-1])
            n = max(1, math.ceil(length / scan_every - 1e-9))
            for k in range(1, n + 1):
                target = start + (end - start) * (k / n)
                target[-1] = end[-1]
                ahead = np.array([self.robot.pose(), target])
                if not self.explorer.is_clear(self.map, ahead) or not self._hop(target):
                    return
                moved += length / n
                if moved >= distance:
                    return

    def _hop(self, target: Array) -> bool:
        """Move straight to a pose and look; whether the robot got there."""
        self.robot.go_to(tuple(float(v) for v in target))
        self.look()
        left = math.dist(self.robot.pose()[:-1], target[:-1])
        return left < 2.0 * self.map.resolution

    def collisions(self) -> int:
        """What the robot counted, 0 if it does not count."""
        return int(getattr(self.robot, "collisions", 0))


def check_loop(scan_every: float, replan_every: float, max_steps: int) -> None:
    """Raise ValueError unless the distances are positive and a step is allowed."""
    for name, value in (("scan_every", scan_every), ("replan_every", replan_every)):
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} is {value}; need a positive number of metres")
    if max_steps < 1:
        raise ValueError(f"max_steps is {max_steps}; need at least 1")


def report(
    progress: Progress, coverage: float | None, entropy: float, before: float, travelled: float
) -> None:
    """Tell how far an exploration is: its coverage, or the share of the entropy that is gone."""
    share = coverage if coverage is not None else 1.0 - entropy / before
    progress(min(1.0, max(0.0, share)), f"{travelled:.0f} m, {entropy:.0f} bit left")

"""The closed loop: scan, update the map, plan, drive, until the plan says it is finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.planning.explorer import Explorer
from fsmi.planning.plan import Plan, Pose
from fsmi.sim.coverage import Coverage
from fsmi.sim.loop import Loop, Progress, RunResult, check_loop, report
from fsmi.sim.robot import Robot


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
@dataclass(frozen=True, repr=False)
class EpisodeResult(RunResult):
    """How an exploration went; its steps are those of `Step.to_dict`.

    Attributes
    ----------
    grid : OccupancyGrid
        The final map.
    """

    grid: OccupancyGrid


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
    check_loop(scan_every, replan_every, max_steps)
    loop = Loop(robot, grid, explorer)
    loop.look()
    for index in range(max_steps):
        pose = robot.pose()
        begin = time.perf_counter()
        plan = explorer.plan(loop.map, pose)
        seconds = time.perf_counter() - begin
        yield Step(
            index,
            loop.map,
            pose,
            plan,
            np.array(loop.trail),
            loop.travelled,
            loop.map.entropy(),
            explorer.knowledge(loop.map).entropy(),
            None if coverage is None else coverage.of(loop.map),
            loop.collisions(),
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
            report(progress, last.coverage, last.entropy, before, last.travelled)
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

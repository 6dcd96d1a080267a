"""Where to go next: candidates, their information, a strategy, and the memory between plans."""

from __future__ import annotations

import math
from typing import final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.planning.blacklist import Blacklist
from fsmi.planning.frontier import Viewpoints, find_frontiers, find_viewpoints
from fsmi.planning.gains import GAINS, visible_unknown
from fsmi.planning.knowledge import FREE_BELOW, OCCUPIED_ABOVE, Knowledge, classify
from fsmi.planning.memory import Memory
from fsmi.planning.paths import (
    DistanceField,
    Traversable,
    distance_field,
    is_clear,
    passable_from,
    traversable,
)
from fsmi.planning.plan import Candidate, Plan, Pose
from fsmi.planning.strategies import STRATEGIES, Views
from fsmi.raycast import grid_poses
from fsmi.sensor import RangeSensor

HYSTERESIS = 0.15  # a new goal must be this much better than the one the robot is driving to
HEADINGS = 8  # directions tried for a sensor that does not see all around


@final
class Explorer:
    """Chooses the next view of an unknown map. Keeps its goal and its failures between plans.

    Parameters
    ----------
    sensor : RangeSensor
    robot_radius : float
        Of the disc that the robot fits into [m].
    strategy : str
        A name in ``STRATEGIES``.
    gain : str
        What the information of a view is: a name in ``GAINS``.
    prior : float, optional
        Probability that an unknown cell is occupied; default ``unknown_prior(resolution)``.
    min_information : float, optional
        Views that promise less [bit] are not worth a scan. Default: what a square of unknown
        cells twice as wide as the robot holds.
    max_distance : float, optional
        Distance [m] the robot may drive in all, from the first plan on; then "budget".
    max_candidates : int
        At most so many views are evaluated in a plan (the nearest ones).
    free_below, occupied_above : float
        Probabilities at which a cell counts as free and as occupied.

    Raises
    ------
    ValueError
        If a parameter is out of range; the message names it.
    """

    def __init__(
        self,
        sensor: RangeSensor,
        *,
        robot_radius: float,
        strategy: str = "information_rate",
        gain: str = "joint",
        prior: float | None = None,
        min_information: float | None = None,
        max_distance: float = math.inf,
        max_candidates: int = 200,
        free_below: float = FREE_BELOW,
        occupied_above: float = OCCUPIED_ABOVE,
    ) -> None:
        if not (math.isfinite(robot_radius) and robot_radius > 0.0):
            raise ValueError(f"robot_radius is {robot_radius}; need a positive number of metres")
        for name, value, known in (("strategy", strategy, STRATEGIES), ("gain", gain, GAINS)):
            if value not in known:
                raise ValueError(f"{name} is {value!r}; one of {', '.join(known)}")
        if min_information is not None and not min_information > 0.0:
            raise ValueError(f"min_information is {min_information}; need a positive number [bit]")
        if not max_distance > 0.0:
            raise ValueError(f"max_distance is {max_distance}; need a positive number of metres")
        if max_candidates < 1:
            raise ValueError(f"max_candidates is {max_candidates}; need at least 1")
        self.sensor, self.robot_radius = sensor, float(robot_radius)
        self.strategy, self.gain, self.prior = strategy, gain, prior
        self.min_information, self.max_distance = min_information, float(max_distance)
        self.max_candidates = int(max_candidates)
        self.free_below, self.occupied_above = free_below, occupied_above
        self.reset()

    def reset(self) -> None:
        """Forget the goal, the failures and the distance driven."""
        self.travelled = 0.0
        self._plans = 0
        self._goal: Pose | None = None
        self._last: tuple[Pose, float] | None = None  # pose and belief entropy at the last plan
        self._idle = 0
        self._blacklist = Blacklist(self.robot_radius)
        self._memory = Memory(self.sensor, self.free_below)

    def knowledge(self, grid: OccupancyGrid) -> Knowledge:
        """What the planner takes a map to say."""
        return classify(
            grid,
            prior=self.prior,
            free_below=self.free_below,
            occupied_above=self.occupied_above,
            opaque=self._memory.opaque(grid),
        )

    def worthwhile(self, known: Knowledge) -> float:
        """Least information [bit] that a view must promise."""
        if self.min_information is not None:
            return self.min_information
        p, side = known.prior, 4.0 * self.robot_radius / known.belief.resolution
        cell = -(p * math.log2(p) + (1.0 - p) * math.log2(1.0 - p))
        return max(1.0, side * side) * cell

    def is_clear(self, grid: OccupancyGrid, path: npt.ArrayLike) -> bool:
        """Whether a path (n, 3) is still passable now that the map has changed."""
        points = np.asarray(path, dtype=np.float64)
        known = self.knowledge(grid)
        room = traversable(known, self.robot_radius)
        pose = (float(points[0, 0]), float(points[0, 1]), float(points[0, 2]))
        return is_clear(grid, passable_from(known, room, pose, self.robot_radius), points)

    def plan(self, grid: OccupancyGrid, pose: npt.ArrayLike) -> Plan:
        """The next goal and the path to it, or why there is none.

        Raises
        ------
        ValueError
            If `pose` is not three finite numbers or lies outside the map.
        """
        grid_poses(grid, pose)
        x, y, theta = (float(v) for v in np.asarray(pose, dtype=np.float64).ravel())
        here = (x, y, theta)
        known = self.knowledge(grid)
        self._remember(here, known)
        if self.travelled >= self.max_distance:
            return self._end("budget", f"{self.travelled:.1f} m driven of {self.max_distance:g} m")
        i, j = grid.world_to_cell((x, y))
        if known.occupied[i, j]:
            return self._end("stuck", "the robot stands in a cell that the map calls occupied")
        if known.free[i, j]:  # else no scan was taken from here
            self._memory.add(grid, known, here)
            known = self.knowledge(grid)
        room = traversable(known, self.robot_radius)
        field = distance_field(known, room, here, robot_radius=self.robot_radius)
        if not (room.open & np.isfinite(field.distance)).any():
            return self._look_here(known, here)
        return self._choose(known, room, field)

    def _look_here(self, known: Knowledge, here: Pose) -> Plan:
        """The plan of a robot that knows of no place to go to: a scan, unless it does not help."""
        pose = np.array([here])
        bits = float(GAINS[self.gain](known, pose, self.sensor)[0])
        if bits < self.worthwhile(known) or self._idle >= 3:
            fits = f"a robot of radius {self.robot_radius:g} m fits nowhere near"
            return self._end("stuck", f"{fits}, as far as the map tells")
        reason = f"too little is known to move; a scan here promises {bits:.1f} bit"
        self._goal = None
        return Plan("go", pose, here, bits, 0.0, (), reason, self.strategy)

    def _remember(self, pose: Pose, known: Knowledge) -> None:
        """Count distance and plans; give up a goal that brought neither movement nor news."""
        entropy, resolution = known.entropy(), known.belief.resolution
        self._plans += 1
        if self._last is not None:
            before, entropy_before = self._last
            step = math.hypot(pose[0] - before[0], pose[1] - before[1])
            self.travelled += step
            # A fraction of what makes a view worthwhile: noise alone always changes a few cells.
            news = entropy_before - entropy > 0.2 * self.worthwhile(known)
            self._idle = 0 if step > resolution or news else self._idle + 1
            if self._goal is not None:
                left = math.hypot(pose[0] - self._goal[0], pose[1] - self._goal[1])
                if left <= resolution and not news:
                    self._give_up("it was reached and nothing new was seen from it")
                elif self._idle >= 3:
                    self._give_up("the robot does not move towards it")
        self._last = (pose, entropy)

    def _give_up(self, reason: str) -> None:
        if self._goal is not None:
            self._blacklist.add(self._goal[0], self._goal[1], self._plans, reason)
        self._goal, self._idle = None, 0

    def _choose(self, known: Knowledge, room: Traversable, field: DistanceField) -> Plan:
        shortest = max(1, round(self.robot_radius / known.belief.resolution))
        frontiers = find_frontiers(known, min_cells=min(3, shortest))
        points = find_viewpoints(known, room, field, frontiers, max_range=self.sensor.max_range)
        candidates = self._candidates(known, field, points)
        least = self.worthwhile(known)
        open_ones = [c for c in candidates if c.information >= least]
        places = np.array([c.pose[:2] for c in open_ones]).reshape(-1, 2)
        allowed = ~self._blacklist.blocks(places, self._plans)
        if len(open_ones) and not allowed.any() and self._blacklist.release(self._plans):
            allowed = ~self._blacklist.blocks(places, self._plans)
        good = [c for c, ok in zip(open_ones, allowed, strict=True) if ok]
        if not good:
            return self._nothing_left(known, points, open_ones, candidates, least)
        best = self._committed(good)
        self._goal = best.pose
        cell = tuple(int(v) for v in known.belief.world_to_cell(best.pose[:2]))
        path = field.path_to((cell[0], cell[1]), best.pose[2])
        kept = "still " if best is not good[0] else ""
        reason = (
            f"{kept}the best of {len(good)} by {self.strategy}: {best.information:.1f} bit at the"
            f" end of {best.cost:.1f} m"
        )
        return Plan(
            "go", path, best.pose, best.information, best.cost, tuple(good), reason, self.strategy
        )

    def _candidates(
        self, known: Knowledge, field: DistanceField, points: Viewpoints
    ) -> list[Candidate]:
        """Every viewpoint with its costs and gains, the best first."""
        grid = known.belief
        cells, frontier, facing = points.cells, points.frontier, points.facing
        if self._goal is not None:  # the goal stays a candidate as long as it can be reached
            goal = grid.world_to_cell(self._goal[:2])
            inside = ((goal >= 0) & (goal < grid.shape)).all()
            if inside and math.isfinite(float(field.distance[goal[0], goal[1]])):
                cells = np.vstack((cells, goal))
                frontier = np.append(frontier, _size_near(points, goal, grid.resolution))
                facing = np.append(facing, self._goal[2] - grid.origin[2])
        if len(cells) == 0:
            return []
        cost = field.distance[cells[:, 0], cells[:, 1]].astype(np.float64)
        order = np.argsort(cost, kind="stable")[: self.max_candidates]
        cells, frontier, facing, cost = cells[order], frontier[order], facing[order], cost[order]
        poses, information = self._informed(known, cells, facing)
        visible = visible_unknown(known, poses, self.sensor)
        size = frontier.astype(np.float64) * grid.resolution
        utility = STRATEGIES[self.strategy](Views(cost, information, visible, size))
        best = np.argsort(-utility, kind="stable")
        rows = np.column_stack((poses, cost, information, visible, size, utility))[best].tolist()
        return [Candidate((r[0], r[1], r[2]), *r[3:]) for r in rows]

    def _informed(
        self, known: Knowledge, cells: npt.NDArray[np.intp], facing: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Poses (n, 3) at the cells, each with its best heading, and their gain (n,)."""
        grid, gain = known.belief, GAINS[self.gain]
        xy = grid.cell_to_world(cells)
        around = self.sensor.fov >= 2.0 * math.pi - 1e-9
        turns = np.arange(1 if around else HEADINGS) * (2.0 * math.pi / HEADINGS)
        headings = (facing + grid.origin[2])[:, None] + turns[None, :]
        headings = (headings + math.pi) % (2.0 * math.pi) - math.pi
        n, k = headings.shape
        poses = np.column_stack((np.repeat(xy, k, axis=0), headings.ravel()))
        gains = gain(known, poses, self.sensor).reshape(n, k)
        best = gains.argmax(axis=1)
        rows = np.arange(n)
        return np.column_stack((xy, headings[rows, best])), gains[rows, best]

    def _committed(self, good: list[Candidate]) -> Candidate:
        """The best candidate, unless the present goal is nearly as good."""
        best = good[0]
        if self._goal is None:
            return best
        for c in good[1:]:
            if math.dist(c.pose[:2], self._goal[:2]) < 1e-6:
                margin = HYSTERESIS * abs(c.utility)
                return best if best.utility > c.utility + margin else c
        return best

    def _nothing_left(
        self,
        known: Knowledge,
        points: Viewpoints,
        open_ones: list[Candidate],
        candidates: list[Candidate],
        least: float,
    ) -> Plan:
        """The plan that ends an exploration, with the reason."""
        if open_ones:
            reasons = sorted({e.reason for e in self._blacklist.entries})
            text = f"{len(open_ones)} views are left, all given up: {'; '.join(reasons)}"
            return self._end("stuck", text)
        door = 2.0 * self.robot_radius / known.belief.resolution
        if not candidates and points.blocked >= door:
            text = (
                f"{points.unreachable} pieces of frontier are left where the robot does not fit"
                f" (radius {self.robot_radius:g} m)"
            )
            return self._end("unreachable", text)
        best = max((c.information for c in candidates), default=0.0)
        text = f"the best reachable view promises {best:.2f} bit, less than {least:.2f} bit"
        return self._end("done", text)

    def _end(self, status: str, reason: str) -> Plan:
        self._goal = None
        return Plan(status, reason=reason, strategy=self.strategy)


def _size_near(points: Viewpoints, cell: npt.NDArray[np.intp], resolution: float) -> int:
    """Size of the frontier of the viewpoint within half a metre of a cell, 0 if there is none."""
    if len(points.cells) == 0:
        return 0
    gaps = ((points.cells - cell) ** 2).sum(axis=1)
    near = int(gaps.argmin())
    return int(points.frontier[near]) if gaps[near] <= (0.5 / resolution) ** 2 else 0

"""Where to go next: candidates, their information, a strategy, and the memory between plans."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.planning.decision import Decision
from fsmi.planning.frontier import Viewpoints, find_frontiers, find_viewpoints
from fsmi.planning.gains import GAINS
from fsmi.planning.knowledge import FREE_BELOW, OCCUPIED_ABOVE, Knowledge, classify
from fsmi.planning.past import NEWS, PATIENCE, Past
from fsmi.planning.paths import (
    DistanceField,
    Traversable,
    distance_field,
    is_clear,
    passable_around,
    traversable,
)
from fsmi.planning.plan import Candidate, Plan, Pose
from fsmi.planning.sight import Sight
from fsmi.planning.strategies import STRATEGIES
from fsmi.planning.views import HEADINGS, Views, candidate_views
from fsmi.raycast import grid_poses
from fsmi.sensor import RangeSensor

LAST_LOOK = 0.5  # distance of the places [m] that are tried when no other is worth a scan
ROOM = 5.0  # what a scan from within a room tells, in scans that are just worth it
NEARBY = 12  # cells beyond the footprint that decide whether a cell is passable


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
        What `information_rate` counts: a name in ``GAINS``. Whether a view is worth a scan is
        always judged by the joint information.
    prior : float, optional
        Probability that an unknown cell is occupied; default ``unknown_prior(resolution)``.
    min_information : float, optional
        Views that promise less [bit] are not worth a scan. Default: what a square of unknown
        cells twice as wide as the robot holds.
    max_distance : float, optional
        Distance [m] the robot may drive in all, from the first plan on; then "budget".
    return_home : bool
        Whether the robot drives back to where the first plan was made before the exploration
        ends. With `max_distance`, only views are taken from which it still gets home.
    max_candidates : int
        At most so many views are evaluated in a plan (the nearest ones); more only before it
        is said that none is worth a scan.
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
        return_home: bool = False,
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
        self.return_home, self.max_candidates = bool(return_home), int(max_candidates)
        self.free_below, self.occupied_above = free_below, occupied_above
        self.reset()

    def reset(self) -> None:
        """Forget the goal, the failures, the distance driven and the way home."""
        self._past = Past(self.sensor, self.robot_radius, self.free_below)
        self._before: Decision | None = None

    @property
    def travelled(self) -> float:
        """Distance driven since the first plan [m], straight from plan to plan."""
        return self._past.travelled

    @property
    def _sees_around(self) -> bool:
        return self.sensor.fov >= 2.0 * math.pi - 1e-9

    def _options(self) -> dict[str, Any]:
        """What the constructor takes besides the sensor."""
        names = (
            "robot_radius", "strategy", "gain", "prior", "min_information", "max_distance",
            "return_home", "max_candidates", "free_below", "occupied_above",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def dump_state(self, path: str | os.PathLike[str]) -> None:
        """Write the last decision, with the map and all that led to it, to one small file.

        `fsmi.replay(path)` makes it again, bit for bit.

        Raises
        ------
        ValueError
            If nothing was planned yet.
        """
        if self._before is None:
            raise ValueError("there is no decision to write: call plan() first")
        self._before.save(path)

    def knowledge(self, grid: OccupancyGrid) -> Knowledge:
        """What the planner takes a map to say."""
        return classify(
            grid,
            prior=self.prior,
            free_below=self.free_below,
            occupied_above=self.occupied_above,
            opaque=self._past.memory.opaque(grid),
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
        cells = grid.world_to_cell(points[:, :2])
        if not ((cells >= 0) & (cells < grid.shape)).all():
            return False
        # What is further away than the footprint and the cleaning of walls reach does not matter.
        margin = int(self.robot_radius / grid.resolution) + NEARBY
        low = np.maximum(cells.min(axis=0) - margin, 0)
        top, left = int(low[0]), int(low[1])
        window = np.s_[top : cells[:, 0].max() + margin + 1, left : cells[:, 1].max() + margin + 1]
        known = classify(
            OccupancyGrid(grid.occupancy[window], grid.resolution),
            prior=self.prior,
            free_below=self.free_below,
            occupied_above=self.occupied_above,
            opaque=self._past.memory.opaque(grid, window),
        )
        room = self._room(grid, known, window)
        start = int(cells[0, 0]) - top, int(cells[0, 1]) - left
        passable = np.zeros(grid.shape, dtype=np.bool_)
        passable[window] = passable_around(known, room, start, self.robot_radius)
        return is_clear(grid, passable, points)

    def plan(
        self,
        grid: OccupancyGrid,
        pose: npt.ArrayLike,
        *,
        others: npt.ArrayLike | None = None,
        avoid: npt.ArrayLike | None = None,
    ) -> Plan:
        """The next goal and the path to it, or why there is none.

        Parameters
        ----------
        grid : OccupancyGrid
            The map; it may have grown or moved since the last plan.
        pose : (x, y, theta)
            Where the last scan was taken [m, m, rad].
        others : array (k, 3), optional
            Views that other robots are going to take: what they will see counts nothing here.
        avoid : array (k, 2), optional
            Places [m] where other robots of the same size stand.

        Raises
        ------
        ValueError
            If `pose` is not three finite numbers or lies outside the map.
        """
        grid_poses(grid, pose)
        x, y, theta = (float(v) for v in np.asarray(pose, dtype=np.float64).ravel())
        here = (x, y, theta)
        others, avoid = _rows(others, 3), _rows(avoid, 2)
        self._before = Decision(
            grid, here, others, avoid, self.sensor, self._options(), self._past.to_dict(grid)
        )
        known = self.knowledge(grid)
        self._past.notice(here, known, self.worthwhile(known))
        if self._past.spent:
            plan = self._end("budget", self._past.spent)
        elif self.travelled >= self.max_distance:
            plan = self._end("budget", f"{self.travelled:.1f} m driven of {self.max_distance:g} m")
        else:
            plan = self._decide(grid, here, known, others, avoid)
        return self._homeward(plan, grid, here) if plan.finished and self.return_home else plan

    def _decide(
        self,
        grid: OccupancyGrid,
        here: Pose,
        known: Knowledge,
        others: npt.NDArray[np.float64] | None,
        avoid: npt.NDArray[np.float64] | None,
    ) -> Plan:
        """The next view, or the end of the exploration."""
        i, j = grid.world_to_cell(here[:2])
        if known.occupied[i, j]:
            return self._end("stuck", "the robot stands in a cell that the map calls occupied")
        if known.free[i, j]:  # else no scan was taken from here
            self._past.memory.add(grid, Sight.of(known, self.sensor), here)
            known = self.knowledge(grid)
            self._past.memory.drive(grid, self._past.driven(here, 0.5 * grid.resolution))
        self._past.path = None
        room = self._room(grid, known)
        if avoid is not None:
            room = room.without(grid, avoid, 2.0 * self.robot_radius)
        field = distance_field(known, room, here, robot_radius=self.robot_radius)
        if not (room.open & np.isfinite(field.distance)).any():
            return self._look_here(known, here)
        sight = Sight.of(known, self.sensor)
        if others is not None:
            sight = sight.without(others)
        return self._choose(sight, room, field)

    def _room(
        self, grid: OccupancyGrid, known: Knowledge, window: tuple[slice, slice] = np.s_[:, :]
    ) -> Traversable:
        """Where the robot fits, or fitted before, in a window of the map that `known` speaks of."""
        return traversable(
            known, self.robot_radius, self._past.memory.driven(grid, window),
            beside=self.sensor.fov >= math.pi,
        )  # fmt: skip

    def _look_here(self, known: Knowledge, here: Pose) -> Plan:
        """The plan of a robot that knows of no place to go to: a scan, unless it does not help."""
        fits = f"a robot of radius {self.robot_radius:g} m fits nowhere near"
        return self._turn(Sight.of(known, self.sensor), here) or self._end(
            "stuck", f"{fits}, as far as the map tells"
        )

    def _turn(self, sight: Sight, here: Pose) -> Plan | None:
        """A scan from where the robot is, facing what promises most; None if it does not help."""
        turns = np.arange(1 if self._sees_around else HEADINGS) * (2.0 * math.pi / HEADINGS)
        poses = np.column_stack((np.full((len(turns), 2), here[:2]), here[2] + turns))
        bits = sight.information(poses)
        best = int(bits.argmax())
        # To turn costs no metre, and a few cells beside a robot may keep it from moving.
        least = self.worthwhile(sight.known) * (1.0 if self._sees_around else NEWS)
        if bits[best] < least or self._past.idle >= PATIENCE:
            return None
        reason = f"a scan here promises {bits[best]:.1f} bit, no other place is worth one"
        self._past.goal = None
        goal = (here[0], here[1], math.remainder(poses[best, 2], 2.0 * math.pi))
        path = np.array([goal])
        return Plan("go", path, goal, float(bits[best]), 0.0, (), reason, self.strategy)

    def _candidates(
        self, sight: Sight, room: Traversable, field: DistanceField
    ) -> tuple[Viewpoints, Views]:
        """Places to look from; all that can be reached before it is said that none is worth it."""
        known = sight.known
        shortest = max(1, round(self.robot_radius / known.belief.resolution))
        frontiers = find_frontiers(known, min_cells=min(3, shortest))
        for lattice in (None, LAST_LOOK):
            points = find_viewpoints(
                known, room, field, frontiers, max_range=self.sensor.max_range, lattice=lattice
            )
            views = candidate_views(
                sight, field, points,
                gain=self.gain, goal=self._past.goal, least=self.worthwhile(known),
                limit=self.max_candidates if lattice is None else 1 + len(points.cells),
            )  # fmt: skip
            if (views.information >= views.least).any():
                break
        return points, views

    def _choose(self, sight: Sight, room: Traversable, field: DistanceField) -> Plan:
        points, views = self._candidates(sight, room, field)
        worth = np.flatnonzero(views.information >= views.least)
        if len(worth) == 0 and not self._sees_around:
            turned = self._turn(sight, field.start)
            if turned is not None:
                return turned
        places = views.poses[worth, :2]
        allowed = ~self._past.blacklist.blocks(places, self._past.plans)
        if len(worth) and not allowed.any() and self._past.blacklist.release(self._past.plans):
            allowed = ~self._past.blacklist.blocks(places, self._past.plans)
        good = views.take(worth[allowed])
        if len(good) == 0:
            return self._nothing_left(points, views, len(worth))
        if self.return_home and math.isfinite(self.max_distance):
            good = good.take(np.flatnonzero(self._can_return(good, room)))
            if len(good) == 0:
                left = self.max_distance - self.travelled
                self._past.spent = f"the {left:.1f} m left are for the way home"
                return self._end("budget", self._past.spent)
        strategy = STRATEGIES[self.strategy]
        while len(good):  # each turn leaves out one view at least
            utility = strategy.rank(good)
            chosen = strategy.choose(good, utility)
            x, y, theta = (float(v) for v in good.poses[chosen])
            if self._past.choose((x, y, theta), alone=len(good) == 1):
                return self._go(good, utility, chosen)
            blocked = self._past.blacklist.blocks(good.poses[:, :2], self._past.plans)
            good = good.take(np.flatnonzero(~blocked))
        return self._nothing_left(points, views, len(worth))

    def _go(self, views: Views, utility: npt.NDArray[np.float64], chosen: int) -> Plan:
        order = np.argsort(-utility, kind="stable")
        table = np.column_stack(
            (views.poses, views.cost, views.information, views.frontier, utility)
        )
        candidates = [Candidate((r[0], r[1], r[2]), *r[3:]) for r in table[order].tolist()]
        best = next(c for c, k in zip(candidates, order, strict=True) if k == chosen)
        i, j = (int(v) for v in views.field.grid.world_to_cell(best.pose[:2]))
        kept = "" if chosen == order[0] else "still nearly "
        reason = (
            f"{kept}the best of {len(views)} by {self.strategy}: {best.information:.1f} bit at"
            f" the end of {best.cost:.1f} m"
        )
        self._past.path = views.field.path_to((i, j), best.pose[2])
        return Plan(
            "go", self._past.path, best.pose, best.information, best.cost, tuple(candidates),
            reason, self.strategy,
        )  # fmt: skip

    def _nothing_left(self, points: Viewpoints, views: Views, given_up: int) -> Plan:
        """The plan that ends an exploration, with the reason."""
        if given_up:
            reasons = sorted({e.reason for e in self._past.blacklist.entries})
            text = f"{given_up} views are left, all given up: {'; '.join(reasons)}"
            return self._end("stuck", text)
        # Rooms are left behind; the inside of furniture, seen through a gap beside it, is not.
        door = 2.0 * self.robot_radius / views.field.grid.resolution
        left = points.unreachable[points.unreachable[:, 2] >= door, :2]
        there = np.column_stack((views.field.grid.cell_to_world(left), np.zeros(len(left))))
        enough = ROOM * views.least if len(views) else 0.0
        behind = int((views.sight.information(there) >= enough).sum())
        if behind:
            text = (
                f"{behind} pieces of frontier are left where the robot does not fit"
                f" (radius {self.robot_radius:g} m)"
            )
            return self._end("unreachable", text)
        best = float(views.information.max()) if len(views) else 0.0
        text = f"the best reachable view promises {best:.2f} bit, less than {views.least:.2f} bit"
        return self._end("done", text)

    def _can_return(self, views: Views, room: Traversable) -> npt.NDArray[np.bool_]:
        """From which views the robot still gets home within its budget."""
        known, grid = views.sight.known, views.field.grid
        home = self._past.home or views.field.start
        if not _inside(grid, home):
            return np.zeros(len(views), dtype=np.bool_)
        back = distance_field(known, room, home, robot_radius=self.robot_radius).distance
        cells = grid.world_to_cell(views.poses[:, :2])
        way = views.cost + back[cells[:, 0], cells[:, 1]]
        return np.asarray(self.travelled + way <= self.max_distance)

    def _homeward(self, ended: Plan, grid: OccupancyGrid, here: Pose) -> Plan:
        """The way home when there is nothing else to do; `ended` once the robot is there."""
        home = self._past.home or here
        if math.dist(here[:2], home[:2]) <= 2.0 * grid.resolution:
            return ended
        known = self.knowledge(grid)
        room = self._room(grid, known)
        field = distance_field(known, room, here, robot_radius=self.robot_radius)
        i, j = (int(v) for v in grid.world_to_cell(home[:2]))
        cost = float(field.distance[i, j]) if _inside(grid, home) else math.inf
        if math.isinf(cost) or self._past.idle >= PATIENCE:
            return replace(ended, reason=f"{ended.reason}; there is no way home")
        reason = f"on the way home ({ended.status}: {ended.reason})"
        self._past.path = field.path_to((i, j), home[2])
        return Plan("go", self._past.path, home, 0.0, cost, (), reason, self.strategy)

    def _end(self, status: str, reason: str) -> Plan:
        self._past.goal = None
        return Plan(status, reason=reason, strategy=self.strategy)


def replay(path: str | os.PathLike[str]) -> Plan:
    """Make the decision in a file of `Explorer.dump_state` again.

    Raises
    ------
    ValueError
        If the file is no decision, is damaged or of another version.
    """
    decision = Decision.load(path)
    explorer = Explorer(decision.sensor, **decision.options)
    explorer._past.restore(decision.memory, decision.grid)
    return explorer.plan(decision.grid, decision.pose, others=decision.others, avoid=decision.avoid)


def _inside(grid: OccupancyGrid, pose: Pose) -> bool:
    cell = grid.world_to_cell(pose[:2])
    return bool(((cell >= 0) & (cell < grid.shape)).all())


def _rows(values: npt.ArrayLike | None, columns: int) -> npt.NDArray[np.float64] | None:
    """An array (k, columns) of its own; None for no rows."""
    if values is None or np.size(values) == 0:
        return None
    return np.array(values, dtype=np.float64).reshape(-1, columns)

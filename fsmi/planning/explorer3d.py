"""Where to fly next: views on a roadmap, information along the way, receding horizon.

A plan samples the roadmap on, values a view at every new place it reaches (best of several
headings), takes the views with the most bits a metre and values for each of those the whole
flight: what the views along the path tell, each voxel counted once. The best flight is flown for a
stretch, then everything is planned again. Values are kept; those that a change of the map may
touch are found anew when they come to the top of the list, and all of them before the end is
declared: seeing more makes most views tell less, so what is not at the top seldom belongs there.
"""

from __future__ import annotations

import math
from typing import final

import numpy as np
import numpy.typing as npt

from fsmi.planning.knowledge import FREE_BELOW, OCCUPIED_ABOVE
from fsmi.planning.memory3d import Memory3D
from fsmi.planning.roadmap3d import Roadmap3D, Ways, clear_ways
from fsmi.planning.space3d import Mask, Space, ball, classify_3d, room_for_body
from fsmi.planning.views3d import (
    Plan3D,
    Pose3D,
    along_path,
    best_headings,
    coarse,
    sees_all_around,
)
from fsmi.raycast3d import scaled_poses
from fsmi.sensor import BeamModel
from fsmi.voxels import VoxelMap

Array = npt.NDArray[np.float64]
SETTLE = 1.0  # [m] added to every path, as in `fsmi.planning.strategies`
HYSTERESIS = 0.15  # a new goal must be this much better than the present one
HEADINGS = 8
SHORT_LIST = 6  # flights valued as a whole
REFRESHED = 2 * SHORT_LIST  # best views whose values are found anew in every plan
LAST_LOOK = 12  # views valued with all beams before the end is declared


@final
class Explorer3D:
    """Chooses the next flight in an unknown voxel map. Keeps its roadmap and values of views.

    Parameters
    ----------
    sensor : SpinningLidar, DepthCamera or RangeSensor
    robot_radius : float
        Of the ball that the robot fits into [m].
    prior : float, optional
        Probability that an unknown voxel is occupied; default ``unknown_prior(resolution)``.
    spacing : float, optional
        Distance of places on the roadmap [m]; default twice `robot_radius`.
    min_information : float, optional
        Views that promise less [bit] are not worth a flight. Default: what a cube of unknown
        voxels twice as wide as the robot holds; the shadow behind every box holds less.
    min_rate : float
        Flights that promise less information a metre than this share of what a metre has told so
        far are not worth it, either: the last crumbs of a house lie at its far ends.
    max_distance : float, optional
        Distance [m] the robot may fly in all; then "budget".
    clear_start : float, optional
        Radius [m] around the first pose that is taken for free without a look, so that a sensor
        with a narrow view can begin to move; default three times `robot_radius`.
    plan_beams : int
        The sensor is thinned to about so many beams for planning.
    rng : Generator, int or None
        Of the samples.
    """

    def __init__(
        self,
        sensor: BeamModel,
        *,
        robot_radius: float,
        prior: float | None = None,
        spacing: float | None = None,
        min_information: float | None = None,
        min_rate: float = 0.01,
        max_distance: float = math.inf,
        clear_start: float | None = None,
        plan_beams: int = 1000,
        free_below: float = FREE_BELOW,
        occupied_above: float = OCCUPIED_ABOVE,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        if not (math.isfinite(robot_radius) and robot_radius > 0.0):
            raise ValueError(f"robot_radius is {robot_radius}; need a positive number of metres")
        if min_information is not None and not min_information > 0.0:
            raise ValueError(f"min_information is {min_information}; need a positive number [bit]")
        if not 0.0 <= min_rate < 1.0:
            raise ValueError(f"min_rate is {min_rate}; need a share in [0, 1)")
        if not max_distance > 0.0:
            raise ValueError(f"max_distance is {max_distance}; need a positive number of metres")
        if plan_beams < 1:
            raise ValueError(f"plan_beams is {plan_beams}; need at least 1")
        self.sensor, self.robot_radius = sensor, float(robot_radius)
        self.prior, self.min_information = prior, min_information
        self.min_rate, self.max_distance = float(min_rate), float(max_distance)
        self.clear_start = 3.0 * robot_radius if clear_start is None else float(clear_start)
        self.free_below, self.occupied_above = free_below, occupied_above
        self._view = coarse(sensor, plan_beams)
        self.roadmap = Roadmap3D(2.0 * robot_radius if spacing is None else spacing, rng=rng)
        self.travelled = 0.0
        self._last: tuple[Pose3D, float] | None = None
        self._start: Pose3D | None = None
        self._first = 0.0  # entropy of the belief when the first plan was made [bit]
        self._goal: tuple[Pose3D, float] | None = None  # and the information it promised
        self._spent: list[tuple[float, float, float]] = []
        self._values: dict[tuple[float, ...], tuple[float, float]] = {}  # place: yaw, bits
        self._stale: set[tuple[float, ...]] = set()  # places whose value may have changed
        self._open: Mask | None = None
        self._memory = Memory3D()

    def space(self, voxels: VoxelMap) -> Space:
        """What the planner takes a map to say."""
        return classify_3d(
            voxels,
            prior=self.prior,
            free_below=self.free_below,
            occupied_above=self.occupied_above,
            opaque=self._memory.opaque(voxels, self.free_below),
            gap=2.0 * self.robot_radius,
        )

    def room(self, space: Space, pose: npt.ArrayLike) -> Mask:
        """Where the robot can be, (D, H, W), given that it is at `pose` now."""
        here = np.asarray(pose, dtype=np.float64)[:3]
        cleared = None
        if self._start is not None:
            cleared = ball(space, self._start[:3], self.clear_start)
        room = room_for_body(space, self.robot_radius, cleared)
        if not space.within(room, here[None])[0]:
            # Noise or grazing beams closed the map around the robot: it is where it is.
            room |= ball(space, here, 2.0 * self.robot_radius) & ~space.occupied
        return room

    def worthwhile(self, space: Space) -> float:
        """Least information [bit] that a flight must promise."""
        if self.min_information is not None:
            return self.min_information
        p, side = space.prior, 4.0 * self.robot_radius / space.belief.resolution
        voxel = -(p * math.log2(p) + (1.0 - p) * math.log2(1.0 - p))
        return max(1.0, side**3) * voxel

    def is_clear(self, voxels: VoxelMap, path: npt.ArrayLike) -> bool:
        """Whether a path (n, 4) is still passable now that the map has changed."""
        points = np.asarray(path, dtype=np.float64)[:, :3]
        space = self.space(voxels)
        room = self.room(space, points[0])
        return bool(clear_ways(space, room, points[:-1], points[1:]).all())

    def plan(self, voxels: VoxelMap, pose: npt.ArrayLike) -> Plan3D:
        """The next flight, or why there is none.

        Raises
        ------
        ValueError
            If `pose` is not four finite numbers x, y, z [m], yaw [rad] inside the map.
        """
        if np.shape(pose) != (4,):
            raise ValueError(f"pose has shape {np.shape(pose)}; need (4,): x, y, z [m], yaw [rad]")
        scaled_poses(voxels, pose)
        x, y, z, yaw = (float(v) for v in np.asarray(pose, dtype=np.float64))
        here = (x, y, z, yaw)
        space = self.space(voxels)
        self._remember(here, space)
        self._memory.add(voxels, space, here, self.sensor)
        if self.travelled >= self.max_distance:
            text = f"{self.travelled:.1f} m flown of {self.max_distance:g} m"
            return Plan3D("budget", reason=text)
        room = self.room(space, here)
        if not space.within(room, np.array([here[:3]]))[0]:
            return Plan3D("stuck", reason="the robot is in a voxel that the map calls occupied")
        self.roadmap.refresh(space, room)
        ways = self.roadmap.ways_from(space, room, here[:3])
        self._doubt(space)
        return self._choose(space, ways, here)

    def _remember(self, pose: Pose3D, space: Space) -> None:
        """Count the distance; give up a goal that was reached and told next to nothing."""
        entropy = space.entropy()
        if self._start is None:
            self._start, self._first = pose, entropy
        if self._last is not None:
            self.travelled += math.dist(self._last[0][:3], pose[:3])
            if self._goal is not None:
                goal, promised = self._goal
                near = math.dist(goal[:3], pose[:3]) <= 2.0 * space.belief.resolution
                still = math.dist(self._last[0][:3], pose[:3]) < 0.5 * space.belief.resolution
                if (near or still) and self._last[1] - entropy < 0.1 * promised:
                    self._spent.append(goal[:3])
                    self._goal = None
        self._last = (pose, entropy)

    def _doubt(self, space: Space) -> None:
        """Mark the values of views that a change of the map since the last plan may touch."""
        if self._open is not None and self._open.shape == space.open.shape:
            changed = np.argwhere(self._open != space.open)
            if len(changed):
                ends = space.centre_of(np.stack((changed.min(axis=0), changed.max(axis=0))))
                low, high = ends[0] - self.sensor.max_range, ends[1] + self.sensor.max_range
                self._stale |= {
                    place
                    for place in self._values
                    if all(a <= p <= b for a, p, b in zip(low, place, high, strict=True))
                }
        else:
            self._values = {}
        self._open = space.open

    def _value(
        self, space: Space, places: Array, again: npt.NDArray[np.bool_]
    ) -> tuple[Array, Array]:
        """Best yaw and information of the views at places (n, 3); doubtful ones anew if `again`."""
        keys = [tuple(p) for p in places.tolist()]
        fresh = [
            m
            for m, key in enumerate(keys)
            if key not in self._values or (again[m] and key in self._stale)
        ]
        if fresh:
            yaw, bits = best_headings(space, places[fresh], self._view, HEADINGS)
            for m, y, b in zip(fresh, yaw.tolist(), bits.tolist(), strict=True):
                self._values[keys[m]] = (y, b)
                self._stale.discard(keys[m])
        found = np.array([self._values[key] for key in keys]).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def _views(
        self, space: Space, places: Array, cost: Array, fresh: npt.NDArray[np.bool_]
    ) -> tuple[Array, Array]:
        """Yaw and information of the views; those of the best, or of all if none is good, are new.

        `fresh` (n,) are the places that are not given up, `cost` (n,) the ways there [m].
        """
        least = self.worthwhile(space)
        known = np.zeros(len(places), dtype=np.bool_)
        while True:
            yaw, bits = self._value(space, places, known)
            good = (bits >= least) & fresh
            if not good.any():
                return self._value(space, places, np.ones_like(known))
            rate = np.where(good, bits / (cost + SETTLE), -1.0)
            best = np.argsort(-rate, kind="stable")[:REFRESHED]
            if known[best].all():  # ends: every round finds at least one more
                return yaw, bits
            known[best] = True

    def _choose(self, space: Space, ways: Ways, here: Pose3D) -> Plan3D:
        reached = np.flatnonzero(np.isfinite(ways.distance))
        cost = ways.distance[reached]
        least = self.worthwhile(space)
        fresh = ~self._is_spent(ways.places[reached])
        yaw, bits = self._views(space, ways.places[reached], cost, fresh)
        good = (bits >= least) & fresh
        if not good.any():  # the thinned sensor sees too little: ask the whole one before ending
            last = np.argsort(-np.where(fresh, bits, -1.0), kind="stable")[:LAST_LOOK]
            yaw[last], bits[last] = best_headings(
                space, ways.places[reached[last]], self.sensor, HEADINGS
            )
            good = (bits >= least) & fresh
        if not good.any():
            best = float(bits.max())
            what = "is given up" if best >= least else f"is less than {least:.1f} bit"
            text = f"the best of {len(reached)} views promises {best:.1f} bit, which {what}"
            return Plan3D("done", reason=text)
        rate = np.where(good, bits / (cost + SETTLE), -1.0)
        if self._goal is not None:  # the present goal is not left for a little more
            at_goal = ((ways.places[reached] - self._goal[0][:3]) ** 2).sum(axis=1) < 1e-6
            rate[at_goal & good] *= 1.0 + HYSTERESIS
        flights = []
        for m in np.argsort(-rate, kind="stable")[:SHORT_LIST]:
            if rate[m] <= 0.0:
                break
            path = self._flight(ways, int(reached[m]), float(yaw[m]), here)
            told = float(along_path(space, path[1:] if len(path) > 1 else path, self._view).sum())
            boost = rate[m] * (cost[m] + SETTLE) / bits[m]  # the hysteresis
            flights.append((boost * told / (cost[m] + SETTLE), told, path, float(cost[m])))
        best, told, path, length = max(flights, key=lambda flight: flight[0])
        worth = max(best, rate.max()) * (length + SETTLE)
        lowest = self.min_rate * self._mean_rate(space) * (length + SETTLE)
        if worth < lowest:
            text = (
                f"the best flight, {length:.1f} m, promises {worth:.1f} bit; worth it: {lowest:.1f}"
            )
            return Plan3D("done", reason=text)
        goal = tuple(path[-1].tolist())
        self._goal = (goal, told)
        text = f"{told:.0f} bit along {length:.1f} m, the best of {int(good.sum())} views"
        return Plan3D("go", path, goal, told, length, int(good.sum()), text)

    def _mean_rate(self, space: Space) -> float:
        """What a metre has told so far [bit/m]; 0 before the first."""
        told = self._first - space.entropy()
        return max(0.0, told / self.travelled) if self.travelled > 0.0 else 0.0

    def _flight(self, ways: Ways, place: int, yaw: float, here: Pose3D) -> Array:
        """Poses (n, 4) to a place: facing the way ahead, at the end what the view is for."""
        points = ways.path_to(place)
        yaws = np.full(len(points), yaw)
        if len(points) > 1:
            yaws[0] = here[3]
        if not sees_all_around(self.sensor):
            for m in range(1, len(points) - 1):
                dx, dy = points[m + 1, :2] - points[m, :2]
                yaws[m] = math.atan2(dy, dx) if math.hypot(dx, dy) > 1e-6 else yaws[m - 1]
        return np.column_stack((points, yaws))

    def _is_spent(self, places: Array) -> npt.NDArray[np.bool_]:
        spent = np.zeros(len(places), dtype=np.bool_)
        for place in self._spent:
            spent |= ((places - place) ** 2).sum(axis=1) < (1.5 * self.roadmap.spacing) ** 2
        return spent

    def __repr__(self) -> str:
        return f"Explorer3D({self.roadmap!r}, {self.travelled:.1f} m flown)"

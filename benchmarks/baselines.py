"""Two baselines that no robot can use: one that cares for nothing, one that knows the world.

`Clairvoyant` plans with the true map: what is left to see is exactly the part of the target that
was not measured yet, and beams end only at true walls. Its tour is good, not proved the shortest,
so its path is what foresight is worth and no bound.
"""

from __future__ import annotations

import math

import numpy as np

from fsmi.grid import OccupancyGrid
from fsmi.planning.knowledge import Knowledge, classify
from fsmi.planning.paths import distance_field, traversable
from fsmi.planning.plan import Plan
from fsmi.planning.sight import Sight
from fsmi.planning.strategies import STRATEGIES, Strategy
from fsmi.planning.views import Views
from fsmi.sensor import RangeSensor
from fsmi.sim.coverage import Coverage

LATTICE = 1.0  # distance between the views that are tried [m]
LIMIT = 300  # views that are valued, the nearest ones
HEADINGS = 8
# A cell of the target is worth this chance of a wall: any number, the same for all.
CHANCE = 0.01
LEAST = 10  # cells that make a view worth driving to


def random_views(views: Views) -> np.ndarray:
    """Utilities without a meaning, the same for the same views."""
    return np.random.default_rng(int(1e6 * views.cost.sum())).random(len(views))


# A view once chosen is driven to: nothing is better by more than infinity.
RANDOM = Strategy(random_views, absolute=math.inf)


class Clairvoyant:
    """Explores like `fsmi.Explorer`, with the true map in its pocket."""

    def __init__(self, coverage: Coverage, sensor: RangeSensor, robot_radius: float) -> None:
        self.sensor, self.robot_radius = sensor, robot_radius
        self.target = coverage.target
        self.truth = classify(coverage.truth)
        self.room = traversable(self.truth, robot_radius)
        self.goal: tuple[float, float, float] | None = None

    def knowledge(self, grid: OccupancyGrid) -> Knowledge:
        """The true map, in which the unseen part of the target is worth a look."""
        left = self.target & (grid.occupancy == 0.5)
        belief = np.where(self.truth.solid, np.float32(1.0), np.float32(0.0))
        belief[left] = CHANCE
        view = OccupancyGrid(belief, grid.resolution, grid.origin)
        solid = self.truth.solid
        return Knowledge(self.truth.free, solid, left, left, solid, view, CHANCE)

    def is_clear(self, grid: OccupancyGrid, path: object) -> bool:
        """Always: it plans around walls that nobody saw yet."""
        return True

    def plan(self, grid: OccupancyGrid, pose: tuple[float, float, float]) -> Plan:
        """The beginning of a short tour over what is left."""
        here = (float(pose[0]), float(pose[1]), float(pose[2]))
        sight = Sight.of(self.knowledge(grid), self.sensor)
        field = distance_field(self.truth, self.room, here, robot_radius=self.robot_radius)
        step = round(LATTICE / grid.resolution)
        near = np.isfinite(field.distance) & self.room.open
        lattice = np.zeros_like(near)
        lattice[::step, ::step] = True
        cells = np.argwhere(near & lattice)
        cost = field.distance[cells[:, 0], cells[:, 1]].astype(np.float64)
        order = np.argsort(cost)
        poses, bits = self._turned(sight, grid.cell_to_world(cells[order]))
        least = LEAST * float(sight.worth.max(initial=0.0))
        worth = np.flatnonzero((bits > 0.0) & (bits >= least))[:LIMIT]
        if len(worth) == 0:
            return Plan("done", reason="the target was seen")
        same = (poses[worth] == self.goal).all(axis=1) if self.goal else np.zeros(len(worth), bool)
        views = Views(
            sight, field, poses[worth], cost[order][worth], bits[worth], bits[worth],
            np.zeros(len(worth)), least=least, goal=int(same.argmax()) if same.any() else -1,
        )  # fmt: skip
        tour = STRATEGIES["tour"]
        chosen = tour.choose(views, tour.rank(views))
        x, y, heading = (float(v) for v in views.poses[chosen])
        self.goal = (x, y, heading)
        i, j = (int(v) for v in grid.world_to_cell((x, y)))
        path = field.path_to((i, j), heading)
        return Plan("go", path, self.goal, float(views.information[chosen]), strategy="clairvoyant")

    def _turned(self, sight: Sight, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each place with its best heading, and the information there."""
        around = self.sensor.fov >= 2.0 * math.pi - 1e-9
        turns = np.arange(1 if around else HEADINGS) * (math.tau / HEADINGS)
        k = len(turns)
        poses = np.column_stack((np.repeat(xy, k, axis=0), np.tile(turns, len(xy))))
        bits = sight.information(poses).reshape(-1, k)
        best = bits.argmax(axis=1) if len(xy) else np.zeros(0, dtype=int)
        return poses.reshape(-1, k, 3)[np.arange(len(xy)), best], bits[np.arange(len(xy)), best]

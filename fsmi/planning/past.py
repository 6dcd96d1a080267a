"""What a planner remembers between plans: its goal, its failures, the way it came."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.planning.blacklist import Blacklist, Entry
from fsmi.planning.knowledge import FREE_BELOW, Knowledge
from fsmi.planning.memory import Memory
from fsmi.planning.plan import Pose
from fsmi.sensor import RangeSensor

NEWS = 0.2  # share of a worthwhile view that is news: noise alone always changes a few cells
PATIENCE = 3  # plans without movement and without news after which a goal is given up


@final
class Past:
    """The state of an `Explorer`.

    Attributes
    ----------
    travelled : float
        [m], straight from plan to plan.
    plans : int
        Made so far.
    goal : (x, y, theta) or None
        Where the robot is driving to.
    path : array (n, 3) or None
        How, as the last plan said.
    last : (pose, float) or None
        Pose at the last plan and the least entropy of the belief [bit] so far: the entropy of a
        wall that flickers goes up and down, which is no news.
    left : list of (x, y, theta)
        Goals left for others since something was learnt.
    idle : int
        Plans since the robot last moved or learnt something.
    home : (x, y, theta) or None
        Where the first plan was made.
    spent : str
        Why the rest of the budget is for the way home, "" while it is not.
    blacklist : Blacklist
    memory : Memory
    """

    def __init__(
        self, sensor: RangeSensor, robot_radius: float, free_below: float = FREE_BELOW
    ) -> None:
        self.travelled = 0.0
        self.plans, self.idle = 0, 0
        self.goal: Pose | None = None
        self.path: npt.NDArray[np.float64] | None = None
        self.last: tuple[Pose, float] | None = None
        self.left: list[Pose] = []
        self.home: Pose | None = None
        self.spent = ""
        self.blacklist = Blacklist(robot_radius)
        self.memory = Memory(sensor, free_below)

    def notice(self, pose: Pose, known: Knowledge, least: float) -> None:
        """Count distance and plans; give up a goal that brought neither movement nor news.

        `least` is what makes a view worthwhile [bit].
        """
        entropy, resolution = known.entropy(), known.belief.resolution
        self.home = self.home or pose
        self.plans += 1
        if self.last is not None:
            before, lowest = self.last
            step = math.hypot(pose[0] - before[0], pose[1] - before[1])
            self.travelled += step
            # A fraction of a worthwhile view: noise alone always changes a few cells. A map that
            # grew, or of which much was forgotten, begins anew.
            news = lowest - entropy > NEWS * least or entropy - lowest > 10.0 * least
            if news:
                self.left.clear()
            else:
                entropy = min(entropy, lowest)
            self.idle = 0 if step > resolution or news else self.idle + 1
            if self.goal is not None:
                left = math.hypot(pose[0] - self.goal[0], pose[1] - self.goal[1])
                if left <= resolution and not news:
                    self._give_up("it was reached and nothing new was seen from it")
                elif self.idle >= PATIENCE:
                    self._give_up("the robot does not move towards it")
        self.last = (pose, entropy)

    def driven(self, pose: Pose, step: float) -> npt.NDArray[np.float64]:
        """Places (n, 2) [m] between which the robot came to `pose`, a `step` [m] apart.

        The beginning of the path of the last plan, if it ends nearby; else only where it is now.
        """
        here = np.array([pose[:2]])
        if self.path is None or len(self.path) < 2:
            return here
        corners = self.path[:, :2]
        along = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))))
        at = np.arange(0.0, along[-1] + step, step)
        places = np.column_stack([np.interp(at, along, axis) for axis in corners.T])
        gaps = np.hypot(*(places - here).T)
        last = int(gaps.argmin())
        return np.vstack((places[: last + 1], here)) if gaps[last] <= 2.0 * step else here

    def choose(self, goal: Pose, *, alone: bool = False) -> bool:
        """Take a goal; False if it was left before and nothing was learnt since.

        It is avoided for a while then: where a wall flickers, a place may be reachable from here
        and not from there, and a robot would drive to and fro between two goals for ever. One
        that stands `alone` is taken until it is given up for good.
        """
        near = self.blacklist.radius
        if self.goal is not None and math.dist(goal[:2], self.goal[:2]) > near:
            if any(math.dist(goal[:2], other[:2]) <= near for other in self.left):
                reason = "it was left for another goal and nothing was learnt since"
                self.blacklist.add(goal[0], goal[1], self.plans, reason)
                if not (alone and self.blacklist.forgives(goal[0], goal[1])):
                    return False
            self.left.append(self.goal)
        self.goal = goal
        return True

    def _give_up(self, reason: str) -> None:
        if self.goal is not None:
            self.blacklist.add(self.goal[0], self.goal[1], self.plans, reason)
        self.goal, self.idle = None, 0

    def to_dict(self, grid: OccupancyGrid) -> dict[str, Any]:
        """A copy of everything, for a plan on `grid`."""
        return {
            "travelled": self.travelled,
            "plans": self.plans,
            "goal": self.goal,
            "path": None if self.path is None else self.path.tolist(),
            "last": self.last,
            "left": list(self.left),
            "idle": self.idle,
            "home": self.home,
            "spent": self.spent,
            "blacklist": [dataclasses.astuple(entry) for entry in self.blacklist.entries],
            **self.memory.state(grid),
        }

    def restore(self, state: dict[str, Any], grid: OccupancyGrid) -> None:
        """Remember what `state` says, `grid` being the map it was made for."""
        self.travelled, self.plans = state["travelled"], state["plans"]
        self.idle, self.spent = state["idle"], state["spent"]
        self.goal, self.home = _pose(state["goal"]), _pose(state["home"])
        self.path = None if state["path"] is None else np.array(state["path"])
        last = state["last"]
        self.last = None if last is None else ((*last[0],), last[1])
        self.left = [(p[0], p[1], p[2]) for p in state.get("left", ())]
        self.blacklist.entries = [Entry(*values) for values in state["blacklist"]]
        self.memory.restore(state, grid)

    def __repr__(self) -> str:
        return f"Past({self.plans} plans, {self.travelled:.1f} m)"


def _pose(values: Any) -> Pose | None:
    return None if values is None else (values[0], values[1], values[2])

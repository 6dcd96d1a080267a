"""The protocol between planner and simulator, and a disc-shaped robot in a `World`."""

from __future__ import annotations

import math
from typing import Protocol, final

import numpy as np
import numpy.typing as npt

from fsmi.sensor import RangeSensor
from fsmi.sim.lidar import clearance, ranges_in
from fsmi.sim.worlds import Pose, World

STEP = 0.02  # distance between two collision checks [m]


class Robot(Protocol):
    """What a simulator must offer to be explored: three methods.

    `scan` returns ranges [m] in the order of ``sensor.angles()`` (inf: no return, nan: invalid),
    `pose` where the robot is (x, y, theta) [m, m, rad], and `go_to` drives straight to a pose a
    short way ahead and returns when the robot is there or has given up. If the object has an
    integer `collisions`, the episode reports it.
    """

    def scan(self) -> npt.NDArray[np.float64]:
        """Ranges (n_beams,) [m] seen from where the robot is now."""
        ...

    def pose(self) -> Pose:
        """Where the robot is: (x, y, theta) [m, m, rad]."""
        ...

    def go_to(self, pose: Pose) -> None:
        """Drive straight to `pose`; return on arrival or when the way is blocked."""
        ...


@final
class SimulatedRobot:
    """A disc with a lidar in a world; it stops short of walls and counts when it had to.

    Parameters
    ----------
    world : World
    sensor : RangeSensor
    radius : float
        Of the robot [m].
    start : (x, y, theta), optional
        Default: the start of the world.
    rng : Generator, int or None
        Source of the range noise.
    """

    def __init__(
        self,
        world: World,
        sensor: RangeSensor,
        *,
        radius: float = 0.2,
        start: Pose | None = None,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        if not (math.isfinite(radius) and radius > 0.0):
            raise ValueError(f"radius is {radius}; need a positive number of metres")
        self.world, self.sensor, self.radius = world, sensor, radius
        self.segments = world.segments()
        self.collisions = 0
        self._pose = tuple(float(v) for v in (start or world.start))
        self._rng = np.random.default_rng(rng)
        room = float(clearance(self.segments, [self._pose[:2]])[0])
        if room < radius:
            raise ValueError(
                f"the start ({self._pose[0]:g}, {self._pose[1]:g}) is {room:.2f} m from a wall;"
                f" a robot of radius {radius:g} m needs more room"
            )

    def pose(self) -> Pose:
        """Where the robot is: (x, y, theta) [m, m, rad]."""
        return self._pose  # type: ignore[return-value]

    def scan(self) -> npt.NDArray[np.float64]:
        """A noisy scan from where the robot is, (n_beams,) [m]."""
        return ranges_in(self.segments, self.pose(), self.sensor, rng=self._rng)

    def go_to(self, pose: Pose) -> None:
        """Drive straight to `pose`, or to the last place before a wall would be touched."""
        here, there = np.array(self._pose[:2]), np.array(pose[:2], dtype=np.float64)
        length = float(np.hypot(*(there - here)))
        parts = np.linspace(0.0, 1.0, max(2, math.ceil(length / STEP) + 1))[:, None]
        places = here + parts * (there - here)
        blocked = clearance(self.segments, places) < self.radius
        if blocked[1:].any():
            self.collisions += 1
            last = places[int(np.argmax(blocked[1:]))]
            self._pose = (float(last[0]), float(last[1]), float(pose[2]))
        else:
            self._pose = (float(there[0]), float(there[1]), float(pose[2]))
